"""Bounded reads show every write that was acknowledged longer ago than they allow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded_runs import Script

from checkers.staleness import Staleness
from harness.contract import Failover, Mode, Visibility
from harness.events import Cause
from harness.operation import Outcome
from harness.verdict import Verdict


def judged(script, survivor="n1", **fields):
    return Staleness().check(script.run(survivor, **fields))


def story(*shown, at, bound=100, mode=Mode.QUORUM, final=(1, 2), **settings):
    """Two appends, acknowledged at 2 and 12, and a read of n3 asked for at `at` that shows these."""
    script = Script(mode, **settings)
    script.append(1, at=1)
    script.append(2, at=11)
    script.op("get_within", "list-0", bound, at=at, value=list(shown), node="n3")
    script.final("n1", {"list-0": list(final)})
    return script


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("visibility", list(Visibility))
def test_a_read_that_misses_what_was_acknowledged_before_its_bound_is_too_stale(mode, visibility):
    result = judged(story(1, at=123, mode=mode, visibility=visibility))
    assert result.verdict is Verdict.VIOLATED
    assert result.findings[0].title == "a read of list-0 that allows 0.100 s missed list-0=2"
    assert "n3 answered, without it" in result.findings[0].lines[2]


def test_what_is_younger_than_the_bound_may_be_missing():
    assert judged(story(1, at=111)).verdict is Verdict.HOLDS
    assert judged(story(1, 2, at=500)).verdict is Verdict.HOLDS


def test_the_clock_of_the_replica_may_be_off_by_a_tenth():
    assert judged(story(1, at=121)).verdict is Verdict.HOLDS
    assert judged(story(1, at=122.5)).verdict is Verdict.VIOLATED


def test_a_read_that_was_refused_or_not_answered_shows_nothing():
    for outcome in (Outcome.FAIL, Outcome.INFO):
        script = story(1, 2, at=13)
        script.op("get_within", "list-0", 100, at=500, outcome=outcome, node="n3")
        result = judged(script)
        assert (result.verdict, result.summary) == (Verdict.HOLDS, "no staler than allowed: 1 bounded read")


def test_what_is_lost_or_of_unknown_outcome_is_not_missed():
    assert judged(story(1, at=500, final=(1,))).verdict is Verdict.HOLDS
    script = story(1, 2, at=500, final=(1, 2, 3))
    script.append(3, at=20, outcome=Outcome.INFO)
    assert judged(script).verdict is Verdict.HOLDS


def test_reads_without_a_bound_are_not_judged():
    script = Script(Mode.QUORUM)
    script.append(1, at=1)
    script.op("peek", ["list-0"], at=500, value=[[]], node="n3")
    script.final("n1", {"list-0": [1]})
    result = judged(script)
    assert (result.verdict, result.summary) == (Verdict.HOLDS, "no bounded read was answered")


def test_a_primary_that_an_operator_made_has_no_lease():
    assert "not judged" in judged(story(1, at=500, failover=Failover.MANUAL)).summary
    forced = story(1, at=500)
    forced.elected("n2", 3, at=300, cause=Cause.OPERATOR)
    assert "not judged" in judged(forced).summary


@pytest.mark.parametrize(
    "entry,verdict",
    [((1, 2), Verdict.HOLDS), ((1, None), Verdict.VIOLATED), ((None, 2), Verdict.VIOLATED)],
)
def test_only_what_an_election_surely_left_out_may_be_missing(entry, verdict):
    script = Script(Mode.ASYNC)
    script.bootstrap()
    script.append(1, at=1, entry=entry)
    script.elected("n2", 2, at=20, log=(1, 1))
    script.op("get_within", "list-0", 100, at=500, value=[], node="n3", epoch=2)
    script.elected("n1", 3, at=700, log=(1, 2))
    script.final("n1", {"list-0": [1]})
    assert judged(script).verdict is verdict


def test_without_a_survivor_nobody_knows():
    assert judged(story(1, at=500), survivor=None).verdict is Verdict.INCONCLUSIVE
    left_down = judged(story(1, at=500), survivor=None, recovered=False, recovery_expected=False)
    assert left_down.verdict is Verdict.HOLDS


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(1, 10)), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 60), st.sets(st.integers(0, 3))), min_size=1, max_size=3),
    st.sets(st.integers(0, 3)),
    st.sampled_from((0, 10, 20)),
)
def test_it_agrees_with_the_definition(writes, reads, lost, bound):
    script = Script(Mode.QUORUM)
    acknowledged = {}
    for value, (at, took) in enumerate(writes):
        script.append(value, at=at, returned=at + took)
        acknowledged[value] = at + took
    survived = set(acknowledged) - lost
    for at, shown in reads:
        value = sorted(shown & set(acknowledged))
        script.op("get_within", "list-0", bound, at=at, value=value, node="n2")
    script.final("n1", {"list-0": sorted(survived)})
    stale = any(
        acknowledged[value] < at - 1.1 * bound and value not in shown
        for at, shown in reads
        for value in survived
    )
    assert judged(script).verdict is (Verdict.VIOLATED if stale else Verdict.HOLDS)
