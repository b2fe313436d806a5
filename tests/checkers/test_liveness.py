"""A cluster that can recover must; one that can't, or need not, is not blamed."""

from itertools import combinations

import pytest
from msgspec.structs import replace
from recorded_runs import SHOWN, Script

from checkers.liveness import Liveness
from harness.contract import Failover, Mode
from harness.episode import Episode
from harness.events import Cause, Damaged, Elected, Started, SteppedDown, Waiting
from harness.machine import Death
from harness.verdict import Verdict

FIVE = ("n1", "n2", "n3", "n4", "n5")


WAITS = Waiting(node="n3", at_ns=10, epoch=1, reason="waits for a majority")
DAMAGED = Damaged(node="n3", at_ns=10, reason="entries are missing")


def episode(number: int, fault: str, *targets: str, healed: bool = True) -> Episode:
    return Episode(
        id=number,
        fault=fault,
        targets=targets,
        from_ns=number,
        injected_ns=number,
        healing_ns=number + 1,
        until_ns=number + 1,
        injected=SHOWN,
        healed=SHOWN if healed else (),
    )


def judged(script, *, recovered, settled=False, survivor=None, expected=True, **fields):
    run = replace(
        script.run(survivor), recovered=recovered, settled=settled, recovery_expected=expected, **fields
    )
    return Liveness().check(run)


def after(*episodes, mode=Mode.QUORUM, nodes=("n1", "n2", "n3"), **settings):
    script = Script(mode, nodes, **settings)
    script.episodes.extend(episodes)
    return script


def test_a_cluster_that_came_back_is_alive():
    result = judged(after(episode(0, "kill", "n1")), recovered=True, settled=True, survivor="n2")
    assert result.verdict is Verdict.HOLDS


@pytest.mark.parametrize("mode", list(Mode))
def test_one_that_stays_down_after_a_kill_is_not(mode):
    result = judged(after(episode(0, "kill", "n1", "n2", "n3"), mode=mode), recovered=False)
    assert result.verdict is Verdict.VIOLATED
    assert result.summary == "no write was acknowledged within 20 s after the faults were healed"
    assert result.findings[0].lines == ("kill of n1, n2, n3: healed",)


def test_nodes_must_agree_in_the_end():
    script = after(episode(0, "partition", "n1"))
    assert judged(script, recovered=True, survivor="n1").verdict is Verdict.VIOLATED


def test_a_primary_that_was_followed_by_another_is_doubt_not_blame():
    script = after(episode(0, "partition", "n1"))
    assert judged(script, recovered=True).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("fault", ["bit-rot", "lost-write", "misdirected-write", "lying-flush"])
def test_a_node_may_refuse_a_damaged_disk_and_stay_behind(fault):
    script = after(episode(0, fault, "n2"))
    assert judged(script, recovered=True, survivor="n1").verdict is Verdict.HOLDS
    assert judged(script, recovered=False).verdict is Verdict.VIOLATED, "two of three are enough"


@pytest.mark.parametrize("mode", [Mode.SYNC, Mode.HYBRID])
def test_without_a_member_of_the_sync_set_nothing_is_acknowledged(mode):
    struck = after(episode(0, "lying-flush", "n1"), mode=mode, nodes=FIVE)
    assert judged(struck, recovered=False).verdict is Verdict.HOLDS
    struck = after(episode(0, "kill", "n1"), mode=mode, nodes=FIVE)
    assert judged(struck, recovered=False).verdict is Verdict.VIOLATED


def test_a_process_that_somebody_may_have_killed_is_doubt():
    run = replace(
        after().run(None),
        recovered=False,
        settled=False,
        deaths=(Death(node="n2", process="store", at_ns=5, status=-9),),
    )
    result = Liveness().check(run)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.summary == "it did not all come back: store on n2 was killed by SIGKILL"


@pytest.mark.parametrize(
    ("status", "faults", "verdict"),
    [
        (1, (), Verdict.VIOLATED),
        (1, ("kill",), Verdict.VIOLATED),
        (-9, (), Verdict.INCONCLUSIVE),
        (74, ("flush-error",), Verdict.INCONCLUSIVE),
        (74, ("disk-full",), Verdict.INCONCLUSIVE),
    ],
)
def test_in_a_simulation_a_process_that_gave_up_has_only_itself_to_blame(status, faults, verdict):
    script = after(*(episode(number, fault, "n2") for number, fault in enumerate(faults)))
    death = Death(node="n2", process="store", at_ns=5, status=status, last_line="AssertionError")
    result = judged(script, recovered=True, survivor="n1", deaths=(death,), strangers=False)
    assert result.verdict is verdict
    assert "it did not all come back: store on n2" in result.summary
    assert judged(script, recovered=True, survivor="n1", deaths=(death,)).verdict is Verdict.INCONCLUSIVE


def test_a_process_that_gave_up_is_not_excused_by_what_the_cluster_could_not_do():
    death = Death(node="n2", process="store", at_ns=5, status=1, last_line="AssertionError")
    script = after(episode(0, "kill", "n2"), failover=Failover.MANUAL)
    assert judged(script, recovered=False, deaths=(death,), strangers=False).verdict is Verdict.VIOLATED
    excused = judged(script, recovered=False, deaths=(death,))
    assert excused.summary == "not expected to recover: only an operator makes a primary"


def test_what_was_not_tried_is_not_known():
    assert judged(after(), recovered=None).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    "script",
    [
        after(failover=Failover.MANUAL),
        after(episode(0, "kill", "n1", healed=False)),
        after(episode(0, "disk-loss", "n1"), episode(1, "disk-loss", "n2")),
        after(episode(0, "disk-loss", "n1"), mode=Mode.SYNC, degrades=True),
        after(episode(0, "disk-loss", "n1", "n2"), mode=Mode.HYBRID, nodes=FIVE),
        after(episode(0, "disk-loss", "n1", "n2"), mode=Mode.SEMI_SYNC, nodes=FIVE),
    ],
)
def test_a_cluster_that_may_stay_down_is_excused(script):
    script.events.append(WAITS)
    result = judged(script, recovered=False)
    assert result.verdict is Verdict.HOLDS
    assert result.summary.startswith("not expected to recover: ")


def test_a_scenario_may_expect_it():
    assert judged(after(episode(0, "kill", "n1")), recovered=False, expected=False).verdict is Verdict.HOLDS


@pytest.mark.parametrize("mode", [Mode.ASYNC, Mode.QUORUM])
def test_any_two_of_five_disks_may_be_lost_and_no_third(mode):
    for lost in combinations(FIVE, 2):
        script = after(episode(0, "disk-loss", *lost), mode=mode, nodes=FIVE)
        assert judged(script, recovered=False).verdict is Verdict.VIOLATED
    for lost in combinations(FIVE, 3):
        script = after(episode(0, "disk-loss", *lost), mode=mode, nodes=FIVE)
        script.events.append(WAITS)
        assert judged(script, recovered=False).verdict is Verdict.HOLDS


def test_semi_sync_may_lose_as_many_disks_as_replicas_confirm():
    script = after(episode(0, "disk-loss", "n1", "n2"), mode=Mode.SEMI_SYNC, nodes=FIVE, k=2)
    assert judged(script, recovered=False).verdict is Verdict.VIOLATED


def test_a_cluster_must_end_its_degrading():
    script = after(episode(0, "kill", "n2"), mode=Mode.SYNC, degrades=True)
    came_back = {"recovered": True, "settled": True, "survivor": "n1"}
    assert judged(script, **came_back, protected=True).verdict is Verdict.HOLDS
    assert judged(script, **came_back, protected=None).verdict is Verdict.HOLDS
    result = judged(script, **came_back, protected=False, recovery_s=7)
    assert result.verdict is Verdict.VIOLATED
    assert result.summary == "the primary went on with fewer copies within 7 s after the faults were healed"


@pytest.mark.parametrize("fault", ["disk-loss", "bit-rot"])
def test_without_a_disk_it_may_stay_degraded(fault):
    script = after(episode(0, fault, "n2"), mode=Mode.SYNC, degrades=True)
    result = judged(script, recovered=True, settled=True, survivor="n1", protected=False)
    assert result.verdict is Verdict.HOLDS


def too_few_disks(*events):
    script = after(episode(0, "disk-loss", "n1"), episode(8, "disk-loss", "n2"))
    script.events.extend(events)
    return script


def test_a_cluster_that_cannot_have_a_primary_must_say_so():
    result = judged(too_few_disks(), recovered=False)
    assert result.verdict is Verdict.VIOLATED
    assert result.summary == (
        "no node says that it waits, though too few members have kept their disks: n1, n2 lost theirs"
    )
    early = replace(WAITS, at_ns=8)
    assert judged(too_few_disks(early), recovered=False).verdict is Verdict.VIOLATED, "before the last heal"


@pytest.mark.parametrize("event", [WAITS, DAMAGED])
def test_one_that_says_so_is_not_blamed(event):
    assert judged(too_few_disks(event), recovered=False).verdict is Verdict.HOLDS


def test_silence_is_only_blamed_where_it_is_known_and_where_somebody_could_speak():
    assert judged(too_few_disks(), recovered=True).verdict is Verdict.HOLDS
    assert judged(too_few_disks(), recovered=None).verdict is Verdict.HOLDS
    assert judged(too_few_disks(), recovered=False, recovery_s=2).verdict is Verdict.HOLDS
    assert judged(too_few_disks(), recovered=False, reports=False).verdict is Verdict.HOLDS
    nobody = after(episode(0, "disk-loss", "n1", "n2", "n3"))
    assert judged(nobody, recovered=False).verdict is Verdict.HOLDS


def test_a_cluster_with_a_primary_need_not_say_that_it_waits_for_one():
    elected = Elected(
        node="n3", at_ns=2, epoch=3, cause=Cause.ELECTION, heard=("n3",), log_epoch=1, log_offset=1
    )
    gone = SteppedDown(node="n3", at_ns=9, epoch=3, reason="a majority is out of reach")
    anew = Started(node="n3", at_ns=9, identity="n3", log_epoch=1, log_offset=1, applied=0)
    assert judged(too_few_disks(elected), recovered=False).verdict is Verdict.HOLDS
    assert judged(too_few_disks(elected, gone), recovered=False).verdict is Verdict.VIOLATED
    assert judged(too_few_disks(elected, anew), recovered=False).verdict is Verdict.VIOLATED
