"""Histories of registers that begin as something, as Knossos has them: its multi-registers begin as 0."""

import copy
import json
from pathlib import Path

import pytest
from small import FAIL, check, op, table

from checkers.histories.linearizable import Linearizable
from checkers.verifier import Refused, read_history, verify
from harness import cli, judging
from harness.errors import UsageError
from harness.history_checker import Request
from harness.verdict import Verdict

FROM_ZERO = ("--model", "multi-register", "--set", "linearizable.start=0")

TRANSFERS = """\
{:process 0, :type :invoke, :f :txn, :value [[:read :x nil] [:write :y 1]]}
{:process 1, :type :invoke, :f :txn, :value [[:read :y nil] [:write :x 2]]}
{:process 0, :type :ok,     :f :txn, :value [[:read :x 0] [:write :y 1]]}
{:process 1, :type :ok,     :f :txn, :value [[:read :y 1] [:write :x 2]]}
{:process 0, :type :invoke, :f :txn, :value [[:read :x nil] [:read :z nil]]}
{:process 0, :type :ok,     :f :txn, :value [[:read :x 2] [:read :z 0]]}
"""
SKEW = TRANSFERS.replace("[[:read :y 1] [:write :x 2]]", "[[:read :y 0] [:write :x 2]]")
STALE = SKEW.replace("[[:read :x 2] [:read :z 0]]", "[[:read :x 0] [:read :z 0]]")


@pytest.fixture
def judged(tmp_path, monkeypatch, capsys):
    """Judge the text of a history; return the exit code, the certificate, and what was said."""
    monkeypatch.chdir(tmp_path)

    def run(text, *options):
        Path("h.edn").write_text(text)
        code = cli.main(["check", "h.edn", "--set", "linearizable.orders=true", "--out", "kept", *options])
        told = capsys.readouterr()
        Path("h.jsonl").unlink(missing_ok=True)
        assert cli.main(["export", "h.edn", "--to", "jsonl"]) == 0
        kept = Path("kept/certificate-linearizable.json")
        return code, json.loads(kept.read_text())["certificate"] if code < 2 else None, told.out + told.err

    return run


def test_a_history_that_holds_only_from_zero(judged, capsys):
    code, claim, told = judged(TRANSFERS, *FROM_ZERO)
    assert code == 0 and "multi-register, begun as 0: 3 operations on 1 object, 0 not" in told
    assert claim["objects"] == [{"key": None, "model": "multi-register", "start": 0, "order": [0, 1, 2]}]
    capsys.readouterr()
    assert cli.main(["verify-certificate", "kept", "h.jsonl"]) == 0
    assert (
        "multi-register, begun as 0: an order of 3 operations explains all answers" in capsys.readouterr().out
    )
    code, claim, told = judged(TRANSFERS, "--model", "multi-register")
    assert code == 1 and "multi-register: 3 operations on 1 object, 1 not" in told
    assert claim["windows"][0]["start"] is None
    assert cli.main(["verify-certificate", "kept", "h.jsonl"]) == 0


@pytest.mark.parametrize("text", [STALE, SKEW.replace(":z 0", ":z 3")])
def test_a_history_that_is_violated_either_way(judged, text):
    for options in (FROM_ZERO, FROM_ZERO[:2]):
        code, _, _ = judged(text, *options)
        assert code == 1
        assert cli.main(["verify-certificate", "kept", "h.jsonl"]) == 0


def forged(claim, **changes):
    """The certificate with other words about its one object."""
    other = copy.deepcopy(claim)
    next(iter(each for each in other.values() if isinstance(each, list)))[0].update(changes)
    return other


def test_a_certificate_that_says_another_start_is_refused(judged):
    _, order, _ = judged(TRANSFERS, *FROM_ZERO)
    recorded = read_history(Path("h.jsonl"))
    for start, why in ((None, "can't have answered"), (1, "can't have answered"), (False, "can't have")):
        with pytest.raises(Refused, match=why):
            verify(forged(order, start=start), recorded)
    for model in ("mutex", "set", "list-append", "kv-append", "fifo-queue", "unordered-queue"):
        with pytest.raises(Refused, match=f"no {model} begins as 0"):
            verify(forged(order, model=model), recorded)
    _, window, _ = judged(TRANSFERS, "--model", "multi-register")
    with pytest.raises(Refused, match="can be ordered"):
        verify(forged(window, start=0), recorded)


@pytest.mark.parametrize("start", [0, -3, 1.5, True, "none"])
def test_whatever_a_register_begins_as(start):
    seen = op("read", at=(0, 1), value=start)
    begun = Linearizable({"start": start})
    for model in ("register", "cas-register"):
        assert check(begun, seen, model=model).verdict is Verdict.HOLDS
        assert check(Linearizable({}), seen, model=model).verdict is Verdict.VIOLATED
        assert check(begun, op("read", at=(0, 1)), model=model).verdict is Verdict.VIOLATED


def test_a_compare_and_set_meets_the_start():
    sets = op("cas", [0, 5], at=(0, 1), value=[0, 5])
    refused = op("cas", [0, 6], at=(2, 3), outcome=FAIL)
    five, none = op("read", at=(4, 5), value=5), op("read", at=(4, 5), value=0)
    begun = Linearizable({"start": 0, "failed_cas": True})
    assert check(begun, sets, refused, five, model="cas-register").verdict is Verdict.HOLDS
    assert check(begun, refused, none, model="cas-register").verdict is Verdict.VIOLATED
    assert check(Linearizable({}), sets, five, model="cas-register").verdict is Verdict.VIOLATED


def test_a_counter_counts_from_its_start():
    counted = (op("add", 2, at=(0, 1)), op("read", at=(2, 3), value=12))
    assert check(Linearizable({"start": 10}), *counted, model="counter").verdict is Verdict.HOLDS
    assert check(Linearizable({}), *counted, model="counter").verdict is Verdict.VIOLATED


@pytest.mark.parametrize(
    "model,start,complaint",
    [
        ("mutex", True, "--set linearizable.start: what a mutex begins as is no choice"),
        ("set", 1, "--set linearizable.start: what a set begins as is no choice"),
        ("counter", "x", "--set linearizable.start: a counter begins with a number, not 'x'"),
    ],
)
def test_what_has_no_such_start_is_a_mistake(model, start, complaint):
    history = {
        "mutex": op("acquire", at=(0, 1)),
        "set": op("add", 1, at=(0, 1)),
        "counter": op("add", 1, at=(0, 1)),
    }[model]
    with pytest.raises(UsageError) as raised:
        judging.judge(table(history), Request(model=model), named=[Linearizable({"start": start})])
    assert str(raised.value) == complaint


def test_several_values_are_no_start():
    with pytest.raises(UsageError, match=r"--set linearizable.start: start is a single value, not \[0\]"):
        judging.checkers(["linearizable"], {"linearizable": {"start": [0]}})
