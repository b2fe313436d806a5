import pytest
from recorded_runs import NODES, mixed_script, told

from checkers.durability import Durability
from harness.contract import Mode
from harness.events import Cause
from harness.operation import Outcome
from harness.verdict import Verdict


def counted(final, *, log=None, survivor="n1", reports=True, faults=()):
    """A run with one write, increments by 2 and 3 that were acknowledged, and one by 5 of unknown outcome."""
    script = mixed_script(Mode.ASYNC, reports=reports)
    script.bootstrap()
    script.write(0, at=100, entry=(1, 1), on=NODES)
    script.op("increment", "counter-0", 2, at=110, value=2, epoch=1, offset=2, node="n1")
    script.op("increment", "counter-0", 3, at=120, value=5, epoch=1, offset=3, node="n1")
    script.op("increment", "counter-0", 5, at=130, outcome=Outcome.INFO)
    script.op("increment", "counter-0", 100, at=130, outcome=Outcome.FAIL)
    for fault in faults:
        script.episode(fault, "n1", at=200, until=300)
    if log:
        script.elected("n2", 2, at=500, log=log, heard=("n2", "n3"))
    script.final(survivor, {"list-0": [0], "counter-0": final})
    return Durability().check(script.run(survivor))


@pytest.mark.parametrize("final", [5, 10])
def test_the_sum_is_between_what_was_acknowledged_and_what_may_have_happened(final):
    assert counted(final).verdict is Verdict.HOLDS


@pytest.mark.parametrize("final", [None, 0, 4])
def test_acknowledged_increments_must_be_in_the_sum(final):
    result = counted(final)
    assert result.verdict is Verdict.VIOLATED
    assert "it lacks acknowledged increments" in told(result)


@pytest.mark.parametrize("final", [11, 110])
def test_no_increment_counts_twice(final):
    result = counted(final)
    assert result.verdict is Verdict.VIOLATED
    assert "has increments that nobody made" in told(result)


def test_what_a_failover_left_out_need_not_be_in_the_sum():
    assert counted(2, log=(1, 2), survivor="n2").verdict is Verdict.HOLDS
    assert counted(1, log=(1, 2), survivor="n2").verdict is Verdict.VIOLATED


def test_without_reports_any_fault_may_have_led_to_a_failover():
    assert counted(0, reports=False).verdict is Verdict.VIOLATED
    assert counted(0, reports=False, faults=["kill"]).verdict is Verdict.HOLDS
    assert counted(11, reports=False, faults=["kill"]).verdict is Verdict.VIOLATED


@pytest.mark.parametrize(("epoch", "offset", "at"), [(1, 2, 150), (1001, 3, 250)])
@pytest.mark.parametrize("again", [1001, 901, None])
def test_what_a_node_without_a_disk_began_again_surely_contains_nothing(epoch, offset, at, again):
    script = mixed_script(Mode.ASYNC)
    script.bootstrap()
    script.write(0, at=100, entry=(1, 1), on=NODES)
    script.elected("n2", 1001, at=200, log=(1, 2), cause=Cause.OPERATOR)
    script.op("increment", "counter-0", 2, at=at, value=2, epoch=epoch, offset=offset, node="n2")
    script.episode("disk-loss", "n2", at=300, until=400)
    if again is not None:
        script.elected("n2", again, at=500, log=(1, 1), cause=Cause.OPERATOR)
    script.final("n2", {"list-0": [0], "counter-0": 0})
    result = Durability().check(script.run("n2"))
    assert ("lacks acknowledged increments" in told(result)) is (again is None)
