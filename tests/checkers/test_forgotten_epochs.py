"""Nodes that lost their disk, and with it the epochs that they knew: what that excuses, and what it does not."""

import pytest
from recorded_runs import Script, told
from test_durability import check, judged

from checkers.durability import Durability
from harness.contract import Failover, Mode
from harness.events import Cause
from harness.verdict import Verdict


def forgetful_run(
    *, entry, on, again, fault="disk-loss", struck="n2", at=500, heard=("n2",), retried=False, tolerance_s=0.0
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
    cause = Cause.OPERATOR if heard == ("n2",) else Cause.ELECTION
    script.elected("n2", again, at=700, heard=heard, cause=cause)
    script.truncated("n1", 101, 1, 2, at=1000)
    script.write(2, at=1100, entry=(again, 2), on=("n1", "n2"), by="n2")
    script.final("n2", {"list-0": [2, 3] if retried else [2]})
    return Durability(tolerance_s).check(script.run("n2"))


@pytest.mark.parametrize("again", [1002, 1102])
@pytest.mark.parametrize(("entry", "on"), [((1102, 2), ("n2",)), ((101, 2), ("n1",))])
def test_from_an_epoch_on_that_is_no_later_than_one_that_was_forgotten_losses_are_unproved(again, entry, on):
    result = forgetful_run(entry=entry, on=on, again=again)
    assert (result.figures["lost"], result.figures["unproved"]) == (2, 2), told(result)
    assert "n2 had forgotten an epoch: their numbers don't tell what came after what" in told(result)
    assert result.verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("again", [1002, 1102])
def test_what_another_primary_took_again_is_no_hole_in_an_epoch_that_was_forgotten(again):
    result = forgetful_run(entry=(1102, 2), on=("n2",), again=again, retried=True)
    assert (result.figures["lost"], result.figures["unproved"]) == (2, 2), told(result)


@pytest.mark.parametrize(("epoch", "ruling"), [(101, "forbidden"), (202, "unproved"), (302, "unproved")])
def test_what_is_of_lower_epochs_is_judged_all_the_same(epoch, ruling):
    """The survivor n1 is primary of 101 all the time, and does not know of the epochs of n2."""
    script = Script(Mode.SEMI_SYNC, ("n1", "n2"), failover=Failover.MANUAL, degrades=True)
    script.elected("n1", 101, at=10, cause=Cause.BOOTSTRAP)
    script.write(0, at=50, entry=(101, 1), on=("n1", "n2"))
    script.elected("n2", 302, at=300, log=(101, 1), heard=("n2",), cause=Cause.OPERATOR)
    script.episode("disk-loss", "n2", at=500, until=600)
    script.elected("n2", 202, at=700, heard=("n2",), cause=Cause.OPERATOR)
    by = "n1" if epoch == 101 else "n2"
    script.write(1, at=750, entry=(epoch, 2), on=("n1", "n2"), by=by)
    script.final("n1", {"list-0": [0]})
    assert judged(script, "n1")[0] == ruling


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


BEGAN_TWICE = "n2 began epoch 1102 twice"


@pytest.mark.parametrize("again", [1002, 1102])
@pytest.mark.parametrize(
    ("fault", "heard", "why"),
    [
        ("kill", ("n2",), "no fault had taken its disk meanwhile"),
        ("power-cut", ("n2",), "no fault had taken its disk meanwhile"),
        ("disk-loss", ("n1", "n2"), "n1, n2 elected it"),
        ("bit-rot", ("n1", "n2"), "n1, n2 elected it"),
        ("disk-loss", ("n2",), None),
        ("bit-rot", ("n2",), None),
        ("lost-flush", ("n1", "n2"), None),
    ],
)
def test_only_who_has_lost_its_disk_may_forget_an_epoch_and_only_if_nobody_else_is_heard(
    fault, heard, why, again
):
    result = forgetful_run(entry=(1102, 2), on=("n2",), again=again, fault=fault, heard=heard)
    began = f"n2 began epoch {again} {'twice' if again == 1102 else 'after epoch 1102'}"
    assert result.verdict is (Verdict.INCONCLUSIVE if why is None else Verdict.VIOLATED)
    assert (began in told(result)) is (why is not None)
    assert why is None or why in told(result)


@pytest.mark.parametrize(("struck", "at"), [("n1", 500), ("n2", 150), ("n2", 800)])
def test_only_its_own_disk_and_only_in_between(struck, at):
    result = forgetful_run(entry=(1102, 2), on=("n2",), again=1102, struck=struck, at=at)
    assert BEGAN_TWICE in told(result)


@pytest.mark.parametrize(("at", "apart_ms"), [(259, 40), (750, 50)])
def test_clocks_that_differ_may_hide_that_it_was_in_between(at, apart_ms):
    """The disk is lost from 259 to 260, the epoch begun at 300; or from 750 on, and it is begun again at 700."""
    for tolerance_s, excused in ((apart_ms / 1000, True), ((apart_ms - 1) / 1000, False)):
        result = forgetful_run(entry=(1102, 2), on=("n2",), again=1102, at=at, tolerance_s=tolerance_s)
        assert (BEGAN_TWICE not in told(result)) is excused


@pytest.mark.parametrize(("voter", "excused"), [("n1", True), ("n3", False)])
def test_a_voter_may_have_forgotten_if_its_disk_lied(voter, excused):
    script = Script(Mode.SEMI_SYNC, ("n1", "n2", "n3"), failover=Failover.AUTOMATIC)
    script.elected("n1", 101, at=10, cause=Cause.BOOTSTRAP)
    script.write(0, at=50, entry=(101, 1), on=("n1", "n2"))
    script.episode("lying-flush", voter, at=200, until=600)
    script.elected("n2", 202, at=300, log=(101, 1), heard=("n1", "n2"))
    script.episode("disk-loss", "n2", at=400, until=450)
    script.episode("power-cut", voter, at=500, until=550)
    script.elected("n2", 202, at=700, log=(101, 1), heard=("n1", "n2"))
    script.final("n2", {"list-0": [0]})
    assert ("n2 began epoch 202 twice" not in told(check(script, "n2"))) is excused


def restarts(*faults, heard=("n2",), lies=(), tolerance_s=0.0):
    """A run in which n2 begins epoch 1102 anew after each of some faults."""
    script = Script(Mode.SEMI_SYNC, ("n1", "n2"), failover=Failover.MANUAL, degrades=True)
    script.elected("n1", 101, at=10, cause=Cause.BOOTSTRAP)
    script.write(0, at=50, entry=(101, 1), on=("n1", "n2"))
    for fault, at, until in lies:
        script.episode(fault, "n2", at=at, until=until)
    script.elected("n2", 1102, at=300, log=(101, 1), heard=heard)
    for number, fault in enumerate(faults):
        script.episode(fault, "n2", at=400 + 200 * number, until=450 + 200 * number)
        script.elected("n2", 1102, at=500 + 200 * number, log=(101, 1), heard=heard)
    script.final("n2", {"list-0": [0]})
    return told(Durability(tolerance_s).check(script.run("n2")))


def test_each_time_that_an_epoch_is_begun_again_needs_an_excuse_of_its_own():
    assert BEGAN_TWICE not in restarts("disk-loss", "disk-loss")
    assert restarts("disk-loss", "kill").count(f"violated: {BEGAN_TWICE}") == 1
    assert restarts("kill", "disk-loss").count(f"violated: {BEGAN_TWICE}") == 1
    assert restarts("kill", "kill").count(f"violated: {BEGAN_TWICE}") == 2


def test_a_disk_that_lied_excuses_a_node_only_if_the_power_was_cut_since():
    lie = ("lying-flush", 200, 9000)
    assert BEGAN_TWICE not in restarts("power-cut", heard=("n1", "n2"), lies=[lie])
    assert BEGAN_TWICE in restarts("power-cut", heard=("n1", "n2"))
    assert BEGAN_TWICE in restarts("kill", heard=("n1", "n2"), lies=[lie])
    assert BEGAN_TWICE in restarts("kill", heard=("n1", "n2"), lies=[lie, ("power-cut", 250, 270)])


@pytest.mark.parametrize(("lie", "cut", "apart_ms"), [((200, 295), 285, 14), ((200, 9000), 510, 10)])
def test_clocks_that_differ_may_hide_that_the_power_was_cut_in_between(lie, cut, apart_ms):
    """The epoch is begun at 300 and again at 500; the power is cut from `cut` to a millisecond later."""
    lies = [("lying-flush", *lie), ("power-cut", cut, cut + 5)]
    for tolerance_s, excused in ((apart_ms / 1000, True), ((apart_ms - 1) / 1000, False)):
        found = restarts("kill", heard=("n1", "n2"), lies=lies, tolerance_s=tolerance_s)
        assert (BEGAN_TWICE not in found) is excused


def test_who_survives_is_known_by_the_last_epoch_that_it_began_not_by_the_highest():
    script = Script(Mode.SEMI_SYNC, ("n1", "n2"), failover=Failover.MANUAL, degrades=True)
    script.elected("n1", 101, at=10, cause=Cause.BOOTSTRAP)
    script.write(0, at=50, entry=(101, 1), on=("n1", "n2"))
    script.elected("n2", 202, at=300, log=(101, 1), heard=("n2",), cause=Cause.OPERATOR)
    script.elected("n2", 302, at=400, log=(202, 2), heard=("n2",), cause=Cause.OPERATOR)
    script.write(1, at=450, entry=(302, 3), on=("n2",), by="n2", degraded=True)
    script.episode("disk-loss", "n2", at=500, until=600)
    script.elected("n2", 202, at=700, log=(101, 1), heard=("n2",), cause=Cause.OPERATOR)
    script.final("n2", {"list-0": [0]})
    assert judged(script, "n2")[0] == "unproved"
