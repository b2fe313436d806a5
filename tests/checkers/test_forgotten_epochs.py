"""Nodes that lost their disk, and with it the epochs that they knew: what that excuses, and what it does not."""

import pytest
from recorded_runs import Script, told
from test_durability import check, judged

from harness.contract import Failover, Mode
from harness.events import Cause
from harness.verdict import Verdict


def forgetful_run(
    *, entry, on, again=1002, fault="disk-loss", struck="n2", at=500, cause=Cause.OPERATOR, retried=False
):
    """A run in which n2, promoted for epoch 1102, loses its disk, and is then promoted blank; n1 follows it."""
    script = Script(Mode.SEMI_SYNC, ("n1", "n2"), failover=Failover.MANUAL, degrades=True)
    script.elected("n1", 101, at=10, cause=Cause.BOOTSTRAP)
    script.write(0, at=50, entry=(101, 1), on=("n1", "n2"))
    script.episode("partition", "n1", at=200, until=900)
    script.elected("n2", 1102, at=300, log=(101, 1), heard=("n2",), cause=Cause.OPERATOR)
    script.write(1, at=350, entry=entry, on=on, by="n2" if entry[0] == 1102 else "n1", degraded=True)
    if retried:
        script.write(3, at=360, entry=(1102, 3), on=("n2",), by="n2", degraded=True)
    script.episode(fault, struck, at=at, until=at + 100)
    script.elected("n2", again, at=700, heard=("n2",), cause=cause)
    script.truncated("n1", 101, 1, 2, at=1000)
    script.write(2, at=1100, entry=(again, 2), on=("n1", "n2"), by="n2")
    script.final("n2", {"list-0": [2, 3] if retried else [2]})
    return check(script, "n2")


@pytest.mark.parametrize(
    ("entry", "on", "clause"),
    [
        ((1102, 2), ("n2",), "the disks of all nodes that held the write were lost (n2)"),
        ((101, 2), ("n1",), "an operator promoted n2, which did not hold it"),
    ],
    ids=["in the epoch that was forgotten", "in the one before"],
)
def test_an_operator_may_promote_a_node_that_has_forgotten_an_epoch_with_its_disk(entry, on, clause):
    result = forgetful_run(entry=entry, on=on)
    assert (result.figures["lost"], result.figures["permitted"]) == (2, 2), told(result)
    assert clause in told(result)


def test_what_another_primary_took_again_is_no_hole_in_an_epoch_that_was_forgotten():
    result = forgetful_run(entry=(1102, 2), on=("n2",), retried=True)
    assert (result.figures["lost"], result.figures["permitted"]) == (2, 2), told(result)


def test_a_node_whose_disk_is_whole_may_not_forget_an_epoch():
    result = forgetful_run(entry=(1102, 2), on=("n2",), fault="kill")
    assert result.figures["forbidden"] >= 1
    assert "it was acknowledged in epoch 1102, after epoch 1002 survived" in told(result)


@pytest.mark.parametrize("lost,ruling", [(True, "permitted"), (False, "forbidden")])
def test_what_a_second_primary_had_alone_may_go_with_its_disk_only(lost, ruling):
    script = Script(Mode.SEMI_SYNC, ("n1", "n2"), failover=Failover.MANUAL, degrades=True)
    script.elected("n1", 101, at=10, cause=Cause.BOOTSTRAP)
    script.write(0, at=50, entry=(101, 1), on=("n1", "n2"))
    script.episode("partition", "n1", at=200, until=900)
    script.elected("n2", 1102, at=300, log=(101, 1), heard=("n2",), cause=Cause.OPERATOR)
    script.write(1, at=350, entry=(1102, 2), on=("n2",), by="n2", degraded=True)
    if lost:
        script.episode("disk-loss", "n2", at=500, until=600)
    script.write(2, at=1100, entry=(101, 2), on=("n1", "n2"), by="n1")
    script.final("n1", {"list-0": [0, 2]})
    found, text, _ = judged(script, "n1")
    assert found == ruling
    assert ("it was acknowledged in epoch 1102, after epoch 101 survived" in text) is not lost


def test_an_epoch_that_was_begun_twice_leaves_doubt():
    result = forgetful_run(entry=(1102, 2), on=("n2",), again=1102)
    assert (result.figures["lost"], result.figures["unproved"]) == (2, 2), told(result)
    assert "epoch 1102 was begun twice: its offsets name no single entry" in told(result)
    assert result.verdict is Verdict.INCONCLUSIVE


BEGAN_TWICE = "n2 began epoch 1102 twice"


@pytest.mark.parametrize(
    ("fault", "cause", "why"),
    [
        ("kill", Cause.OPERATOR, "no fault had taken its disk meanwhile"),
        ("power-cut", Cause.OPERATOR, "no fault had taken its disk meanwhile"),
        ("disk-loss", Cause.ELECTION, "others elected it, who knew the epoch"),
        ("bit-rot", Cause.ELECTION, "others elected it, who knew the epoch"),
        ("disk-loss", Cause.OPERATOR, None),
        ("bit-rot", Cause.OPERATOR, None),
    ],
)
def test_only_who_has_lost_its_disk_may_begin_an_epoch_again_and_only_if_nobody_is_asked(fault, cause, why):
    result = forgetful_run(entry=(1102, 2), on=("n2",), again=1102, fault=fault, cause=cause)
    assert result.verdict is (Verdict.INCONCLUSIVE if why is None else Verdict.VIOLATED)
    assert (BEGAN_TWICE in told(result)) is (why is not None)
    assert why is None or why in told(result)


@pytest.mark.parametrize(("struck", "at"), [("n1", 500), ("n2", 150), ("n2", 800)])
def test_only_its_own_disk_and_only_in_between(struck, at):
    result = forgetful_run(entry=(1102, 2), on=("n2",), again=1102, struck=struck, at=at)
    assert BEGAN_TWICE in told(result)


def restarts(*faults, cause=Cause.OPERATOR, lies=()):
    """A run in which n2 begins epoch 1102 anew after each of some faults."""
    script = Script(Mode.SEMI_SYNC, ("n1", "n2"), failover=Failover.MANUAL, degrades=True)
    script.elected("n1", 101, at=10, cause=Cause.BOOTSTRAP)
    script.write(0, at=50, entry=(101, 1), on=("n1", "n2"))
    for fault, at, until in lies:
        script.episode(fault, "n2", at=at, until=until)
    script.elected("n2", 1102, at=300, log=(101, 1), heard=("n2",), cause=cause)
    for number, fault in enumerate(faults):
        script.episode(fault, "n2", at=400 + 200 * number, until=450 + 200 * number)
        script.elected("n2", 1102, at=500 + 200 * number, log=(101, 1), heard=("n2",), cause=cause)
    script.final("n2", {"list-0": [0]})
    return told(check(script, "n2"))


def test_each_time_that_an_epoch_is_begun_again_needs_an_excuse_of_its_own():
    assert BEGAN_TWICE not in restarts("disk-loss", "disk-loss")
    assert restarts("disk-loss", "kill").count(f"violated: {BEGAN_TWICE}") == 1
    assert restarts("kill", "disk-loss").count(f"violated: {BEGAN_TWICE}") == 1
    assert restarts("kill", "kill").count(f"violated: {BEGAN_TWICE}") == 2


def test_a_disk_that_lied_excuses_a_node_only_if_the_power_was_cut_since():
    lie = ("lying-flush", 200, 9000)
    assert BEGAN_TWICE not in restarts("power-cut", cause=Cause.ELECTION, lies=[lie])
    assert BEGAN_TWICE in restarts("power-cut", cause=Cause.ELECTION)
    assert BEGAN_TWICE in restarts("kill", cause=Cause.ELECTION, lies=[lie])
    assert BEGAN_TWICE in restarts("kill", cause=Cause.ELECTION, lies=[lie, ("power-cut", 250, 270)])


@pytest.mark.parametrize(("epoch", "ruling"), [(1201, "forbidden"), (1102, "unproved")])
def test_a_hole_in_a_later_epoch_is_one_whatever_an_ancestor_was(epoch, ruling):
    script = Script(Mode.SEMI_SYNC, ("n1", "n2"), failover=Failover.MANUAL, degrades=True)
    script.elected("n1", 101, at=10, cause=Cause.BOOTSTRAP)
    script.elected("n2", 1102, at=300, heard=("n2",), cause=Cause.OPERATOR)
    script.episode("disk-loss", "n2", at=400, until=450)
    script.elected("n2", 1102, at=500, heard=("n2",), cause=Cause.OPERATOR)
    if epoch == 1201:
        script.elected("n1", 1201, at=800, log=(1102, 3), heard=("n1", "n2"), cause=Cause.OPERATOR)
    by = "n1" if epoch == 1201 else "n2"
    script.write(5, at=900, entry=(epoch, 5), on=("n1", "n2"), by=by)
    script.write(6, at=950, entry=(epoch, 6), on=("n1", "n2"), by=by)
    script.final(by, {"list-0": [6]})
    assert judged(script, by)[0] == ruling


def test_an_epoch_that_was_begun_twice_leaves_doubt_where_another_one_survived():
    script = Script(Mode.SEMI_SYNC, ("n1", "n2"), failover=Failover.MANUAL, degrades=True)
    script.elected("n1", 101, at=10, cause=Cause.BOOTSTRAP)
    script.write(0, at=50, entry=(101, 1), on=("n1", "n2"))
    script.elected("n2", 1102, at=300, log=(101, 1), heard=("n2",), cause=Cause.OPERATOR)
    script.write(1, at=350, entry=(1102, 2), on=("n2",), by="n2", degraded=True)
    script.episode("disk-loss", "n2", at=500, until=600)
    script.elected("n2", 1102, at=700, heard=("n2",), cause=Cause.OPERATOR)
    script.elected("n1", 2101, at=900, log=(101, 1), heard=("n1",), cause=Cause.OPERATOR)
    script.final("n1", {"list-0": [0]})
    assert judged(script, "n1")[0] == "unproved"


def test_nor_is_there_a_hole_in_an_epoch_that_was_begun_twice():
    script = Script(Mode.SEMI_SYNC, ("n1", "n2"), failover=Failover.MANUAL, degrades=True)
    script.elected("n2", 101, at=10, cause=Cause.BOOTSTRAP)
    script.write(0, at=50, entry=(101, 1), on=("n1", "n2"), by="n2")
    script.elected("n1", 2101, at=300, log=(101, 1), heard=("n1",), cause=Cause.OPERATOR)
    script.write(1, at=350, entry=(2101, 2), on=("n1",), by="n1", degraded=True)
    script.episode("disk-loss", "n1", at=500, until=600)
    script.elected("n1", 2101, at=700, log=(101, 1), heard=("n1",), cause=Cause.OPERATOR)
    script.write(2, at=1100, entry=(2101, 3), on=("n1", "n2"), by="n1")
    script.final("n1", {"list-0": [0, 2]})
    assert judged(script, "n1")[0] == "unproved"
