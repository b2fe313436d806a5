"""Keys of a run as objects: what the primary answered has to be an order of all that was done to them."""

import pytest
from recorded_runs import Script, mixed_script, told

from checkers.linearizable import Linearizable
from checkers.transactional import Transactional
from harness.checker import CheckResult, Limits
from harness.contract import Mode
from harness.errors import MissingError
from harness.operation import Outcome
from harness.verdict import Verdict


def judged(script: Script, **fields) -> CheckResult:
    return Linearizable().check(script.run(**fields))


def isolated(script: Script, **fields) -> CheckResult:
    return Transactional().check(script.run(**fields))


def script(mode: Mode = Mode.QUORUM, **settings) -> Script:
    return mixed_script(mode, **settings)


def stale(mode: Mode = Mode.QUORUM) -> Script:
    made = script(mode)
    made.op("append", "list-0", 1, at=1)
    made.op("append", "list-0", 2, at=3)
    made.op("get", "list-0", at=5, value=[1])
    return made


def test_a_stale_read_of_a_list_is_a_violation_with_its_window():
    result = judged(stale())
    assert result.verdict is Verdict.VIOLATED and result.anomalies == ("not-linearizable",)
    assert "operation 2 of process 0: read → [1]" in told(result)
    (window,) = result.certificate["windows"]
    assert {each["id"] for each in window["operations"] if each["role"] == "required"} >= {2}


def test_what_holds_has_an_order():
    made = script()
    made.op("append", "list-0", 1, at=1, returned=5)
    made.op("get", "list-0", at=2, returned=3, value=None)
    made.op("get", "list-0", at=4, returned=5, value=[1])
    result = judged(made)
    assert result.verdict is Verdict.HOLDS
    assert result.certificate == {
        "kind": "linearization",
        "objects": [{"key": "list-0", "model": "list-append", "start": None, "order": (1, 0, 2)}],
    }


@pytest.mark.parametrize(
    "f,args,shown",
    [("add", ("set-0", 4), [4]), ("put", ("put-0", 4), 4), ("cas", ("cas-0", None, 4), 4)],
)
def test_sets_and_registers_are_judged_too(f, args, shown):
    for answer, verdict in ((shown, Verdict.HOLDS), (None, Verdict.VIOLATED)):
        made = script()
        made.op(f, *args, at=1, value=True if f == "cas" else None)
        made.op("get", args[0], at=3, value=answer)
        assert judged(made).verdict is verdict


def test_a_refused_compare_and_set_has_seen_something():
    made = script()
    made.op("cas", "cas-0", None, 4, at=1, value=False)
    assert judged(made).verdict is Verdict.VIOLATED
    made.op("put", "cas-0", 3, at=0, returned=2)
    assert judged(made).verdict is Verdict.HOLDS


def transaction(made: Script, *micro, at: float, answers=None, **fields):
    told = [list(each) for each in micro] if answers is None else answers
    known = fields.get("outcome", Outcome.OK) is Outcome.OK
    made.op("txn", tuple(micro), at=at, value=told if known else None, **fields)


def test_what_a_transaction_does_to_a_key_happens_at_one_instant():
    for shown, verdict in (([1, 2], Verdict.HOLDS), ([1], Verdict.VIOLATED)):
        made = script()
        both = (("append", "list-0", 1), ("append", "list-0", 2), ("get", "list-0", None))
        transaction(made, *both, at=1, answers=[[*both[0]], [*both[1]], ["get", "list-0", [1, 2]]])
        made.op("get", "list-0", at=1, returned=3, value=shown)
        assert judged(made).verdict is verdict
        assert (isolated(made).verdict is Verdict.HOLDS) is (verdict is Verdict.HOLDS)


def test_an_unknown_write_may_have_happened_or_not():
    for shown, verdict in (([1], Verdict.HOLDS), (None, Verdict.HOLDS), ([2], Verdict.VIOLATED)):
        made = script()
        made.op("append", "list-0", 1, at=1, outcome=Outcome.INFO)
        made.op("get", "list-0", at=9, value=shown)
        assert judged(made).verdict is verdict
    made.op("get", "list-0", at=20, value=None)
    assert judged(made).verdict is Verdict.VIOLATED


def test_reads_of_named_nodes_may_be_stale():
    made = script()
    made.op("append", "list-0", 1, at=1)
    made.op("peek", ("list-0",), at=3, node="n2", value=[None])
    made.op("get", "list-0", at=5, value=[1])
    assert judged(made).verdict is Verdict.HOLDS


def test_keys_that_no_model_knows_and_keys_that_nobody_read_are_left_out():
    made = script()
    made.op("append", "x", 1, at=1)
    made.op("put", "x", 2, at=3)
    made.op("get", "x", at=5, value=9)
    made.op("append", "y", 1, at=7)
    result = judged(made)
    assert result.verdict is Verdict.HOLDS and "not judged" in result.summary
    assert "no list was read" in isolated(made).summary


@pytest.mark.parametrize("judge", [judged, isolated])
def test_where_somebody_does_what_no_model_knows_nothing_is_judged(judge):
    for outcome, expected in ((Outcome.OK, Verdict.HOLDS), (Outcome.FAIL, Verdict.VIOLATED)):
        made = stale()
        made.op("delete", "list-0", at=4, outcome=outcome)
        result = judge(made)
        assert result.verdict is expected
        assert ("delete" in result.summary) is (expected is Verdict.HOLDS)


@pytest.mark.parametrize("judge", [judged, isolated])
def test_what_need_not_be_linearizable_is_not_judged(judge):
    assert judge(stale()).verdict is Verdict.VIOLATED
    assert "not judged: reads of the primary are recent" in judge(stale(Mode.ASYNC)).summary
    assert "not judged" in judge(stale(), recovered=False, recovery_expected=False).summary
    destroyed = stale()
    destroyed.episode("disk-loss", "n2", at=2, until=4)
    assert judge(destroyed).summary == "not judged: copies were destroyed"
    degraded = stale()
    degraded.op("append", "list-0", 3, at=7, degraded=True)
    assert judge(degraded).summary == "not judged: there were degraded acknowledgements"
    chosen = stale()
    chosen.episode("promote", "n2", at=2, until=4)
    assert judge(chosen).summary == "not judged: an operator made a primary"


def test_a_cycle_of_transactions_on_lists_is_a_violation_with_its_steps():
    made = script()
    transaction(made, ("append", "list-0", 1), ("append", "list-1", 2), ("add", "set-0", 3), at=1, returned=9)
    made.op("get", "list-0", at=2, returned=3, value=[1])
    made.op("get", "list-1", at=4, returned=5, value=None)
    result = isolated(made)
    assert result.verdict is Verdict.VIOLATED and "transactions: " in result.summary
    assert judged(made).verdict is Verdict.HOLDS, "each key alone is linearizable"
    assert result.certificate["anomalies"][0]["story"]["steps"]


def test_what_failed_and_was_read_is_an_aborted_read():
    made = script()
    transaction(
        made, ("append", "list-0", 1), ("append", "list-1", 2), at=1, outcome=Outcome.FAIL, returned=2
    )
    made.op("get", "list-0", at=3, value=[1])
    assert "G1a" in isolated(made).anomalies


def test_a_key_to_which_something_else_was_tried_is_no_list():
    made = script()
    made.op("cas", "cas-0", None, 4, at=1, outcome=Outcome.FAIL, returned=2)
    made.op("get", "cas-0", at=3, value=None)
    made.op("append", "list-0", 1, at=3)
    made.op("get", "list-0", at=5, value=[1])
    assert isolated(made).summary == "2 transactions: no anomaly"
    assert judged(made).verdict is Verdict.HOLDS


def test_without_scipy_transactions_are_judged_as_far_as_no_cycle_is_needed(monkeypatch):
    def missing():
        raise MissingError("cycles were not searched")

    monkeypatch.setattr("checkers.transactions.components._scipy", missing)
    made = script()
    made.op("append", "list-0", 1, at=1, outcome=Outcome.FAIL)
    made.op("get", "list-0", at=3, value=[1])
    result = isolated(made)
    assert (result.verdict, result.anomalies) == (Verdict.VIOLATED, ("G1a",))
    assert "cycles were not searched" in told(result)
    result = isolated(stale())  # that takes a cycle of real time
    assert (result.verdict, result.anomalies) == (Verdict.HOLDS, ())
    assert result.summary == "not judged: cycles were not searched"


def test_past_a_limit_the_search_is_given_up_and_says_so():
    made = script()
    for number in range(14):  # registers whose values are not unique have to be searched
        made.op("put", "put-0", number % 2, at=0, returned=100)
        made.op("get", "put-0", at=0, returned=100, value=number % 2)
    made.op("get", "put-0", at=200, value=7)
    result = judged(made, limits=Limits(time_limit_s=1e-9))
    assert result.verdict is Verdict.INCONCLUSIVE and "no verdict within" in told(result)
