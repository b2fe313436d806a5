import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import FAIL, INFO, OK, check, op, outcomes, spans, table, titles

from checkers.histories.counter import Counter
from harness.verdict import Verdict

COUNTER = Counter({})


def test_reads_between_the_bounds_are_possible():
    history = (op("add", 2, at=(0, 1)), op("add", 3, at=(2, 9)), op("add", -4, at=(3, 9), outcome=INFO))
    for value in (-2, 0, 1, 2, 5):
        assert check(COUNTER, *history, op("read", at=(4, 5), value=value)).verdict is Verdict.HOLDS
    for value in (-3, 6):
        result = check(COUNTER, *history, op("read", at=(4, 5), value=value))
        assert (result.verdict, result.anomalies) == (Verdict.VIOLATED, ("impossible-read",))
        assert "possible was -2 to 5" in result.findings[0].lines[0]
        assert result.certificate == {"kind": "counter", "reads": [3]}


def test_decrements_are_allowed():
    """Jepsen's counter checker takes the sum of what was acknowledged for a lower bound, whatever its sign."""
    history = (op("add", 5, at=(0, 1)), op("add", -5, at=(2, 9)), op("decrement", 1, at=(2, 3)))
    assert check(COUNTER, *history, op("read", at=(4, 5), value=-1)).verdict is Verdict.HOLDS


@pytest.mark.parametrize("outcome,possible", [(FAIL, [0]), (INFO, [0, 1]), (OK, [1])])
def test_outcomes_widen_the_bounds_or_not(outcome, possible):
    for value in (0, 1):
        result = check(
            COUNTER,
            op("increment", "k", 1, at=(0, 1), outcome=outcome),
            op("get", "k", at=(2, 3), value=value),
        )
        assert (result.verdict is Verdict.HOLDS) == (value in possible)


def test_the_number_of_an_increment_is_no_key():
    history = (op("increment", 3, at=(0, 1)), op("increment", at=(2, 3)), op("read", at=(4, 5), value=4))
    assert COUNTER.fits(table(*history))
    assert check(COUNTER, *history).figures == {"reads": 1, "counters": 1, "impossible": 0, "widest": 0}
    assert check(COUNTER, *history, op("read", at=(6, 7), value=3)).verdict is Verdict.VIOLATED


def test_touching_operations_are_concurrent():
    history = (op("add", 1, at=(0, 2)), op("add", 2, at=(3, 4)), op("read", at=(2, 3), value=2))
    assert check(COUNTER, *history).verdict is Verdict.HOLDS


def test_without_a_read_nothing_is_proved():
    assert (
        check(COUNTER, op("add", 1, at=(0, 2)), op("read", at=(3, 4), outcome=FAIL)).verdict
        is Verdict.INCONCLUSIVE
    )


def test_counters_are_apart_and_may_start_anywhere():
    history = (op("add", ["a", 1], at=(0, 1)), op("add", ["b", 5], at=(0, 1)))
    reads = (
        op("read", ["a", None], at=(2, 3), value=["a", 1]),
        op("read", ["b", None], at=(2, 3), value=["b", 5]),
    )
    assert check(COUNTER, *history, *reads).verdict is Verdict.HOLDS
    result = check(Counter({"start": 1}), *history, *reads)
    assert titles(result) == ["2 reads impossible"]


def test_it_is_for_counters():
    assert COUNTER.fits(table(op("add", 1, at=(0, 1)), op("read", at=(2, 3), value=1)))
    assert not COUNTER.fits(table(op("add", 1, at=(0, 1)), op("read", at=(2, 3), value=[1])))
    assert not COUNTER.fits(table(op("write", 1, at=(0, 1)), op("read", at=(2, 3), value=1)))
    assert not COUNTER.fits(table(op("add", 1, at=(0, 1)), op("read", at=(2, 3), outcome=INFO)))


@st.composite
def histories(draw):
    changes = [
        op(
            draw(st.sampled_from(["add", "decrement"])),
            draw(st.integers(-2, 2)),
            at=draw(spans()),
            outcome=draw(outcomes),
        )
        for _ in range(draw(st.integers(0, 5)))
    ]
    reads = [
        op("read", at=draw(spans()), value=draw(st.integers(-4, 4)), outcome=draw(outcomes))
        for _ in range(draw(st.integers(0, 3)))
    ]
    return changes + reads


def impossible(operations):
    """How many reads no choice of what may have happened explains, within the bounds that it leaves."""
    count = 0
    changes = [each for each in operations if each.f != "read" and each.outcome is not FAIL]
    for read in operations:
        if read.f != "read" or read.outcome is not OK:
            continue
        must = may_up = may_down = 0
        for each in changes:
            delta = each.args[0] * (-1 if each.f == "decrement" else 1)
            if each.outcome is OK and each.return_ns < read.call_ns:
                must += delta
            elif each.call_ns <= read.return_ns:
                may_up += max(delta, 0)
                may_down += min(delta, 0)
        count += not must + may_down <= read.value <= must + may_up
    return count


@given(histories())
def test_the_bounds_are_those_of_the_definition(operations):
    assert check(COUNTER, *operations).figures["impossible"] == impossible(operations)
