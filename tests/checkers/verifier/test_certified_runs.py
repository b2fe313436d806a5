"""Certificates of runs: keys that transactions touch, too, and everything in a run's folder at once."""

import json
from pathlib import Path

import pytest
from history_files import history, op, write

from checkers.verifier import Refused, verify
from harness import cli

TXN = (
    op(0, "txn", [["append", "x", 1], ["append", "y", 2]], at=0, until=10,
       value=[["append", "x", None], ["append", "y", None]]),
    op(1, "get", "x", at=20, until=30, value=[1]),
    op(2, "get", "y", at=20, until=30, value=None),
    op(3, "peek", ["x", "y"], at=20, until=30, value=[[1], None]),
    op(4, "put", "z", 5, at=20, until=30),
    op(5, "get", "z", at=40, until=50, value=5),
)  # fmt: skip


def window(key, *required):
    operations = [{"id": id, "role": "required"} for id in required]
    one = {"key": key, "model": "list-append", "from_ns": None, "any_state": False, "operations": operations}
    return {"kind": "window", "windows": [one]}


def linearization(key, *order):
    return {"kind": "linearization", "objects": [{"key": key, "model": "list-append", "order": [*order]}]}


def test_what_a_transaction_wrote_counts_on_each_of_its_keys(tmp_path):
    recorded = history(tmp_path / "h", *TXN)
    assert verify(linearization("x", 0, 1), recorded).true
    assert verify(window("y", 0, 2), recorded).true
    with pytest.raises(Refused, match="can be ordered"):
        verify(window("x", 0, 1), recorded)
    with pytest.raises(Refused, match="can't have answered"):
        verify(linearization("y", 0, 2), recorded)


def test_several_things_done_at_once_have_no_other_between_them(tmp_path):
    asked = [["append", "x", 1], ["get", "x", None], ["append", "x", 2]]
    told = [["append", "x", None], ["get", "x", [1]], ["append", "x", None]]
    for shown, good in (([1, 2], True), ([1], False)):
        recorded = history(
            tmp_path / "h",
            op(0, "txn", asked, at=0, until=10, value=told),
            op(1, "get", "x", at=0, until=10, value=shown),
        )
        if good:
            assert verify(linearization("x", 0, 1), recorded).true
        else:
            assert verify(window("x", 0, 1), recorded).true


def test_an_unknown_transaction_that_was_seen_has_happened(tmp_path):
    recorded = history(
        tmp_path / "h",
        op(0, "txn", [["append", "x", 1], ["append", "x", 2]], at=0),
        op(1, "get", "x", at=20, until=30, value=[1, 2]),
        op(2, "get", "x", at=40, until=50, value=None),
    )
    assert verify(window("x", 0, 1, 2), recorded).true


def test_a_key_to_which_something_else_was_done_is_no_object_of_the_model(tmp_path):
    more = op(9, "put", "y", [], at=11, until=12)
    with pytest.raises(Refused, match="operation 9 does write, which no list-append knows"):
        verify(window("y", 0, 2), history(tmp_path / "h", *TXN, more))


def test_appends_and_reads_alone_are_transactions_on_lists(tmp_path):
    cycle = {
        "anomaly": "G-single",
        "steps": [
            {"id": 0, "edge": "wr", "before": {"id": 0, "place": 0}, "after": {"id": 1, "place": 0}},
            {"id": 1, "edge": "process"},
            {"id": 2, "edge": "rw", "before": {"id": 2, "place": 0}, "after": {"id": 0, "place": 1}},
        ],
    }
    claimed = {
        "kind": "transactions", "workload": "list-append", "consistency": "strict-serializable",
        "infer": [], "anomalies": [{**cycle, "anomaly": "G-single-process"}],
    }  # fmt: skip
    later = (*TXN[:2], op(2, "get", "y", at=40, until=50, value=None), *TXN[3:])
    assert verify(claimed, history(tmp_path / "h", *later)).true


SCENARIO = """
name: planted
mode: quorum
machines: sim
seed: 5
time_limit_s: 1.5
settings: {bug: transaction-in-part}
workload: {name: mixed, rate: 200, clients: 6, reads: 0.5}
"""


def compare(*args: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict]:
    code = cli.main(["verify-certificate", *args, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_the_certificates_of_a_run_are_compared_with_its_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text(SCENARIO)
    assert cli.main(["run", "s.yaml", "--folder", "run"]) == 1
    kept = [each.name for each in sorted(Path("run").glob("certificate-*"))]
    assert kept == [
        "certificate-durability.json", "certificate-linearizable.json", "certificate-transactions.json",
    ]  # fmt: skip
    page = Path("run", "report.html").read_text()
    assert page.count('class="window"') and page.count('class="cycle"')
    capsys.readouterr()
    code, told = compare("run", capsys=capsys)
    assert (code, told["accepted"], told["refusal"]) == (0, True, "") and len(told["true"]) > 5

    file = Path("run", "certificate-linearizable.json")
    honest = file.read_text()
    claim = json.loads(honest)
    for each in claim["certificate"]["windows"][0]["operations"][1:]:
        each["role"] = "possible"
    file.write_text(json.dumps(claim))
    code, told = compare("run", capsys=capsys)
    assert code == 1 and told["refusal"].startswith("certificate-linearizable.json: claim 0: ")
    file.write_text(honest)

    recorded = Path("run", "history.jsonl")
    lines = recorded.read_text().splitlines(keepends=True)
    lost = json.loads(Path("run", "certificate-durability.json").read_text())["certificate"]["writes"][0]
    changed = [
        line.replace('"ok"', '"fail"') if line.startswith(f'{{"id":{lost["id"]},"return"') else line
        for line in lines
    ]
    assert changed != lines
    Path("changed.jsonl").write_text("".join(changed))
    code, told = compare("run", "changed.jsonl", capsys=capsys)
    assert code == 1 and f"operation {lost['id']} was not acknowledged" in told["refusal"]
    assert cli.main(["verify-certificate", "run", "run"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("certificate-transactions.json: ACCEPTED")


def test_a_folder_without_certificates_shows_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("run").mkdir()
    write(Path("run", "history.jsonl"), *TXN)
    assert compare("run", capsys=capsys) == (
        2, {"accepted": False, "refusal": "", "true": [], "unchecked": []}
    )  # fmt: skip
    assert cli.main(["verify-certificate", "run"]) == 2
    assert "no certificate is kept there" in capsys.readouterr().out
    Path("c.json").write_text("{}")
    assert cli.main(["verify-certificate", "c.json"]) == 64
    assert "name the history" in capsys.readouterr().err
