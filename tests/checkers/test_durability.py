"""Losses and their rulings: for each clause one run that it excuses, and one that it does not."""

import pytest
from recorded_runs import NODES, Script, mixed_script, told

from checkers.durability import Durability
from checkers.rulings.story import STORIES
from harness.contract import Failover, Mode
from harness.events import Cause, Medium
from harness.operation import Outcome
from harness.verdict import Verdict


def check(script, survivor="n1", **fields):
    return Durability().check(script.run(survivor, **fields))


def failover(
    mode, *, on=("n1",), memory=(), heard=("n2", "n3"), winner="n2", cause=Cause.ELECTION, **settings
):
    """A run whose write 1 is lost as n1 is killed and `winner` takes over, having heard `heard`."""
    script = Script(mode, **settings)
    script.bootstrap()
    script.write(0, at=100, entry=(1, 2), on=NODES)
    script.write(1, at=200, entry=(1, 3), on=on, memory=memory)
    script.episode("kill", "n1", at=400, until=900)
    script.elected(winner, 2, at=500, log=(1, 2), heard=heard, cause=cause)
    script.write(2, at=600, entry=(2, 4), on=NODES, by=winner)
    script.final(winner, {"list-0": [0, 2]})
    return script


def judged(script, survivor="n2"):
    result = check(script, survivor)
    assert result.figures["lost"] == 1
    (ruling,) = (name for name in ("permitted", "forbidden", "unproved") if result.figures[name])
    return ruling, told(result), result


# Nothing lost


@pytest.mark.parametrize("mode", Mode)
def test_what_is_there_is_not_lost(mode):
    script = Script(mode)
    script.bootstrap()
    script.write(1, at=100, entry=(1, 1), on=NODES)
    script.final("n1", {"list-0": [1]})
    result = check(script)
    assert result.verdict is Verdict.HOLDS
    assert result.summary == "1 write acknowledged, 0 lost"
    assert result.figures["rpo_seconds"] == 0


def test_writes_of_unknown_outcome_are_not_lost():
    script = Script()
    script.bootstrap()
    script.write(1, at=100, entry=(1, 1))
    script.op("append", "list-0", 2, at=110, outcome=Outcome.INFO)
    script.op("append", "list-0", 3, at=110, outcome=Outcome.INFO, returned=120)
    script.op("append", "list-0", 4, at=110, outcome=Outcome.FAIL)
    script.final("n1", {"list-0": [1]})
    assert check(script).verdict is Verdict.HOLDS


def test_a_write_of_unknown_outcome_may_be_there():
    script = Script()
    script.bootstrap()
    script.write(1, at=100, entry=(1, 1))
    script.op("append", "list-0", 2, at=110, outcome=Outcome.INFO)
    script.final("n1", {"list-0": [1, 2]})
    assert check(script).verdict is Verdict.HOLDS


# A run that proves nothing


def test_nothing_acknowledged_is_inconclusive():
    script = Script()
    script.bootstrap()
    script.op("append", "list-0", 2, at=110, outcome=Outcome.INFO)
    script.final("n1", {"list-0": []})
    assert check(script).verdict is Verdict.INCONCLUSIVE


def test_no_survivor_is_inconclusive():
    script = Script()
    script.bootstrap()
    script.write(1, at=100, entry=(1, 1))
    script.final("n1", {"list-0": [1]})
    result = check(script, None)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.figures["lost"] == 0


def test_no_survivor_is_no_gap_when_no_recovery_is_expected():
    script = Script()
    script.bootstrap()
    script.write(1, at=100, entry=(1, 1))
    result = check(script, None, recovered=False, recovery_expected=False)
    assert result.verdict is Verdict.HOLDS
    assert "no recovery is expected" in result.summary
    assert check(script, None, recovered=None, recovery_expected=False).verdict is Verdict.INCONCLUSIVE


def test_keys_that_were_not_read_are_inconclusive_and_hide_no_loss():
    script = Script()
    script.bootstrap()
    script.write(1, at=100, entry=(1, 1), key="list-0")
    script.write(2, at=110, entry=(1, 2), key="list-1")
    script.final("n1", {"list-0": [1]})
    result = check(script)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "list-1" in told(result)
    lossy = Script()
    lossy.bootstrap()
    lossy.write(1, at=100, entry=(1, 1), key="list-0")
    lossy.write(2, at=110, entry=(1, 2), key="list-1")
    lossy.final("n1", {"list-0": []})
    assert check(lossy).verdict is Verdict.VIOLATED


@pytest.mark.parametrize("unread,more", [(1, ""), (10, ""), (11, " and 1 more"), (13, " and 3 more")])
def test_of_many_keys_that_were_not_read_the_first_ten_are_named(unread, more):
    script = Script()
    script.bootstrap()
    script.write(100, at=90, entry=(1, 1), key="list-00")
    for place in range(unread):
        script.write(place, at=100 + place, entry=(1, 2 + place), key=f"list-{place + 10}")
    script.op("append", "list-99", 99, at=200, outcome=Outcome.INFO)
    script.final("n1", {"list-00": [100]})
    (finding,) = check(script).findings
    writes = f"{unread} acknowledged write{'s' if unread > 1 else ''}"
    assert finding.title == f"of {writes} the keys were not read on n1 in the end"
    named = [f"list-{place + 10}" for place in range(min(unread, 10))]
    assert finding.lines == (f"keys {', '.join(named)}{more}",)


def test_a_failed_final_read_is_none():
    script = Script()
    script.bootstrap()
    script.write(1, at=100, entry=(1, 1))
    script.op("peek", ("list-0",), at=20_000, node="n1", outcome=Outcome.INFO)
    assert check(script).verdict is Verdict.INCONCLUSIVE


# async


def test_async_may_lose_a_suffix_in_a_failover():
    ruling, text, result = judged(failover(Mode.ASYNC))
    assert ruling == "permitted"
    assert result.verdict is Verdict.HOLDS
    assert "clause failover_suffix" in text
    assert "episode 1: kill of n1" in text


def test_async_may_not_lose_what_the_election_heard_of():
    ruling, text, result = judged(failover(Mode.ASYNC, on=("n1", "n3")))
    assert ruling == "forbidden"
    assert result.verdict is Verdict.VIOLATED
    assert "heard n3, which had the write" in text


def test_async_may_lose_what_the_election_could_not_hear_of():
    assert judged(failover(Mode.ASYNC, on=("n1", "n3"), heard=("n2",)))[0] == "permitted"


def test_async_may_not_lose_what_the_winner_had():
    ruling, text, _ = judged(failover(Mode.ASYNC, on=("n1", "n2")))
    assert ruling == "forbidden"
    assert "n2 had the write when it became primary of epoch 2" in text


def test_a_copy_made_after_the_election_was_not_heard_of():
    script = failover(Mode.ASYNC)
    script.stored("n3", (1, 3), at=550)
    assert judged(script)[0] == "permitted"


def test_async_may_not_leave_a_hole():
    script = Script(Mode.ASYNC)
    script.bootstrap()
    for offset in (1, 2, 3):
        script.write(offset, at=100 + offset, entry=(1, offset), on=("n1", "n2"))
    script.elected("n2", 2, at=500, log=(1, 3), heard=("n2", "n3"))
    script.final("n2", {"list-0": [1, 3]})
    ruling, text, _ = judged(script)
    assert ruling == "forbidden"
    assert "a hole in the log: offset 3 of epoch 1 survived" in text


def test_an_entry_that_a_failover_left_out_is_no_hole_though_a_later_one_was_written_again():
    """A client sent the second request to both primaries, and only the old one's answer is recorded."""
    script = Script(Mode.ASYNC)
    script.bootstrap()
    script.write(1, at=100, entry=(1, 1), on=NODES)
    script.write(2, at=200, entry=(1, 2), on=("n1",))
    script.write(3, at=300, entry=(1, 3), on=("n1",))
    script.elected("n2", 2, at=500, log=(1, 1), heard=("n2", "n3"))
    script.final("n2", {"list-0": [1, 3]})
    ruling, text, _ = judged(script)
    assert (ruling, "clause failover_suffix" in text) == ("permitted", True)


@pytest.mark.parametrize("fault", ["kill", "power-cut", "pause"])
def test_async_may_not_lose_in_a_plain_restart(fault):
    script = Script(Mode.ASYNC)
    script.bootstrap()
    script.write(0, at=100, entry=(1, 1))
    script.write(1, at=200, entry=(1, 2))
    script.episode(fault, "n1", at=300, until=400)
    script.elected("n1", 2, at=500, log=(1, 1), heard=("n1", "n2"))
    script.write(2, at=600, entry=(2, 3))
    script.final("n1", {"list-0": [0, 2]})
    ruling, text, _ = judged(script, "n1")
    assert ruling == "forbidden"
    assert "n1 had the write when it became primary of epoch 2" in text


def test_async_may_not_forget_without_any_election():
    script = Script(Mode.ASYNC)
    script.bootstrap()
    script.write(0, at=100, entry=(1, 1))
    script.write(1, at=200, entry=(1, 2))
    script.final("n1", {"list-0": [0]})
    ruling, text, _ = judged(script, "n1")
    assert ruling == "forbidden"
    assert "no election left it out" in text


def test_async_may_lose_with_the_primarys_disk():
    script = Script(Mode.ASYNC)
    script.bootstrap()
    script.write(0, at=100, entry=(1, 1))
    script.episode("disk-loss", "n1", at=300, until=400)
    script.elected("n1", 2, at=500, log=(0, 0), heard=("n1", "n2"))
    script.write(1, at=600, entry=(2, 1))
    script.final("n1", {"list-0": [1]})
    ruling, text, result = judged(script, "n1")
    assert ruling == "permitted"
    assert "clause primary_disk_lost" in text
    assert result.figures["rpo_seconds"] == pytest.approx(0.199)


def test_a_disk_lost_after_the_election_excuses_nothing():
    script = Script(Mode.ASYNC)
    script.bootstrap()
    script.write(0, at=100, entry=(1, 1))
    script.elected("n1", 2, at=500, log=(0, 0), heard=("n1", "n2"))
    script.episode("disk-loss", "n1", at=700, until=800)
    script.final("n1", {"list-0": []})
    assert judged(script, "n1")[0] == "forbidden"


def test_a_stale_primary_may_not_accept_writes_after_its_successor_was_elected():
    for called, ruling in ((499, "permitted"), (501, "forbidden")):
        script = Script(Mode.ASYNC)
        script.bootstrap()
        script.write(0, at=100, entry=(1, 1), on=("n1", "n2"))
        script.elected("n2", 2, at=500, log=(1, 1), heard=("n2", "n3"))
        script.stored("n1", (1, 2), at=505)
        script.append(1, at=called, returned=510, entry=(1, 2))
        script.final("n2", {"list-0": [0]})
        assert judged(script)[0] == ruling
    assert judged_with_manual_failover() == "permitted"


def judged_with_manual_failover():
    script = Script(Mode.ASYNC, failover=Failover.MANUAL)
    script.bootstrap()
    script.write(0, at=100, entry=(1, 1), on=("n1", "n2"))
    script.elected("n2", 2, at=500, log=(1, 1), heard=("n2",), cause=Cause.OPERATOR)
    script.stored("n1", (1, 2), at=505)
    script.append(1, at=504, returned=510, entry=(1, 2))
    script.final("n2", {"list-0": [0]})
    return judged(script)[0]


def test_a_forked_epoch_may_be_lost_as_a_whole():
    script = Script(Mode.ASYNC)
    script.bootstrap()
    script.write(0, at=100, entry=(1, 1), on=NODES)
    script.elected("n2", 2, at=200, log=(1, 1), heard=("n2", "n3"))
    script.write(1, at=210, entry=(2, 2), on=("n2",), by="n2")
    script.episode("kill", "n2", at=220, until=900)
    script.elected("n3", 3, at=300, log=(1, 1), heard=("n1", "n3"))
    script.write(2, at=310, entry=(3, 2), on=("n3",), by="n3")
    script.final("n3", {"list-0": [0, 2]})
    assert judged(script, "n3")[0] == "permitted"


def test_an_acknowledgement_newer_than_the_surviving_epoch_is_lost_for_no_reason():
    script = Script(Mode.ASYNC)
    script.bootstrap("n1")
    script.write(0, at=100, entry=(1, 1), on=NODES)
    script.elected("n2", 2, at=200, log=(1, 1), heard=("n2", "n3"))
    script.write(1, at=210, entry=(2, 2), on=("n2",), by="n2")
    script.final("n1", {"list-0": [0]})
    ruling, text, _ = judged(script, "n1")
    assert ruling == "forbidden"
    assert "acknowledged in epoch 2, after epoch 1 survived" in text


def test_elections_that_were_not_reported_leave_it_open():
    script = Script(Mode.ASYNC)
    script.bootstrap()
    script.write(0, at=100, entry=(1, 1))
    script.elected("n2", 3, at=200, log=(2, 5), heard=("n2", "n3"))
    script.final("n2", {"list-0": []})
    assert judged(script)[0] == "unproved"
    assert judged(script, "n2")[2].verdict is Verdict.INCONCLUSIVE
    silent = Script(Mode.ASYNC)
    silent.bootstrap("n1")
    silent.write(0, at=100, entry=(1, 1))
    silent.final("n3", {"list-0": []})
    assert judged(silent, "n3")[0] == "unproved"


# Modes with copies on several disks


@pytest.mark.parametrize(
    ("mode", "on"),
    [
        (Mode.SEMI_SYNC, ("n1", "n3")),
        (Mode.QUORUM, ("n1", "n3")),
        (Mode.SYNC, NODES),
        (Mode.HYBRID, ("n1", "n2")),
    ],
)
class TestCopiesOnDisks:
    def test_may_not_be_lost_while_one_disk_is_left(self, mode, on):
        script = failover(mode, on=on, heard=("n2",), winner="n2" if "n2" not in on else "n3")
        if "n2" in on:
            script = failover(mode, on=on, heard=("n3",), winner="n3")
        survivor = "n3" if "n2" in on else "n2"
        ruling, text, _ = judged(script, survivor)
        assert ruling == "forbidden"
        assert "had" in text

    def test_may_be_lost_with_all_their_disks(self, mode, on):
        script = Script(mode)
        script.bootstrap()
        script.write(0, at=100, entry=(1, 1), on=on)
        for moment, node in enumerate(on):
            script.episode("disk-loss", node, at=300 + 10 * moment, until=800)
        winner = next(node for node in (*NODES[::-1],) if node not in on or mode is Mode.SYNC)
        script.elected(winner, 2, at=500, log=(0, 0), heard=(winner,))
        script.final(winner, {"list-0": []})
        ruling, text, result = judged(script, winner)
        assert ruling == "permitted"
        assert "clause holders_disks_lost" in text
        assert result.figures["rpo_seconds"] == pytest.approx(0.199 + 0.01 * (len(on) - 1))

    def test_may_not_be_lost_with_all_disks_but_one(self, mode, on):
        script = Script(mode)
        script.bootstrap()
        script.write(0, at=100, entry=(1, 1), on=on)
        for node in on[:-1]:
            script.episode("disk-loss", node, at=300, until=800)
        winner = on[0]
        script.elected(winner, 2, at=500, log=(0, 0), heard=(winner,))
        script.final(winner, {"list-0": []})
        ruling, text, _ = judged(script, winner)
        assert ruling == "forbidden"
        assert f"{on[-1]} still had it" in text

    def test_power_cuts_excuse_nothing(self, mode, on):
        script = Script(mode)
        script.bootstrap()
        script.write(0, at=100, entry=(1, 1), on=on)
        script.episode("power-cut", *NODES, at=300, until=400)
        script.elected("n1", 2, at=500, log=(0, 0), heard=("n1",))
        script.final("n1", {"list-0": []})
        assert judged(script, "n1")[0] == "forbidden"

    def test_an_operator_may_promote_a_node_without_it(self, mode, on):
        winner = next((node for node in NODES[::-1] if node not in on), None)
        if winner is None:
            winner = "n3"
            script = failover(mode, on=on, winner=winner, cause=Cause.OPERATOR)
            script.events = [
                event for event in script.events if event.at_ns != 200_500_000 or event.node != "n3"
            ]
            ruling, _, _ = judged(script, winner)
            assert ruling == "forbidden", "a member of the sync set that lacks it means too few copies"
            return
        ruling, text, _ = judged(failover(mode, on=on, winner=winner, cause=Cause.OPERATOR), winner)
        assert ruling == "permitted"
        assert "clause operator_promoted_non_holder" in text

    def test_an_operator_may_not_make_a_holder_forget(self, mode, on):
        winner = on[-1]
        ruling, _, _ = judged(failover(mode, on=on, winner=winner, cause=Cause.OPERATOR), winner)
        assert ruling == "forbidden"


def test_a_write_with_too_few_copies_is_never_excused():
    script = Script(Mode.QUORUM)
    script.bootstrap()
    script.write(0, at=100, entry=(1, 1), on=("n1",))
    for node in NODES:
        script.stored(node, (1, 50), at=250)
    script.episode("disk-loss", "n1", at=300, until=800)
    script.elected("n2", 2, at=500, log=(0, 0), heard=("n2", "n3"))
    script.final("n2", {"list-0": []})
    ruling, text, _ = judged(script)
    assert ruling == "forbidden"
    assert "fewer copies than promised" in text


def test_a_copy_that_came_back_after_a_wipe_is_owed_again():
    for again, ruling in ((None, "permitted"), (400, "forbidden")):
        script = Script(Mode.SEMI_SYNC)
        script.bootstrap()
        script.write(0, at=100, entry=(1, 1), on=("n1", "n2"))
        script.episode("disk-loss", "n2", at=300, until=350)
        if again:
            script.stored("n2", (1, 1), at=again)
        script.episode("disk-loss", "n1", at=420, until=480)
        script.elected("n3", 2, at=500, log=(0, 0), heard=("n3",))
        script.final("n3", {"list-0": []})
        assert judged(script, "n3")[0] == ruling


def test_a_copy_in_a_snapshot_of_a_later_epoch_counts():
    script = Script(Mode.SEMI_SYNC)
    script.bootstrap()
    script.write(0, at=100, entry=(1, 1), on=("n1", "n2"))
    script.elected("n2", 2, at=200, log=(1, 1), heard=("n1", "n2"))
    script.stored("n3", (2, 1), last=2, at=250)
    script.episode("disk-loss", "n1", "n2", at=300, until=480)
    script.elected("n1", 3, at=500, log=(0, 0), heard=("n1",))
    script.final("n1", {"list-0": []})
    ruling, text, _ = judged(script, "n1")
    assert ruling == "forbidden"
    assert "n3 still had it" in text


def test_a_fault_that_took_a_while_may_have_acted_from_its_start():
    """The election came after the wipe began, and before it was proved."""
    script = Script(Mode.SEMI_SYNC)
    script.bootstrap()
    script.write(0, at=100, entry=(1, 1), on=("n1", "n2"))
    script.episode("disk-loss", "n1", "n2", at=300, until=480)
    script.elected("n3", 2, at=300.5, log=(0, 0), heard=("n3",))
    script.final("n3", {"list-0": []})
    assert judged(script, "n3")[0] == "permitted"


# Cut logs


def test_a_copy_cut_off_for_no_reason_is_still_owed():
    script = failover(Mode.ASYNC, on=("n1", "n3"))
    script.truncated("n3", 1, 3, 3, at=450)
    ruling, text, _ = judged(script)
    assert ruling == "forbidden"
    assert "n3 had cut it off, though no election had left it out" in text


def test_a_copy_cut_off_for_the_sake_of_an_excused_election_is_gone():
    script = Script(Mode.SEMI_SYNC)
    script.bootstrap()
    script.write(0, at=100, entry=(1, 1), on=NODES)
    script.write(1, at=110, entry=(1, 2), on=("n1", "n2"))
    script.elected("n3", 2, at=200, log=(1, 1), heard=("n3",), cause=Cause.OPERATOR)
    script.truncated("n1", 1, 2, 2, at=210)
    script.truncated("n2", 1, 2, 2, at=210)
    script.elected("n1", 3, at=300, log=(1, 1), heard=("n1", "n2"))
    script.final("n1", {"list-0": [0]})
    ruling, text, _ = judged(script, "n1")
    assert ruling == "permitted"
    assert "an operator promoted n3" in text


def test_a_copy_cut_off_for_the_sake_of_a_wrong_election_excuses_nothing():
    script = Script(Mode.SEMI_SYNC)
    script.bootstrap()
    script.write(0, at=100, entry=(1, 1), on=NODES)
    script.write(1, at=110, entry=(1, 2), on=("n1", "n2"))
    script.elected("n3", 2, at=200, log=(1, 1), heard=("n2", "n3"))
    script.truncated("n1", 1, 2, 2, at=210)
    script.truncated("n2", 1, 2, 2, at=210)
    script.elected("n1", 3, at=300, log=(1, 1), heard=("n1", "n2"))
    script.final("n1", {"list-0": [0]})
    ruling, text, _ = judged(script, "n1")
    assert ruling == "forbidden"
    assert "the election of n3 for epoch 2 heard n2" in text


# semi_sync_memory


def memory_run(*, cut=("n2",), heard=("n2", "n3"), flushed_at=None, wiped=()):
    script = Script(Mode.SEMI_SYNC_MEMORY)
    script.bootstrap()
    script.write(0, at=100, entry=(1, 1), on=NODES)
    script.write(1, at=200, entry=(1, 2), on=("n1",), memory=("n2",))
    if flushed_at:
        script.stored("n2", (1, 2), at=flushed_at)
    script.episode("kill", "n1", at=300, until=900)
    if cut:
        script.episode("power-cut", *cut, at=310, until=400)
    if wiped:
        script.episode("disk-loss", *wiped, at=310, until=400)
    script.elected("n2" if "n2" in heard else "n3", 2, at=500, log=(1, 1), heard=heard)
    script.final("n2" if "n2" in heard else "n3", {"list-0": [0]})
    return script


def test_memory_may_be_lost_with_the_power_if_the_primary_is_out_of_reach():
    ruling, text, result = judged(memory_run())
    assert ruling == "permitted"
    assert "clause unflushed_copies_lost" in text
    assert "n2 had it no longer: it lost power before its flush (episode 2)" in text
    assert result.figures["rpo_seconds"] == pytest.approx(0.109)


def test_a_copy_that_was_had_and_lost_again_and_again_is_told_in_a_few_lines():
    script = Script(Mode.SEMI_SYNC)
    script.bootstrap()
    script.write(0, at=100, entry=(1, 1), on=NODES)
    script.write(1, at=200, entry=(1, 2), on=("n1", "n2"))
    script.episode("pause", "n1", at=300, until=900)
    script.elected("n3", 2, at=400, log=(1, 1), heard=("n2", "n3"))
    for at in range(500, 900, 20):
        script.truncated("n2", 1, 2, 2, at=at)
        script.stored("n2", (1, 2), at=at + 10)
    script.truncated("n2", 1, 2, 2, at=900)
    script.final("n3", {"list-0": [0]})
    ruling, text, _ = judged(script, "n3")
    assert ruling == "forbidden"
    assert "n2 had it again, and lost it, 18 times" in text
    assert text.count("n2 had it on disk") == 3
    assert text.count("n2 had it no longer") == 3


@pytest.mark.parametrize(
    ("cut", "heard", "ruling"),
    [
        (("n2", "n3"), ("n3", "n4", "n5"), "permitted"),
        (("n3",), ("n3", "n4", "n5"), "permitted"),
        ((), ("n3", "n4", "n5"), "forbidden"),
        (("n2", "n3"), ("n4", "n5"), "forbidden"),
    ],
    ids=["outlived by luck", "made again", "no power was lost", "too few logs were heard"],
)
def test_copies_out_of_reach_are_not_owed_once_others_lost_power(cut, heard, ruling):
    script = Script(Mode.SEMI_SYNC_MEMORY, ("n1", "n2", "n3", "n4", "n5"), k=2)
    script.bootstrap()
    script.write(0, at=100, entry=(1, 1), on=script.contract.nodes)
    script.write(1, at=200, entry=(1, 2), on=("n1",), memory=("n2", "n3"))
    if cut:
        script.episode("power-cut", *cut, at=310, until=400)
    script.stored("n2", (1, 2), at=410)
    script.elected("n5", 2, at=500, log=(1, 1), heard=heard)
    script.truncated("n2", 1, 2, 2, at=550)
    script.final("n5", {"list-0": [0]})
    assert judged(script, "n5")[0] == ruling


def test_memory_may_not_be_lost_with_the_power_if_the_primary_was_heard():
    assert judged(memory_run(heard=("n1", "n2")))[0] == "forbidden"


def test_a_killed_replica_process_loses_nothing():
    assert judged(memory_run(cut=()))[0] == "forbidden"


def test_what_was_flushed_before_the_power_cut_may_not_be_lost():
    assert judged(memory_run(flushed_at=305))[0] == "forbidden"
    assert judged(memory_run(flushed_at=420, cut=("n2",)))[0] == "forbidden", "it has the write again"


def test_memory_may_be_lost_with_all_disks():
    ruling, text, _ = judged(memory_run(cut=(), wiped=("n1", "n2"), heard=("n3",)), "n3")
    assert ruling == "permitted"
    assert "clause holders_disks_lost" in text


def test_a_flushed_copy_on_a_lost_disk_does_not_free_a_primary_that_was_not_heard():
    script = memory_run(cut=(), wiped=("n2",), flushed_at=305, heard=("n3",))
    assert judged(script, "n3")[0] == "forbidden"


# Degraded acknowledgements


def degraded_run(*, later=(), covered=False, wiped=("n1",), cause=Cause.ELECTION, heard=("n2", "n3")):
    script = Script(Mode.SEMI_SYNC, degrades=True)
    script.bootstrap()
    script.write(0, at=100, entry=(1, 1), on=NODES)
    script.write(1, at=200, entry=(1, 2), on=("n1",), degraded=True)
    for node in later:
        script.stored(node, (1, 2), at=220)
    if covered:
        script.write(2, at=230, entry=(1, 3), on=("n1", *later))
    script.episode("disk-loss", *wiped, at=300, until=400)
    script.elected("n2", 2, at=500, log=(1, 1), heard=heard, cause=cause)
    script.final("n2", {"list-0": [0]})
    return script


def test_a_degraded_write_may_be_lost_with_the_copies_that_it_had():
    ruling, text, result = judged(degraded_run())
    assert ruling == "permitted"
    assert "marked as degraded" in text
    assert result.figures["degraded"] == 1


def test_a_degraded_write_may_not_be_lost_otherwise():
    assert judged(degraded_run(wiped=("n3",)))[0] == "forbidden"


def test_copies_made_later_were_not_promised():
    assert judged(degraded_run(later=("n3",), heard=("n2",)))[0] == "permitted"


@pytest.mark.parametrize("degrades,degraded", [(True, False), (False, True), (False, False)])
def test_but_they_were_where_nothing_is_degraded_or_may_be(degrades, degraded):
    script = Script(Mode.SEMI_SYNC, degrades=degrades)
    script.bootstrap()
    script.write(0, at=100, entry=(1, 1), on=NODES)
    script.write(1, at=200, entry=(1, 2), on=("n1", "n2"), degraded=degraded)
    script.stored("n3", (1, 2), at=220)
    script.episode("disk-loss", "n1", "n2", at=300, until=400)
    script.elected("n2", 2, at=500, log=(1, 1), heard=("n2",))
    script.final("n2", {"list-0": [0]})
    ruling, text, _ = judged(script)
    assert ruling == "forbidden"
    assert "n3 still had it, and the election of n2 did not hear of it" in text


def test_but_an_election_that_hears_of_one_must_keep_it():
    assert judged(degraded_run(later=("n3",)))[0] == "forbidden"


def test_a_later_full_acknowledgement_covers_a_degraded_one():
    result = check(degraded_run(later=("n3",), covered=True, heard=("n2",)), "n2")
    assert result.figures["forbidden"] == 2


def test_a_full_acknowledgement_in_the_next_epoch_covers_it_too():
    for log, ruling in (((1, 2), "forbidden"), ((1, 1), "permitted")):
        script = Script(Mode.SEMI_SYNC, degrades=True)
        script.bootstrap()
        script.write(0, at=100, entry=(1, 1), on=NODES)
        script.write(1, at=200, entry=(1, 2), on=("n1",), degraded=True)
        script.stored("n3", (1, 2), at=220)
        script.elected("n1", 2, at=250, log=log, heard=("n1",))
        script.write(2, at=260, entry=(2, 3), on=("n1", "n2"), key="other")
        script.episode("disk-loss", "n1", at=300, until=400)
        script.elected("n2", 3, at=500, log=(1, 1), heard=("n2",))
        script.final("n2", {"list-0": [0]})
        assert check(script, "n2").figures[ruling] == 1


def test_an_operator_may_promote_a_node_that_missed_degraded_writes():
    ruling, _, _ = judged(degraded_run(wiped=("n3",), cause=Cause.OPERATOR, heard=("n2",)))
    assert ruling == "permitted"


# Splits, transactions, figures, stories


def test_two_primaries_of_one_epoch_are_a_violation():
    script = Script(Mode.QUORUM)
    script.bootstrap()
    script.write(0, at=100, entry=(1, 1), on=NODES)
    script.elected("n2", 2, at=200, log=(1, 1), heard=("n1", "n2"))
    script.elected("n3", 2, at=210, log=(1, 1), heard=("n1", "n3"))
    script.final("n2", {"list-0": [0]})
    result = check(script, "n2")
    assert result.verdict is Verdict.VIOLATED
    assert "epoch 2 had two primaries, n2 and n3" in told(result)


@pytest.mark.parametrize(
    "lie_at,cut_at,tolerance_s,verdict",
    [
        (100, 205, 0.0, Verdict.INCONCLUSIVE),  # between the two votes
        (100, 211, 0.0, Verdict.VIOLATED),  # after both
        (100, 211, 0.002, Verdict.INCONCLUSIVE),  # or perhaps not, by another clock
        (0, 0, 0.0, Verdict.INCONCLUSIVE),  # before the first write
        (None, 205, 0.0, Verdict.VIOLATED),
    ],
)
def test_who_forgot_a_vote_that_its_disk_lost_may_have_voted_twice(lie_at, cut_at, tolerance_s, verdict):
    script = Script(Mode.QUORUM)
    script.bootstrap()
    script.write(0, at=100, entry=(1, 1), on=NODES)
    if lie_at is not None:
        script.episode("lying-flush", "n1", at=lie_at, until=300)
    script.episode("power-cut", "n1", at=cut_at, until=cut_at)
    script.elected("n2", 2, at=200, log=(1, 1), heard=("n1", "n2"))
    script.elected("n3", 2, at=210, log=(1, 1), heard=("n1", "n3"))
    script.final("n2", {"list-0": [0]})
    result = Durability(tolerance_s=tolerance_s).check(script.run("n2"))
    (finding,) = (each for each in result.findings if "had two primaries" in each.title)
    assert finding.verdict is verdict
    forgot = "the disks of n1 may have lost a vote that they had said is durable"
    assert finding.lines == ((forgot,) if verdict is Verdict.INCONCLUSIVE else ())


@pytest.mark.parametrize("reports", [True, False])
def test_the_summary_tells_what_was_lost_and_how_that_is_known(reports):
    script = Script(Mode.ASYNC, reports=reports)
    if reports:
        script.bootstrap()
        script.write(0, at=100, entry=(1, 1), on=NODES)
        script.write(1, at=200, entry=(1, 2), on=("n1",))
        script.elected("n2", 2, at=300, log=(1, 1), heard=("n2", "n3"))
    else:
        script.append(0, at=100, by="n1")
        script.append(1, at=200, by="n1")
    script.final("n2", {"list-0": [0]})
    how = "" if reports else ", by roles and faults alone, since the system does not report its copies"
    assert check(script, "n2").summary == f"2 writes acknowledged, 1 lost: 1 permitted{how}"


def test_a_lost_transaction_is_one_lost_operation():
    script = mixed_script(Mode.ASYNC)
    script.bootstrap()
    script.write(0, at=100, entry=(1, 1), on=NODES)
    script.stored("n1", (1, 2), at=110)
    script.op("txn", (("append", "a", 1), ("append", "bb", 2)), at=110, epoch=1, offset=2, node="n1")
    script.elected("n2", 2, at=500, log=(1, 1), heard=("n2", "n3"))
    script.final("n2", {"list-0": [0], "a": [], "bb": []})
    result = check(script, "n2")
    assert result.figures["lost"] == result.figures["permitted"] == result.figures["rpo_operations"] == 1
    assert result.figures["rpo_bytes"] == len("a") + 8 + len("bb") + 8


def test_the_age_of_the_oldest_loss_counts_from_the_fault():
    script = Script(Mode.ASYNC)
    script.bootstrap()
    script.write(0, at=100, entry=(1, 1), on=NODES)
    script.episode("partition", "n1", at=150, until=900)
    script.write(1, at=200, entry=(1, 2))
    script.write(2, at=300, entry=(1, 3))
    script.episode("kill", "n1", at=400, until=900)
    script.episode("promote", "n2", at=490)
    script.elected("n2", 2, at=500, log=(1, 1), heard=("n2",), cause=Cause.OPERATOR)
    script.final("n2", {"list-0": [0]})
    result = check(script, "n2")
    assert result.figures["lost"] == 2
    assert result.figures["rpo_seconds"] == pytest.approx(0.4 - 0.201)


def test_what_was_acknowledged_during_the_fault_is_as_old_as_the_last_of_it():
    script = Script(Mode.ASYNC)
    script.bootstrap()
    script.write(0, at=100, entry=(1, 1), on=NODES)
    script.episode("partition", "n1", at=150, until=900)
    script.write(1, at=200, entry=(1, 2))
    script.write(2, at=330, entry=(1, 3))
    script.elected("n2", 2, at=500, log=(1, 1), heard=("n2", "n3"))
    script.final("n2", {"list-0": [0]})
    assert check(script, "n2").figures["rpo_seconds"] == pytest.approx(0.13)


def test_a_story_is_told_in_order():
    _, text, _ = judged(failover(Mode.ASYNC))
    told_lines = text.splitlines()
    start = next(
        index for index, line in enumerate(told_lines) if "list-0=1 was acknowledged and is lost" in line
    )
    assert told_lines[start + 1 : start + 7] == [
        "0.200 s: called: list-0=1",
        "0.201 s: n1 had it on disk",
        "0.201 s: acknowledged by n1 as offset 3 of epoch 1",
        "0.400 s: episode 1: kill of n1, until 0.900 s",
        "0.500 s: n2 became primary of epoch 2 (election), having heard n2, n3; "
        "its log ended with offset 2 of epoch 1",
        "permitted: after a failover to n2: none of n2, n3, whose logs the election for epoch 2 heard, had it "
        "(clause failover_suffix)",
    ]


def test_the_gravest_stories_come_first_and_the_rest_is_counted():
    script = Script(Mode.ASYNC)
    script.bootstrap()
    script.write(0, at=100, entry=(1, 1), on=NODES)
    for offset in range(2, 30):
        script.write(offset, at=100 + offset, entry=(1, offset), on=("n1",))
    script.stored("n3", (1, 5), at=300)
    script.elected("n2", 2, at=500, log=(1, 1), heard=("n2", "n3"))
    script.final("n2", {"list-0": [0]})
    result = check(script, "n2")
    assert result.verdict is Verdict.VIOLATED
    assert result.findings[0].verdict is Verdict.VIOLATED
    assert "list-0=5" in result.findings[0].title
    assert len(result.findings) == STORIES + 1
    assert result.findings[-1].title == "18 more: acknowledged and lost, permitted"
    assert result.findings[-1].lines == ("offsets of epoch 1: 12-29",)


def test_checking_twice_gives_the_same():
    script = failover(Mode.ASYNC, on=("n1", "n3"))
    run = script.run("n2")
    assert Durability().check(run) == Durability().check(run)


def test_clocks_of_the_machines_may_differ_by_the_tolerance():
    script = failover(Mode.ASYNC)
    script.stored("n3", (1, 3), at=499)
    run = script.run("n2")
    assert Durability().check(run).figures["forbidden"] == 1
    assert Durability(tolerance_s=0.002).check(run).figures["permitted"] == 1


def test_memory_does_not_count_where_disks_are_promised():
    script = failover(Mode.ASYNC)
    script.stored("n3", (1, 3), at=300, medium=Medium.MEMORY)
    assert judged(script)[0] == "permitted"


def test_the_primary_of_an_epoch_acknowledged_what_no_node_signed():
    script = Script(Mode.ASYNC)
    script.bootstrap("n1")
    script.write(0, at=100, entry=(1, 1), on=("n1",), by=None)
    script.episode("disk-loss", "n1", at=300, until=400)
    script.elected("n2", 2, at=500, log=(0, 0), heard=("n2", "n3"))
    script.final("n2", {"list-0": []})
    ruling, text, _ = judged(script)
    assert ruling == "permitted"
    assert "acknowledged by n1 as offset 1" in text
    assert "clause primary_disk_lost" in text


def test_a_disk_and_a_memory_lost_are_no_two_disks():
    script = Script(Mode.SEMI_SYNC_MEMORY)
    script.bootstrap()
    script.write(0, at=200, entry=(1, 1), on=("n1",), memory=("n2",))
    script.episode("disk-loss", "n1", at=300, until=400)
    script.episode("power-cut", "n2", at=300, until=400)
    script.elected("n2", 2, at=500, log=(0, 0), heard=("n2", "n3"))
    script.final("n2", {"list-0": []})
    ruling, text, _ = judged(script)
    assert ruling == "permitted"
    assert "clause unflushed_copies_lost" in text


def test_a_copy_may_be_gone_a_little_after_the_election_by_another_clock():
    for tolerance_s, figure in ((0.0, "forbidden"), (0.02, "permitted")):
        script = Script(Mode.SEMI_SYNC)
        script.bootstrap()
        script.write(0, at=100, entry=(1, 1), on=("n1", "n2"))
        script.episode("disk-loss", "n1", "n2", at=510, until=600)
        script.elected("n3", 2, at=500, log=(0, 0), heard=("n3",))
        script.final("n3", {"list-0": []})
        assert Durability(tolerance_s=tolerance_s).check(script.run("n3")).figures[figure] == 1
