from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import FAIL, INFO, OK, check, op, outcomes, spans, table, titles

from checkers.histories.total_queue import TotalQueue
from harness.verdict import Verdict

QUEUE = TotalQueue({})
ENQUEUED = (op("enqueue", "a", at=(0, 1)), op("enqueue", "b", at=(2, 3)))
EMPTY = op("dequeue", at=(20, 21))


def taken(*elements):
    return [op("dequeue", at=(10 + n, 11 + n), value=element) for n, element in enumerate(elements)]


def test_what_goes_in_comes_out():
    assert check(QUEUE, *ENQUEUED, *taken("b", "a"), EMPTY).verdict is Verdict.HOLDS
    assert check(QUEUE, *ENQUEUED, op("drain", at=(10, 11), value=["a", "b"])).verdict is Verdict.HOLDS


@pytest.mark.parametrize(
    "empty",
    [
        op("dequeue", at=(20, 21)),
        op("drain", at=(20, 21), value=[]),
        op("dequeue", at=(20, 21), outcome=FAIL, error="exhausted"),
    ],
)
def test_what_does_not_come_out_of_an_emptied_queue_is_lost(empty):
    result = check(QUEUE, *ENQUEUED, *taken("a"), empty)
    assert (result.verdict, result.anomalies) == (Verdict.VIOLATED, ("lost",))
    assert result.certificate["missing"] == ["b"]


@pytest.mark.parametrize(
    "end",
    [
        (),
        (op("dequeue", at=(2, 21)),),
        (op("dequeue", at=(20, 21), outcome=FAIL, error="connection refused"),),
        (op("dequeue", at=(20, 21), outcome=INFO),),
    ],
)
def test_what_may_still_be_in_the_queue_is_not_lost(end):
    result = check(QUEUE, *ENQUEUED, *taken("a"), *end)
    assert (result.verdict, titles(result)) == (Verdict.INCONCLUSIVE, [])
    assert result.figures["not_drained"] == 1


def test_unknown_dequeues_may_have_taken_what_is_missing():
    """Jepsen's total-queue checker calls it lost."""
    unknown = op("dequeue", at=(5, 6), outcome=INFO)
    assert check(QUEUE, *ENQUEUED, *taken("a"), unknown, EMPTY).verdict is Verdict.INCONCLUSIVE
    assert check(QUEUE, *ENQUEUED, unknown, EMPTY).verdict is Verdict.VIOLATED
    drain = op("drain", at=(5, 6), outcome=INFO)
    assert check(QUEUE, *ENQUEUED, drain, EMPTY).verdict is Verdict.INCONCLUSIVE


def test_what_comes_out_twice_is_duplicated():
    """Jepsen's total-queue checker counts it, and lets it pass."""
    result = check(QUEUE, *ENQUEUED, *taken("a", "b", "a"), EMPTY)
    assert (result.verdict, result.anomalies) == (Verdict.VIOLATED, ("duplicated",))
    lenient = check(TotalQueue({"at_least_once": True}), *ENQUEUED, *taken("a", "b", "a"), EMPTY)
    assert (lenient.verdict, lenient.anomalies) == (Verdict.HOLDS, ())


def test_what_never_went_in_is_unexpected():
    result = check(QUEUE, *ENQUEUED, *taken("a", "b", "c"), EMPTY)
    assert (result.verdict, result.anomalies) == (Verdict.VIOLATED, ("unexpected",))
    failed = op("enqueue", "c", at=(0, 1), outcome=FAIL)
    assert check(QUEUE, *ENQUEUED, failed, *taken("a", "b", "c"), EMPTY).anomalies == ("unexpected",)


def test_an_unknown_enqueue_may_come_out_or_not():
    unknown = op("enqueue", "c", at=(0, 1), outcome=INFO)
    result = check(QUEUE, *ENQUEUED, unknown, *taken("a", "b", "c"), EMPTY)
    assert (result.verdict, result.figures["recovered"]) == (Verdict.HOLDS, 1)
    assert check(QUEUE, *ENQUEUED, unknown, *taken("a", "b"), EMPTY).verdict is Verdict.HOLDS


def test_nothing_in_proves_nothing():
    assert check(QUEUE, op("enqueue", 1, at=3), EMPTY).verdict is Verdict.INCONCLUSIVE


def test_it_is_for_queues():
    assert QUEUE.fits(table(*ENQUEUED, EMPTY))
    assert not QUEUE.fits(table(*ENQUEUED))


elements = st.sampled_from(["a", "b", 3])


@st.composite
def histories(draw):
    into = [
        op("enqueue", draw(elements), at=draw(spans()), outcome=draw(outcomes))
        for _ in range(draw(st.integers(0, 4)))
    ]
    out = [
        op("dequeue", at=draw(spans()), value=draw(elements | st.none()), outcome=draw(outcomes))
        for _ in range(draw(st.integers(0, 4)))
    ]
    drains = [
        op("drain", at=draw(spans()), value=draw(st.lists(elements, max_size=3)), outcome=draw(outcomes))
        for _ in range(draw(st.integers(0, 1)))
    ]
    return into + out + drains


@given(histories())
def test_the_counts_are_those_of_the_definitions(operations):
    figures = check(QUEUE, *operations).figures
    tried, sure, out = Counter(), Counter(), Counter()
    acknowledged_ns, emptied_ns = {}, -1
    for each in operations:
        if each.f == "enqueue":
            element = each.args[0]
            tried[element] += each.outcome is not FAIL
            if each.outcome is OK:
                sure[element] += 1
                acknowledged_ns[element] = max(acknowledged_ns.get(element, -1), each.return_ns)
        elif each.outcome is OK:
            out.update(
                each.value if isinstance(each.value, list) else [] if each.value is None else [each.value]
            )
            if each.f == "drain" or each.value is None:
                emptied_ns = max(emptied_ns, each.call_ns)
    missing = [element for element in sure if sure[element] and not out[element]]
    assert figures["missing"] == sum(acknowledged_ns[element] < emptied_ns for element in missing)
    assert figures["not_drained"] == sum(acknowledged_ns[element] >= emptied_ns for element in missing)
    assert figures["duplicated"] == sum(out[element] > tried[element] > 0 for element in out)
    assert figures["unexpected"] == sum(not tried[element] for element in out)
