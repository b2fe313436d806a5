"""What is violated in simulation is tried for real, and little else."""

from collections import Counter

from msgspec.structs import replace
from stand_ins import LOST, outcome

from harness.campaign import rehearsal
from harness.campaign.draw import Aim
from harness.campaign.one import Try
from harness.campaign.rehearsal import ENCORES, RECOVERY_S, UNREHEARSED, Rehearsal

AIM = Aim(machines="local", rate=300.0, settings={"bug": "half-is-a-quorum"})


def played(search: Rehearsal, tries: int, lost: set[int]) -> list[Try]:
    """Make so many tries, one after the other; those of `lost` seeds are violated in simulation."""
    made = []
    for _ in range(tries):
        wanted = search.next()
        if wanted is None:
            break
        made.append(wanted)
        simulated = wanted.scenario.machines == "sim"
        settled = search.take(outcome(wanted, **(LOST if simulated and wanted.seed in lost else {})))
        assert [each.outcome.seed for each in settled] == ([] if simulated else [wanted.seed])
    return made


def real(tries: list[Try]) -> list[Try]:
    return [each for each in tries if each.scenario.machines != "sim"]


def test_what_is_violated_is_tried_for_real_at_once() -> None:
    tries = played(Rehearsal(AIM, first=1), 30, {3, 9})
    assert [each.seed for each in tries[3 : 3 + ENCORES]] == [3] * ENCORES
    assert Counter(each.seed for each in real(tries)) == {3: ENCORES, 9: ENCORES}
    rehearsed = tries[2].scenario
    assert real(tries)[0].scenario == replace(rehearsed, machines="local", rate=300.0, recovery_s=RECOVERY_S)


def test_now_and_then_one_goes_unrehearsed() -> None:
    tries = played(Rehearsal(AIM, first=1), 2 * UNREHEARSED + 2, set())
    assert [each.seed for each in real(tries)] == [UNREHEARSED, 2 * UNREHEARSED]


def test_the_real_tries_are_limited() -> None:
    search = Rehearsal(AIM, first=1, limit=2)
    assert len(real(played(search, 50, {2}))) == 2
    assert search.next() is None


def test_findings_do_not_pile_up() -> None:
    search = Rehearsal(AIM, first=1)
    rehearsed = [search.next() for _ in range(20)]
    for wanted in rehearsed:
        assert wanted is not None
        search.take(outcome(wanted, **LOST))
    waiting = real([wanted for _ in range(20) if (wanted := search.next()) is not None])
    assert len(waiting) < rehearsal.AHEAD + ENCORES
