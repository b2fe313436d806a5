import json
from pathlib import Path

import pytest
from small import FAIL, check, op, table, titles

from checkers.histories.isolation import ListAppend, RwRegister
from checkers.verifier import read_history, verify
from harness import cli, judging
from harness.errors import UsageError
from harness.history_checker import Request
from harness.verdict import Verdict

SERIAL = (
    op("txn", [["append", "x", 1], ["r", "x", None]], at=(0, 1), value=[["append", "x", 1], ["r", "x", [1]]]),
    op("txn", [["r", "x", None]], at=(2, 3), value=[["r", "x", [1]]]),
)
SKEW = (
    op(
        "txn", [["r", "x", None], ["append", "y", 1]], at=(0, 9), value=[["r", "x", None], ["append", "y", 1]]
    ),
    op(
        "txn",
        [["r", "y", None], ["append", "x", 2]],
        at=(0, 9),
        value=[["r", "y", []], ["append", "x", 2]],
        process=1,
    ),
    op(
        "txn",
        [["r", "x", None], ["r", "y", None]],
        at=(10, 11),
        value=[["r", "x", [2]], ["r", "y", [1]]],
        process=2,
    ),
)


def test_what_happened_one_after_the_other_holds():
    result = check(ListAppend({}), *SERIAL)
    assert (result.verdict, result.summary) == (Verdict.HOLDS, "2 transactions: no anomaly")


def test_a_write_skew_violates_serializability_and_not_snapshot_isolation():
    result = check(ListAppend({}), *SKEW)
    assert (result.verdict, result.anomalies) == (Verdict.VIOLATED, ("G2-item",))
    assert titles(result) == ["G2-item: 1 case"]
    allowed = check(ListAppend({}), *SKEW, consistency="snapshot-isolation")
    assert (allowed.verdict, allowed.anomalies, allowed.certificate) == (Verdict.HOLDS, ("G2-item",), None)


def test_an_aborted_read():
    failed = op("txn", [["append", "x", 7]], at=(0, 1), outcome=FAIL)
    seen = op("txn", [["r", "x", None]], at=(2, 3), value=[["r", "x", [7]]])
    assert check(ListAppend({}), failed, seen, op("txn", [["append", "x", 8]], at=(4, 5))).anomalies == (
        "G1a",
    )


def test_registers_and_what_is_taken_for_granted_of_them():
    stale = (
        op("txn", [["w", "x", 1]], at=(0, 1), value=[["w", "x", 1]]),
        op("txn", [["w", "x", 2]], at=(2, 3), value=[["w", "x", 2]]),
        op("txn", [["r", "x", None]], at=(4, 5), value=[["r", "x", 1]], process=1),
    )
    assert RwRegister({}).fits(table(*stale)) and not ListAppend({}).fits(table(*stale))
    assert check(RwRegister({}), *stale).verdict is Verdict.HOLDS
    assert check(RwRegister({"linearizable_keys": True}), *stale).verdict is Verdict.VIOLATED


def test_a_model_that_there_is_not_is_a_mistake():
    with pytest.raises(
        UsageError, match=r"--consistency: there is no model 'serial'; allowed: .*serializable"
    ):
        judging.judge(table(*SERIAL), Request(consistency="serial"), named=[ListAppend({})])


def test_a_made_up_history_is_judged_and_its_certificate_checked_independently(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    made = ["list-append", "--isolation", "snapshot", "--operations", "600", "--out", "h.jsonl"]
    assert cli.main(["generate", *made]) == 0
    assert cli.main(["check", "h.jsonl", "--out", "kept"]) == 1
    certificate = Path("kept", "certificate-list-append.json")
    assert verify(json.loads(certificate.read_text()), read_history(Path("h.jsonl"))).true
    assert cli.main(["verify-certificate", str(certificate), "h.jsonl"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"{certificate}: ACCEPTED"
    claimed = json.loads(certificate.read_text())
    claimed["certificate"]["anomalies"][0]["anomaly"] = "G0"
    certificate.write_text(json.dumps(claimed))
    assert cli.main(["verify-certificate", str(certificate), "h.jsonl", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["accepted"] is False
    assert cli.main(["verify-certificate", "gone.json", "h.jsonl"]) == 64
    assert cli.main(["verify-certificate", str(certificate), "gone.jsonl"]) == 64
