import json

import pytest
from small import FAIL, INFO, check, op, table, titles

from checkers.histories.linearizable import Linearizable
from checkers.linearizability.picture import pictures
from harness import judging
from harness.columns.values import Keyword, Members, Tagged
from harness.errors import UsageError
from harness.history_checker import Request
from harness.verdict import Verdict

WRITTEN = (op("write", 1, at=(0, 1)), op("read", at=(2, 3), value=1))
STALE = (*WRITTEN, op("write", 2, at=(4, 5)), op("read", at=(6, 7), value=1))


def test_a_history_that_can_be_ordered_holds():
    result = check(Linearizable({}), *WRITTEN)
    assert (result.verdict, result.findings, result.certificate) == (Verdict.HOLDS, (), None)
    assert result.summary == "register: 2 operations on 1 object, 0 not linearizable"


def test_a_stale_read_violates_and_the_window_is_told_and_kept():
    result = check(Linearizable({}), *STALE)
    assert (result.verdict, result.anomalies) == (Verdict.VIOLATED, ("not-linearizable",))
    assert titles(result) == ["no order of 2 operations is possible"]
    (window,) = result.certificate["windows"]
    assert {each["id"] for each in window["operations"] if each["role"] == "required"} == {2, 3}


@pytest.mark.parametrize(
    "value",
    [Keyword("a"), [Keyword("a"), 1], Members((1, Keyword("b"))), Tagged("inst", "2020"), {"a": 1}, True],
)
def test_whatever_values_are_a_violation_is_told_and_drawn(value):
    key = Keyword("k")
    stale = (
        op("write", [key, value], at=(0, 1)),
        op("write", [key, 2], at=(2, 3)),
        op("read", [key, None], at=(4, 5), value=[key, value]),
    )
    result = check(Linearizable({}), *stale, model="register")
    assert titles(result) == ["no order of 2 operations on k is possible"]
    certificate = json.loads(json.dumps(result.certificate))
    assert certificate["windows"][0]["key"] == "k"
    assert len(list(pictures(certificate))) == 1
    held = check(Linearizable({"orders": True}), *stale[:2], model="register")
    assert json.loads(json.dumps(held.certificate))["objects"][0]["key"] == "k"


def test_an_unknown_write_may_explain_what_was_read():
    unknown = op("write", 2, at=(2, 3), outcome=INFO)
    assert check(Linearizable({}), *WRITTEN, unknown, op("read", at=(4, 5), value=2)).verdict is Verdict.HOLDS
    assert check(Linearizable({}), *WRITTEN, op("read", at=(4, 5), value=2)).verdict is Verdict.VIOLATED


def test_objects_are_judged_by_themselves():
    two = (
        op("write", "x", 1, at=(0, 1)),
        op("read", "x", at=(2, 3), value=1),
        op("read", "y", at=(4, 5), value=7),
    )
    result = check(Linearizable({}), *two)
    assert titles(result) == ["no order of 1 operation on y is possible"]
    assert (result.figures["objects"], result.figures["violated"]) == (2, 1)


def test_a_refused_compare_and_set_shows_something_where_the_user_says_so():
    refused = (*WRITTEN, op("cas", 1, 2, at=(4, 5), outcome=FAIL))
    assert check(Linearizable({}), *refused).verdict is Verdict.HOLDS
    assert check(Linearizable({"failed_cas": True}), *refused).verdict is Verdict.VIOLATED


def test_a_search_without_time_is_inconclusive():
    busy = [op("write", value % 3, at=(0, 100)) for value in range(12)]
    result = check(Linearizable({}), *busy, op("read", at=(1, 99), value=2), time_limit_s=0.0)
    assert result.verdict is Verdict.INCONCLUSIVE and result.findings


def test_operations_that_tell_no_model_are_inconclusive_and_a_model_can_be_named():
    adds = (op("add", 1, at=(0, 1)), op("read", at=(2, 3), value=[1]))
    assert not Linearizable({}).fits(table(*adds))
    assert check(Linearizable({}), *adds).verdict is Verdict.INCONCLUSIVE
    assert check(Linearizable({}), *adds, model="set").verdict is Verdict.HOLDS
    assert (
        check(Linearizable({}), *adds, op("read", at=(4, 5), value=[]), model="set").verdict
        is Verdict.VIOLATED
    )


def test_a_model_that_there_is_not_is_a_mistake():
    with pytest.raises(
        UsageError, match="--model: there is no model 'registr'; allowed: register, cas-register"
    ):
        judging.judge(table(*WRITTEN), Request(model="registr"), named=[Linearizable({})])


def test_a_lock_that_is_refused_is_held_by_somebody():
    acquired, refused = op("acquire", at=(0, 1)), op("acquire", at=(2, 3), value=False)
    assert check(Linearizable({}), acquired, refused, model="mutex").verdict is Verdict.HOLDS
    assert check(Linearizable({}), refused, model="mutex").verdict is Verdict.VIOLATED
    free = (acquired, op("release", at=(2, 3)), op("release", at=(4, 5), value=False))
    assert check(Linearizable({}), *free, model="mutex").verdict is Verdict.HOLDS
    assert check(Linearizable({}), *free[:2], op("release", at=(4, 5)), model="mutex").verdict is (
        Verdict.VIOLATED
    )


def test_a_counter_goes_down_and_steps_without_a_number_are_by_one():
    steps = (
        op("inc", None, at=(0, 1)),
        op("add", 3, at=(2, 3)),
        op("decrement", None, at=(4, 5)),
        op("decrement", 2, at=(6, 7)),
    )
    for value, verdict in ((1, Verdict.HOLDS), (4, Verdict.VIOLATED)):
        read = op("read", at=(8, 9), value=value)
        assert check(Linearizable({}), *steps, read, model="counter").verdict is verdict
