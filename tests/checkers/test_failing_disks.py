"""Disks that deceive or are damaged: what they excuse, and what they do not.

They are beyond what any mode promises, so a copy on such a disk counts as lost. But whoever still had the write,
and was not asked, is asked about it as ever.
"""

import pytest
from recorded_runs import NODES, Script, told

from checkers.copies import CopiesAtAck
from checkers.durability import Durability
from checkers.evidence.incidents import deceptions, destructions
from harness.contract import Mode
from harness.events import Started
from harness.verdict import Verdict

LIE = "lying-flush"


def lost(mode=Mode.SEMI_SYNC, *, on=("n2",), heard=("n1", "n3"), winner="n3"):
    """A run whose write 1, of entry 3, is lost as `winner` is elected, having heard `heard`."""
    script = Script(mode)
    script.bootstrap()
    script.write(0, at=100, entry=(1, 2), on=NODES)
    script.write(1, at=200, entry=(1, 3), on=on)
    script.elected(winner, 2, at=500, log=(1, 2), heard=heard)
    script.write(2, at=600, entry=(2, 4), on=NODES, by=winner)
    script.final(winner, {"list-0": [0, 2]})
    return script


def ruling(script, survivor="n3"):
    result = Durability().check(script.run(survivor))
    assert result.figures["lost"] == 1
    (found,) = (name for name in ("permitted", "forbidden", "unproved") if result.figures[name])
    return found, told(result)


def lie_and_lose_power(script, *nodes, cut_at=300, lie_until=350):
    for node in nodes:
        script.episode(LIE, node, at=150, until=lie_until)
        script.episode("power-cut", node, at=cut_at, until=cut_at + 20)


@pytest.mark.parametrize("mode", [mode for mode in Mode if mode is not Mode.ASYNC])
def test_an_election_that_heard_a_node_whose_disk_had_lied_could_not_know_better(mode):
    script = lost(mode, on=("n2", "n3") if mode is Mode.SYNC else ("n2",), winner="n1", heard=("n1",))
    lie_and_lose_power(script, "n1")
    found, story = ruling(script, "n1")
    assert found == "permitted"
    assert "the disks of n1 had said that it is durable, and lost it with the power" in story


@pytest.mark.parametrize("fault", ["kill", "disk-loss"])
def test_without_a_power_cut_a_lie_excuses_nothing(fault):
    script = lost()
    script.episode(LIE, "n1", at=150, until=350)
    script.episode(fault, "n1", at=300, until=320)
    assert ruling(script)[0] == "forbidden"


def test_a_power_cut_after_the_lie_excuses_nothing():
    script = lost()
    lie_and_lose_power(script, "n1", cut_at=400, lie_until=350)
    assert ruling(script)[0] == "forbidden"


def test_a_lie_that_was_over_before_the_write_excuses_nothing():
    script = lost(on=("n1", "n2"), heard=("n3",))
    script.episode(LIE, "n3", at=10, until=50)
    script.episode("power-cut", "n3", at=40, until=300)
    found, story = ruling(script)
    assert found == "forbidden"
    assert "n1, n2 still had it" in story


def test_a_copy_elsewhere_that_the_election_did_not_hear_of_is_still_owed():
    script = lost(heard=("n3",))
    lie_and_lose_power(script, "n1")
    found, story = ruling(script)
    assert found == "forbidden"
    assert "n2 still had it, and the election of n3 did not hear of it" in story


def test_who_was_deceived_has_no_part_in_it_where_others_had_the_write():
    script = lost(on=("n1",), heard=("n3",))
    script.episode("disk-loss", "n1", at=300, until=320)
    lie_and_lose_power(script, "n2")
    found, story = ruling(script)
    assert found == "permitted"
    assert "the disks of n2 had said" not in story


def test_it_is_lost_rightly_when_all_disks_that_held_it_had_lied():
    script = lost(on=(), heard=("n3",))
    lie_and_lose_power(script, "n1", "n2")
    found, story = ruling(script)
    assert found == "permitted"
    assert "n1, n2" in story


def test_async_permits_it_when_the_primarys_disk_had_lied():
    script = lost(Mode.ASYNC, on=(), winner="n1", heard=("n1", "n2"))
    lie_and_lose_power(script, "n1")
    assert ruling(script, "n1")[0] == "permitted"


@pytest.mark.parametrize("fault", ["bit-rot", "lost-write", "misdirected-write"])
def test_copies_on_damaged_disks_count_as_lost(fault):
    for nodes, expected in ((("n1", "n2"), "permitted"), (("n1",), "forbidden")):
        script = lost(on=("n1", "n2"), heard=("n3",))
        script.episode(fault, *nodes, at=300, until=350)
        found, story = ruling(script)
        assert found == expected
        assert ("its disk was damaged" if expected == "permitted" else "n2 still had it") in story
        assert ("the disks of all nodes that held the write were lost" in story) is (expected == "permitted")


def test_async_permits_it_when_the_primarys_disk_was_damaged():
    script = lost(Mode.ASYNC, on=("n1",), winner="n1", heard=("n1",))
    script.episode("bit-rot", "n1", at=300, until=350)
    assert ruling(script, "n1")[0] == "permitted"


def test_a_primary_that_goes_on_without_what_its_disk_has_lost_is_excused():
    for lied, expected in ((True, "permitted"), (False, "forbidden")):
        script = Script(Mode.ASYNC)
        script.bootstrap()
        script.write(0, at=100, entry=(1, 2))
        script.write(1, at=200, entry=(1, 3), on=())
        if lied:
            lie_and_lose_power(script, "n1")
        script.final("n1", {"list-0": [0]})
        assert ruling(script, "n1")[0] == expected


def test_copies_that_were_made_after_the_heal_are_owed():
    script = lost(on=("n1", "n2"), heard=("n3",))
    script.episode("bit-rot", "n1", "n2", at=10, until=50)
    assert ruling(script)[0] == "forbidden"


@pytest.mark.parametrize("fault", [LIE, "lost-write", "misdirected-write", "bit-rot"])
def test_no_disk_excuses_a_hole_in_the_log(fault):
    script = Script(Mode.QUORUM)
    script.bootstrap()
    script.write(1, at=200, entry=(1, 3), on=NODES)
    script.write(2, at=210, entry=(1, 4), on=NODES)
    script.episode(fault, *NODES, at=150, until=350)
    script.episode("power-cut", *NODES, at=300, until=320)
    script.final("n1", {"list-0": [2]})
    found, story = ruling(script, "n1")
    assert found == "forbidden"
    assert "a hole in the log" in story


def test_a_flush_error_that_is_swallowed_excuses_nothing():
    script = lost(on=("n2",))
    script.stored("n1", (1, 1), at=990)
    script.episode("flush-error", "n1", at=150, until=350)
    script.episode("power-cut", "n1", at=300, until=320)
    found, _ = ruling(script)
    assert found == "forbidden"
    copies = CopiesAtAck().check(script.run("n3"))
    assert copies.verdict is Verdict.VIOLATED
    assert copies.figures["short"] == 1


@pytest.mark.parametrize("fault", [LIE, "lost-write", "misdirected-write"])
def test_a_disk_that_deceives_its_node_counts_as_a_copy_meanwhile(fault):
    for target, at, expected in (
        ("n1", 150, Verdict.HOLDS),
        ("n2", 150, Verdict.VIOLATED),
        ("n1", 205, Verdict.VIOLATED),
    ):
        script = Script(Mode.SEMI_SYNC)
        script.bootstrap()
        script.write(1, at=200, entry=(1, 1), on=("n2",))
        script.episode(fault, target, at=at, until=350)
        for node in NODES:
            script.stored(node, (1, 50), at=900)
        assert CopiesAtAck().check(script.run()).verdict is expected, (target, at)


def test_after_a_lie_copies_count_again():
    script = Script(Mode.ASYNC)
    script.bootstrap()
    script.write(1, at=400, entry=(1, 1), on=())
    script.episode(LIE, "n1", at=150, until=350)
    script.stored("n1", (1, 50), at=900)
    assert CopiesAtAck().check(script.run()).verdict is Verdict.VIOLATED


def test_bit_rot_is_no_excuse_for_an_acknowledgement_without_copies():
    script = Script(Mode.ASYNC)
    script.bootstrap()
    script.write(1, at=200, entry=(1, 1), on=())
    script.episode("bit-rot", "n1", at=150, until=350)
    script.stored("n1", (1, 50), at=900)
    assert CopiesAtAck().check(script.run()).verdict is Verdict.VIOLATED


def test_two_primaries_of_an_epoch_may_come_from_a_vote_that_a_disk_has_lost():
    for lied, expected in ((True, Verdict.INCONCLUSIVE), (False, Verdict.VIOLATED)):
        script = Script(Mode.QUORUM)
        script.bootstrap()
        script.write(1, at=100, entry=(1, 1), on=NODES)
        script.elected("n2", 2, at=500, log=(1, 1), heard=("n1", "n2"))
        script.elected("n3", 2, at=510, log=(1, 1), heard=("n1", "n3"))
        script.events.append(Started(node="n1", at_ns=1, identity="a", log_epoch=0, log_offset=0, applied=0))
        if lied:
            script.episode(LIE, "n1", at=150, until=600)
        script.episode("power-cut", "n1", at=300, until=320)
        script.final("n2", {"list-0": [1]})
        assert Durability().check(script.run("n2")).verdict is expected


def test_without_reports_a_deceitful_disk_leaves_it_open():
    for lied, expected in ((True, "unproved"), (False, "forbidden")):
        script = Script(Mode.QUORUM)
        script.bootstrap()
        script.append(0, at=100)
        script.append(1, at=200)
        if lied:
            script.episode(LIE, "n1", at=150, until=350)
        script.episode("power-cut", "n1", at=300, until=320)
        script.final("n1", {"list-0": [0]})
        script.events.clear()
        assert ruling(script, "n1")[0] == expected


def test_a_lie_destroys_only_with_the_power_and_damage_lasts_until_the_heal():
    script = Script()
    script.episode(LIE, "n1", "n2", at=10, until=50)
    script.episode("power-cut", "n2", at=20, until=30)
    script.episode("bit-rot", "n3", at=10, until=60)
    found = [(gone.node, gone.disk, gone.damage) for gone in destructions(script.episodes)]
    assert sorted(found) == [("n2", False, False), ("n2", True, True), ("n3", True, True)]
    assert {lie.node for lie in deceptions(script.episodes)} == {"n1", "n2"}
