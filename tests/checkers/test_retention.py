"""A node that starts again has what it had reported to be durable, and can read its own disk."""

import pytest
from recorded_runs import Script, ms

from checkers.retention import Retention
from harness.contract import Mode
from harness.events import Damaged, Medium, Started
from harness.machine import Death
from harness.verdict import Verdict


def judged(script, *, strangers=False, **fields):
    return Retention().check(script.run(strangers=strangers, **fields))


def started(script, last, *, at, epoch=1, identity="disk a"):
    script.events.append(
        Started(node="n2", at_ns=ms(at), identity=identity, log_epoch=epoch, log_offset=last, applied=0)
    )


def story(last, *, epoch=1, identity="disk a"):
    """n2 reports entries 1 to 9 of epoch 1 on disk and entry 10 in memory, and starts again with `last`."""
    script = Script(Mode.QUORUM)
    started(script, 0, at=1, epoch=0)
    script.stored("n2", (1, 1), last=5, at=2)
    script.stored("n2", (1, 6), last=9, at=3)
    script.stored("n2", (1, 10), at=4, medium=Medium.MEMORY)
    started(script, last, at=500, epoch=epoch, identity=identity)
    return script


@pytest.mark.parametrize("last", [0, 5, 8])
def test_a_node_that_lacks_what_was_durable_is_blamed(last):
    result = judged(story(last))
    assert result.verdict is Verdict.VIOLATED
    (finding,) = result.findings
    assert finding.title == "n2 started without entry 9 of epoch 1, which had been on its disk"
    assert finding.lines[0] == "0.003 s: n2 reported it to be on disk"
    assert result.summary == "of 1 restart, 1 lacked what had been durable"


@pytest.mark.parametrize("last", [9, 10, 12])
def test_one_that_has_it_or_more_is_not(last):
    result = judged(story(last))
    assert (result.verdict, result.summary) == (
        Verdict.HOLDS,
        "what was durable was there again: 1 restart",
    )


def test_what_is_told_again_at_the_restart_does_not_hide_what_is_not():
    script = Script(Mode.QUORUM)
    started(script, 0, at=1, epoch=0)
    script.stored("n2", (1, 1), last=9, at=2)
    script.stored("n2", (1, 1), last=5, at=500)
    started(script, 5, at=500)
    assert judged(script).verdict is Verdict.VIOLATED


def test_another_entry_in_its_place_is_not_the_same():
    assert judged(story(9, epoch=3)).verdict is Verdict.VIOLATED


def test_another_disk_holds_nothing():
    assert judged(story(0, identity="disk b")).verdict is Verdict.HOLDS


def test_what_was_cut_off_need_not_be_there():
    script = story(6)
    script.truncated("n2", 1, 7, 9, at=100)
    assert judged(script).verdict is Verdict.HOLDS
    script.stored("n2", (3, 7), at=101)
    result = judged(script)
    assert result.findings[0].title == "n2 started without entry 7 of epoch 3, which had been on its disk"


def test_what_a_new_start_reports_counts_from_then_on():
    script = story(8)
    script.stored("n2", (1, 1), last=8, at=500)
    started(script, 8, at=900)
    assert len(judged(script).findings) == 1


def test_of_a_system_that_reports_nothing_nothing_is_known():
    script = story(0)
    script.reports = False
    assert "not judged" in judged(script).summary


@pytest.mark.parametrize("fault", ["lying-flush", "lost-flush", "lost-write", "misdirected-write"])
def test_a_disk_that_lies_is_to_blame_itself(fault):
    script = story(0)
    script.episode(fault, "n2", at=50, until=60)
    assert judged(script).verdict is Verdict.HOLDS


@pytest.mark.parametrize(
    "fault", ["lying-flush", "kill", "power-cut", "cache-loss", "disk-detached", "flush-error", "bit-rot"]
)
def test_other_faults_and_those_of_others_excuse_nothing(fault):
    script = story(0)
    script.episode(fault, "n1" if fault == "lying-flush" else "n2", at=50, until=60)
    assert judged(script).verdict is Verdict.VIOLATED


def test_rot_may_only_be_taken_for_a_torn_tail_when_the_power_was_cut():
    script = story(8)
    script.episode("bit-rot", "n2", at=50, until=60)
    script.episode("power-cut", "n2", at=70, until=80)
    assert judged(script).verdict is Verdict.HOLDS


def refusing(*faults, strangers=False, **fields):
    script = story(9)
    for fault, node in faults:
        script.episode(fault, node, at=600, until=610)
    script.events.append(Damaged(node="n2", at_ns=ms(900), reason="entry 4 is missing"))
    return judged(script, strangers=strangers, **fields)


def test_a_real_disk_may_have_been_damaged_by_somebody_else():
    assert refusing(strangers=True).verdict is Verdict.INCONCLUSIVE
    assert judged(story(0), strangers=True).verdict is Verdict.VIOLATED


def test_nobody_else_damages_a_disk_that_is_sealed():
    assert refusing(strangers=True, sealed=True).verdict is Verdict.VIOLATED
    assert refusing(("bit-rot", "n2"), strangers=True, sealed=True).verdict is Verdict.HOLDS


@pytest.mark.parametrize(
    ("node", "at_ms", "verdict"),
    [
        ("n2", 700, Verdict.INCONCLUSIVE),
        ("n2", 901, Verdict.VIOLATED),
        ("n1", 700, Verdict.VIOLATED),
    ],
)
def test_what_had_struck_a_node_before_may_have_struck_its_disk(node, at_ms, verdict):
    death = Death(node=node, process="store", at_ns=ms(at_ms), status=74, last_line="", log="")
    assert refusing(strangers=True, sealed=True, deaths=(death,)).verdict is verdict
    assert refusing(deaths=(death,)).verdict is Verdict.VIOLATED, "there are no strangers in a simulation"


def test_a_node_that_refuses_a_sound_disk_is_blamed():
    for result in (refusing(), refusing(("bit-rot", "n1"), ("power-cut", "n2"))):
        (finding,) = result.findings
        assert finding.title == "n2 refused its disk, though no fault had damaged it"
        assert finding.lines == ("0.900 s: entry 4 is missing",)


@pytest.mark.parametrize("fault", ["bit-rot", "lying-flush", "lost-write", "misdirected-write"])
def test_one_that_refuses_a_damaged_one_is_right(fault):
    assert refusing((fault, "n2")).verdict is Verdict.HOLDS


def test_a_fault_that_may_have_come_first_excuses_where_the_clock_can_not_tell():
    script = story(9)
    script.events.append(Damaged(node="n2", at_ns=ms(900), reason="entry 4 is missing"))
    script.episode("bit-rot", "n2", at=905, until=950)
    assert judged(script).verdict is Verdict.VIOLATED
    assert judged(script, clock_error_ns=ms(6)).verdict is Verdict.HOLDS
