"""Reads from the primary miss nothing that was acknowledged before they were asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded_runs import Script

from checkers.recency import Recency
from harness.contract import Failover, Mode
from harness.operation import Outcome
from harness.verdict import Verdict


def judged(script, survivor="n1"):
    return Recency().check(script.run(survivor))


def story(*shown, at, mode=Mode.QUORUM, final=(1, 2), **settings):
    """Two appends, acknowledged at 2 and 12, and a read asked for at `at` that shows these."""
    script = Script(mode, **settings)
    script.append(1, at=1)
    script.append(2, at=11)
    script.op("get", "list-0", at=at, value=list(shown), node="n2")
    script.final("n1", {"list-0": list(final)})
    return script


@pytest.mark.parametrize("mode", list(Mode))
def test_a_read_that_misses_what_was_acknowledged_before_is_stale(mode):
    result = judged(story(1, at=13, mode=mode))
    assert result.verdict is Verdict.VIOLATED
    assert result.findings[0].title == "a read of list-0 missed list-0=2"
    assert "n2 answered as the primary, without it" in result.findings[0].lines[2]


def test_one_that_shows_it_all_is_not():
    assert judged(story(1, 2, at=13)).verdict is Verdict.HOLDS


def test_a_read_may_miss_what_was_acknowledged_while_it_was_on_its_way():
    assert judged(story(1, at=11.5)).verdict is Verdict.HOLDS
    assert judged(story(at=1.5)).verdict is Verdict.HOLDS


def test_what_is_lost_in_the_end_is_not_missed():
    assert judged(story(1, at=13, final=(1,))).verdict is Verdict.HOLDS


@pytest.mark.parametrize(
    ("mode", "epoch", "verdict"),
    [
        (Mode.ASYNC, 2, Verdict.HOLDS),
        (Mode.ASYNC, 1, Verdict.VIOLATED),
        (Mode.ASYNC, 3, Verdict.VIOLATED),
        (Mode.QUORUM, 2, Verdict.VIOLATED),
    ],
)
def test_what_a_failover_may_lose_is_not_missed_until_it_is_back(mode, epoch, verdict):
    script = Script(mode)
    script.bootstrap("n1")
    script.append(1, at=10, entry=(1, 1))
    script.elected("n2", 2, at=20, log=(0, 0), heard=("n2", "n3"))
    script.elected("n1", 3, at=40, log=(1, 1), heard=("n1", "n3"))
    script.op("get", "list-0", at=50, value=[], node="n2", epoch=epoch)
    script.final("n1", {"list-0": [1]})
    assert judged(script).verdict is verdict


def test_without_leases_nothing_is_promised():
    result = judged(story(1, at=13, failover=Failover.MANUAL))
    assert result.verdict is Verdict.HOLDS
    assert "not judged" in result.summary


def test_reads_of_a_named_node_may_be_stale():
    script = story(1, 2, at=13)
    script.op("peek", ["list-0"], at=14, value=[[1]], node="n3")
    assert judged(script).verdict is Verdict.HOLDS


def test_unanswered_writes_and_reads_promise_nothing():
    script = story(1, 2, at=13)
    script.append(3, at=14, outcome=Outcome.INFO)
    script.op("get", "list-0", at=20, value=[1, 2], node="n1")
    script.op("get", "list-0", at=30, outcome=Outcome.INFO)
    assert judged(script).verdict is Verdict.HOLDS


def test_without_a_survivor_nobody_knows():
    script = Script(Mode.QUORUM)
    script.append(1, at=1)
    script.op("get", "list-0", at=5, value=[], node="n2")
    assert judged(script, survivor=None).verdict is Verdict.INCONCLUSIVE


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(1, 10)), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 30), st.sets(st.integers(0, 3))), min_size=1, max_size=3),
    st.sets(st.integers(0, 3)),
)
def test_it_agrees_with_the_definition(writes, reads, lost):
    script = Script(Mode.QUORUM)
    acknowledged = {}
    for value, (at, took) in enumerate(writes):
        script.append(value, at=at, returned=at + took)
        acknowledged[value] = at + took
    survived = set(acknowledged) - lost
    for at, shown in reads:
        script.op("get", "list-0", at=at, value=sorted(shown & set(acknowledged)), node="n1")
    script.final("n1", {"list-0": sorted(survived)})
    stale = any(acknowledged[value] < at and value not in shown for at, shown in reads for value in survived)
    assert judged(script).verdict is (Verdict.VIOLATED if stale else Verdict.HOLDS)
