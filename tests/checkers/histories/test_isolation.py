import json
import re
from pathlib import Path

import pytest
from small import FAIL, check, op, table, titles

from checkers.histories.isolation import ListAppend, RwRegister
from checkers.transactions import MODELS, NAMES
from checkers.transactions.models import canonical
from checkers.verifier import read_history, verify
from harness import cli
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


@pytest.mark.parametrize(
    "micro",
    [["append", "x"], ["append", "x", 1, 2], [], "abc", 3, None],
    ids=["two", "four", "none", "text", "number", "nil"],
)
def test_what_is_no_list_of_triples_is_no_transaction(micro):
    odd = [micro, ["append", "x", 9]]
    stranger = op("odd", odd, at=(4, 5), value=odd)
    result = check(ListAppend({}), *SERIAL, stranger)
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


ASKED = (
    "read-uncommitted", "read-committed", "read-atomic", "cursor-stability", "repeatable-read",
    "snapshot-isolation", "serializable", "strong-session-serializable", "strong-session-snapshot-isolation",
    "strong-snapshot-isolation", "strong-serializable", "strict-serializable", "linearizable", "PL-1", "PL-2",
    "PL-2.99", "PL-3", "strong-session-PL-2", "read uncommitted", "strong session", "snapshot isolation",
)  # fmt: skip


@pytest.mark.parametrize("name", ASKED)
def test_models_are_known_by_the_names_of_the_literature(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["generate", "list-append", "--operations", "40", "--out", "h.edn"]) == 0
    assert cli.main(["check", "h.edn", "--consistency", name]) == 0


def test_every_name_means_a_model():
    assert {canonical(name) for name in NAMES} == set(MODELS)
    with pytest.raises(KeyError):
        canonical("strong-strict-serializable")


@pytest.mark.parametrize(
    "name,options,told",
    [
        ("serial", (), "allowed: linearizable, strict-serializable, .*snapshot-isolation"),
        ("serialisable", (), "did you mean 'serializable'\\?"),
        ("serializable", ("--checker", "bank"), "allowed: none by these checkers"),
    ],
)
def test_a_model_that_there_is_not_is_a_mistake_in_one_line(name, options, told, tmp_path, capsys):
    path = tmp_path / "h.edn"
    path.write_text("this is not even read")
    assert cli.main(["check", str(path), "--consistency", name, *options]) == 64
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"acked: --consistency: there is no model '{name}'; allowed: ")
    assert re.search(told, line)


def test_a_made_up_history_is_judged_and_its_certificate_checked_independently(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    made = ["list-append", "--isolation", "snapshot", "--operations", "600", "--out", "h.jsonl"]
    assert cli.main(["generate", *made]) == 0
    assert cli.main(["check", "h.jsonl", "--out", "kept"]) == 1
    assert 'class="cycle"' in Path("kept", "report.html").read_text()
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
