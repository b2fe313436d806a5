import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import FAIL, INFO, OK, check, op, outcomes, spans, table

from checkers.histories import causal_reverse
from checkers.histories.causal_reverse import CausalReverse
from harness.columns.values import Members
from harness.history_checker import Request
from harness.verdict import Verdict

REVERSE = CausalReverse({})


def test_a_later_write_without_an_earlier_one_is_reversed():
    history = (op("write", 1, at=(0, 1)), op("write", 2, at=(2, 3)), op("write", 3, at=(2, 9)))
    for shown in ([1], [1, 2], [1, 3], [1, 2, 3], []):
        assert check(REVERSE, *history, op("read", at=(10, 11), value=shown)).verdict is Verdict.HOLDS
    result = check(REVERSE, *history, op("read", at=(10, 11), value=Members((2,))))
    assert (result.verdict, result.anomalies) == (Verdict.VIOLATED, ("causal-reverse",))
    assert result.certificate == {"kind": "causal-reverse", "reads": [{"read": 3, "shows": 1, "misses": [0]}]}


def test_only_acknowledged_writes_must_be_shown():
    for outcome in (FAIL, INFO):
        history = (op("write", 1, at=(0, 1), outcome=outcome), op("write", 2, at=(2, 3)))
        assert check(REVERSE, *history, op("read", at=(4, 5), value=[2])).verdict is Verdict.HOLDS


def test_touching_writes_are_concurrent():
    history = (op("write", 1, at=(0, 2)), op("write", 2, at=(2, 3)), op("read", at=(4, 5), value=[2]))
    assert check(REVERSE, *history).verdict is Verdict.HOLDS


def test_a_read_costs_no_more_than_its_length():
    """Of a replica that stays behind, beside one read of all."""
    count = 60_000
    history = [op("write", number, at=(2 * number, 2 * number + 1)) for number in range(count)]
    history += [op("read", at=(2 * number + 1, 2 * number + 2), value=[0]) for number in range(1, count)]
    history += [op("read", at=(3 * count, 3 * count + 1), value=list(range(count)))]
    columns = table(*history)
    began = time.process_time()
    assert REVERSE.check(columns, Request()).verdict is Verdict.HOLDS
    assert time.process_time() - began < 1.5, "each of 3.6 billion pairs of a read and a write was looked at"


def test_what_a_read_shows_twice_counts_once():
    history = (op("write", 1, at=(0, 1)), op("write", 2, at=(0, 1)), op("write", 3, at=(2, 3)))
    result = check(REVERSE, *history, op("read", at=(4, 5), value=[1, 1, 3, 9]))
    assert result.certificate == {"kind": "causal-reverse", "reads": [{"read": 3, "shows": 2, "misses": [1]}]}


def test_nothing_read_proves_nothing():
    assert check(REVERSE, op("write", 1, at=(0, 2)), op("read", at=3)).verdict is Verdict.INCONCLUSIVE


def test_it_is_for_collections_of_writes():
    writes = op("write", 1, at=(0, 1))
    assert REVERSE.fits(table(writes, op("read", at=(2, 3), value=[1])))
    assert not REVERSE.fits(table(writes, op("read", at=(2, 3), value=1)))
    assert not REVERSE.fits(table(writes, writes, op("read", at=(2, 3), value=[1])))


@st.composite
def histories(draw):
    writes = [
        op("write", [draw(st.integers(0, 1)), n], at=draw(spans()), outcome=draw(outcomes))
        for n in range(draw(st.integers(1, 5)))
    ]
    reads = []
    for _ in range(draw(st.integers(0, 3))):
        key = draw(st.integers(0, 1))
        mine = [each.args[0][1] for each in writes if each.args[0][0] == key]
        shown = draw(st.lists(st.sampled_from(mine), max_size=6)) if mine else []
        reads.append(op("read", [key, None], at=draw(spans()), value=[key, shown], outcome=draw(outcomes)))
    return writes + reads


@given(histories(), st.sampled_from((1, 3, causal_reverse.BATCH)))
def test_reads_are_reversed_where_the_definition_says_so(operations, batch):
    writes = {tuple(each.args[0]): each for each in operations if each.f == "write"}
    reversed_ = 0
    for read in operations:
        if read.f == "read" and read.outcome is OK:
            key, shown = read.value
            reversed_ += any(
                earlier.outcome is OK
                and earlier.return_ns < writes[key, later].call_ns
                and value not in shown
                for later in shown
                for (place, value), earlier in writes.items()
                if place == key
            )
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(causal_reverse, "BATCH", batch)
        assert check(REVERSE, *operations).figures["reversed"] == reversed_
