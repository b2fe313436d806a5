"""Rulings for systems that report nothing: from roles and fault episodes alone."""

import pytest
from recorded_runs import NODES, Script, told

from checkers.durability import Durability
from harness.contract import Failover, Mode
from harness.verdict import Verdict


def lost_run(mode=Mode.ASYNC, *, by="n1", survivor="n1", faults=(), successor=None, nodes=NODES, **fields):
    """A run without reports that loses a write which `by` acknowledged at 200 ms."""
    script = Script(mode, nodes, reports=False, **fields)
    script.append(0, at=100, by=by)
    script.append(1, at=200, by=by)
    for fault, targets, at in faults:
        script.episode(fault, *targets, at=at, until=at + 100)
    if successor:
        script.append(2, at=900, by=successor)
    script.final(survivor, {"list-0": [0, 2] if successor else [0]})
    return script.run(survivor)


def ruling(run):
    result = Durability().check(run)
    assert result.figures["lost"] == 1
    (found,) = (name for name in ("permitted", "forbidden", "unproved") if result.figures[name])
    assert (
        result.verdict
        is {
            "permitted": Verdict.HOLDS,
            "forbidden": Verdict.VIOLATED,
            "unproved": Verdict.INCONCLUSIVE,
        }[found]
    )
    return found, told(result)


def test_async_may_lose_after_a_failover_that_shows_in_who_acknowledges():
    found, text = ruling(lost_run(faults=[("kill", ("n1",), 300)], successor="n2", survivor="n2"))
    assert found == "permitted"
    assert "n2 took over from n1" in text
    assert "by roles and faults alone" in text


def test_async_may_lose_after_a_failover_that_shows_in_who_survives():
    assert ruling(lost_run(faults=[("kill", ("n1",), 300)], survivor="n3"))[0] == "permitted"


@pytest.mark.parametrize("fault", ["kill", "power-cut", "pause", "partition"])
def test_async_may_not_lose_without_a_failover(fault):
    assert ruling(lost_run(faults=[(fault, ("n1",), 300)], successor="n1"))[0] == "forbidden"


def test_what_others_acknowledged_before_is_no_failover():
    script = Script(Mode.ASYNC, reports=False)
    script.append(1, at=200, returned=300, by="n1")
    script.append(2, at=210, returned=250, by="n2")
    script.final("n1", {"list-0": [2]})
    assert ruling(script.run("n1"))[0] == "forbidden"


def test_async_may_lose_with_the_primarys_disk():
    found, text = ruling(lost_run(faults=[("disk-loss", ("n1",), 300)], successor="n1"))
    assert found == "permitted"
    assert "primary_disk_lost" in text
    assert ruling(lost_run(faults=[("disk-loss", ("n2",), 300)], successor="n1"))[0] == "forbidden"


def test_async_may_lose_after_a_promotion():
    found, text = ruling(lost_run(faults=[("promote", ("n2",), 300)], survivor="n2", successor="n2"))
    assert found == "permitted"
    assert "operator_promoted_non_holder" in text


def test_a_fault_that_ended_before_the_write_excuses_nothing():
    assert ruling(lost_run(faults=[("promote", ("n2",), 10)], successor="n1"))[0] == "forbidden"


@pytest.mark.parametrize(("mode", "excused"), [(Mode.ASYNC, "permitted"), (Mode.SEMI_SYNC, "unproved")])
def test_under_manual_failover_nothing_fences_a_primary_that_is_out_of_reach(mode, excused):
    fields = {"faults": [("promote", ("n2",), 10)], "failover": Failover.MANUAL}
    assert ruling(lost_run(mode, by="n1", survivor="n2", **fields))[0] == excused
    assert ruling(lost_run(mode, by="n2", survivor="n2", **fields))[0] == "forbidden"
    assert ruling(lost_run(mode, by="n1", survivor="n1", **fields))[0] == "forbidden"


def test_where_nodes_are_not_named_a_promotion_before_the_write_excuses_it_only_under_manual_failover():
    for failover, found in ((Failover.MANUAL, "permitted"), (Failover.AUTOMATIC, "forbidden")):
        run = lost_run(by=None, survivor="n2", faults=[("promote", ("n2",), 10)], failover=failover)
        assert ruling(run)[0] == found


def test_where_nodes_are_not_named_a_fault_a_fault_may_have_led_to_a_failover():
    assert ruling(lost_run(by=None, faults=[("kill", ("n1",), 300)]))[0] == "permitted"
    assert ruling(lost_run(by=None))[0] == "forbidden"


@pytest.mark.parametrize("mode", [Mode.SEMI_SYNC, Mode.QUORUM, Mode.SYNC, Mode.HYBRID])
class TestCopiesOnDisks:
    def test_may_not_be_lost_in_a_failover(self, mode):
        run = lost_run(mode, faults=[("kill", ("n1",), 300)], successor="n2", survivor="n2")
        assert ruling(run)[0] == "forbidden"

    def test_may_not_be_lost_with_one_disk(self, mode):
        run = lost_run(mode, faults=[("disk-loss", ("n1",), 300)], successor="n2", survivor="n2")
        found, text = ruling(run)
        assert found == "forbidden"
        assert "no fault destroyed what that many had" in text

    def test_may_be_lost_with_all_disks(self, mode):
        run = lost_run(mode, faults=[("disk-loss", NODES, 300)], successor="n2", survivor="n2")
        assert ruling(run)[0] == "permitted"

    def test_all_power_cut_at_once_excuses_nothing(self, mode):
        run = lost_run(mode, faults=[("power-cut", NODES, 300)], successor="n2", survivor="n2")
        assert ruling(run)[0] == "forbidden"


def test_who_had_it_is_not_known_if_enough_disks_are_lost():
    faults = [("disk-loss", ("n1", "n2"), 300)]
    found, text = ruling(lost_run(Mode.SEMI_SYNC, faults=faults, successor="n3", survivor="n3"))
    assert found == "unproved"
    assert "which nodes had the write is not known" in text


def test_the_primary_itself_is_known_to_have_had_it():
    faults = [("disk-loss", ("n2", "n3"), 300)]
    assert ruling(lost_run(Mode.SEMI_SYNC, faults=faults, successor="n1"))[0] == "forbidden"


def test_members_of_the_sync_set_are_known_to_have_had_it():
    faults = [("disk-loss", ("n1", "n3"), 300)]
    assert ruling(lost_run(Mode.HYBRID, faults=faults, successor="n2", survivor="n2"))[0] == "forbidden"


def test_a_promoted_node_need_not_have_had_it():
    faults = [("promote", ("n3",), 300)]
    assert ruling(lost_run(Mode.SEMI_SYNC, faults=faults, successor="n3", survivor="n3"))[0] == "unproved"
    assert ruling(lost_run(Mode.HYBRID, faults=faults, successor="n3", survivor="n3"))[0] == "unproved"


def test_a_promoted_node_must_have_had_it_where_all_do():
    faults = [("promote", ("n2",), 300)]
    assert ruling(lost_run(Mode.SYNC, faults=faults, successor="n2", survivor="n2"))[0] == "forbidden"
    pair = lost_run(Mode.SEMI_SYNC, nodes=("n1", "n2"), faults=faults, successor="n2", survivor="n2")
    assert ruling(pair)[0] == "forbidden"
    assert ruling(lost_run(Mode.HYBRID, faults=faults, successor="n2", survivor="n2"))[0] == "forbidden"


def test_who_is_promoted_after_its_disk_was_lost_has_it_no_longer():
    lost, promoted = ("disk-loss", ("n2",), 300), ("promote", ("n2",), 500)
    found, text = ruling(lost_run(Mode.SYNC, faults=[lost, promoted], successor="n2", survivor="n2"))
    assert found == "unproved"
    assert "an operator promoted n2, which may have lost what it had" in text
    for faults in (
        [("promote", ("n2",), 300), ("disk-loss", ("n2",), 500)],
        [("disk-loss", ("n3",), 300), promoted],
        [("power-cut", ("n2",), 300), promoted],
        [("disk-loss", ("n2",), 20), promoted],
        [("bit-rot", ("n2",), 110), ("promote", ("n2",), 120)],
    ):
        run = lost_run(Mode.SYNC, faults=faults, successor="n2", survivor="n2")
        assert ruling(run)[0] == "forbidden", faults
    pair, cut = ("n1", "n2"), ("power-cut", ("n2",), 300)
    run = lost_run(Mode.SEMI_SYNC_MEMORY, nodes=pair, faults=[cut, promoted], successor="n2", survivor="n2")
    assert ruling(run)[0] == "unproved", "what was in memory went with the power"


def test_memory_goes_with_the_power_if_the_primary_is_out_of_reach():
    killed = ("kill", ("n1",), 300)
    run = lost_run(
        Mode.SEMI_SYNC_MEMORY, faults=[killed, ("power-cut", ("n2",), 300)], successor="n3", survivor="n3"
    )
    assert ruling(run)[0] == "unproved"
    run = lost_run(Mode.SEMI_SYNC_MEMORY, faults=[killed], successor="n3", survivor="n3")
    assert ruling(run)[0] == "forbidden"
    run = lost_run(Mode.SEMI_SYNC_MEMORY, faults=[("power-cut", ("n2",), 300)], successor="n1")
    assert ruling(run)[0] == "forbidden"


def test_a_degraded_write_goes_with_its_primarys_disk():
    for targets, expected in ((("n1",), "permitted"), (("n2",), "forbidden")):
        script = Script(Mode.SEMI_SYNC, reports=False, degrades=True)
        script.append(1, at=200, degraded=True)
        script.episode("disk-loss", *targets, at=300, until=400)
        script.append(2, at=900, by="n2")
        script.final("n2", {"list-0": [2]})
        assert ruling(script.run("n2"))[0] == expected


def test_reports_without_log_entries_are_judged_the_same_way():
    script = Script(Mode.ASYNC)
    script.bootstrap()
    script.append(1, at=200)
    script.elected("n2", 2, at=500, log=(0, 0), heard=("n2", "n3"))
    script.final("n2", {"list-0": []})
    found, text = ruling(script.run("n2"))
    assert found == "permitted"
    assert "n2 was elected for epoch 2" in text
    quiet = Script(Mode.ASYNC)
    quiet.bootstrap()
    quiet.append(1, at=200)
    quiet.episode("kill", "n1", at=300, until=400)
    quiet.final("n1", {"list-0": []})
    assert ruling(quiet.run("n1"))[0] == "forbidden"


@pytest.mark.parametrize("apart_ms,found", [(0, "permitted"), (-1, "permitted"), (-40, "forbidden")])
def test_an_election_before_the_write_is_no_failover_after_it_unless_clocks_may_differ_so(apart_ms, found):
    script = Script(Mode.ASYNC)
    script.bootstrap()
    script.elected("n2", 2, at=200 + apart_ms, log=(0, 0), heard=("n2", "n3"))
    script.append(1, at=200, by="n2")
    script.final("n2", {"list-0": []})
    result = Durability(tolerance_s=0.005).check(script.run("n2"))
    assert (result.figures["lost"], result.figures[found]) == (1, 1)
