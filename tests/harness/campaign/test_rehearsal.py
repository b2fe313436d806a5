"""What is violated in simulation is rehearsed and tried for real, the surest first, and little else."""

from collections import Counter

from msgspec.structs import replace
from stand_ins import LOST, outcome

from harness.campaign import rehearsal
from harness.campaign.draw import Aim
from harness.campaign.one import Try
from harness.campaign.rehearsal import AHEAD, ENCORES, RECOVERY_S, REPEATS, UNREHEARSED, Rehearsal

AIM = Aim(machines="local", rate=300.0, settings={"bug": "half-is-a-quorum"})


def played(search: Rehearsal, tries: int, lost: dict[int, int]) -> list[Try]:
    """Make so many tries, one after the other; each seed of `lost` is violated so often in simulation."""
    made, left = [], dict(lost)
    for _ in range(tries):
        wanted = search.next()
        if wanted is None:
            break
        made.append(wanted)
        simulated = wanted.scenario.machines == "sim"
        violated = simulated and left.get(wanted.seed, 0) > 0
        if violated:
            left[wanted.seed] -= 1
        settled = search.take(outcome(wanted, **(LOST if violated else {})))
        assert [each.outcome.seed for each in settled] == ([] if simulated else [wanted.seed])
    return made


def real(tries: list[Try]) -> list[Try]:
    return [each for each in tries if each.scenario.machines != "sim"]


def test_what_is_violated_is_rehearsed_with_other_seeds_and_then_tried_for_real() -> None:
    tries = played(Rehearsal(AIM, first=1), 40, {3: 9, 9: 9})
    assert [each.seed for each in tries[2 : 3 + REPEATS + ENCORES]] == [3] * (1 + REPEATS + ENCORES)
    first, *others = (each.scenario for each in tries[2 : 3 + REPEATS])
    assert len({first.seed, *(other.seed for other in others)}) == 1 + REPEATS
    assert [replace(other, seed=first.seed) for other in others] == [first] * REPEATS
    assert Counter(each.seed for each in real(tries)) == {3: ENCORES, 9: ENCORES}
    assert [each.scenario for each in real(tries)[:ENCORES]] == [
        replace(rehearsed, machines="local", rate=300.0, recovery_s=RECOVERY_S)
        for rehearsed in (first, *others)[:ENCORES]
    ]


def test_what_was_violated_once_is_tried_for_real_once() -> None:
    tries = played(Rehearsal(AIM, first=1), 40, {3: 1, 5: 2})
    assert Counter(each.seed for each in real(tries)) == {3: 1, 5: 2}


def test_the_surest_come_first_and_the_least_sure_are_dropped() -> None:
    search = Rehearsal(AIM, first=1)
    seeds = range(1, AHEAD + 3)
    drawn = [wanted for _ in seeds if (wanted := search.next()) is not None]
    for wanted in drawn:
        search.take(outcome(wanted, **LOST))
    again = [wanted for _ in range(len(seeds) * REPEATS) if (wanted := search.next()) is not None]
    assert Counter(each.seed for each in again) == dict.fromkeys(seeds, REPEATS)
    for wanted in again:
        search.take(outcome(wanted, **(LOST if wanted.seed in (2, 4) else {})))
    following = [wanted for _ in range(20) if (wanted := search.next()) is not None]
    assert [each.seed for each in real(following)[: 2 * ENCORES]] == [2] * ENCORES + [4] * ENCORES
    assert Counter(each.seed for each in real(following)) == {2: ENCORES, 4: ENCORES, 1: 1, 3: 1}


def test_what_is_only_seen_in_simulation_is_tried_for_real_less_and_less_often() -> None:
    """Two checkers object to every second seed each, and real tries show nothing."""
    search = Rehearsal(AIM, first=1)
    shares = []
    for _ in range(4):
        tried = 0
        for _ in range(200):
            wanted = search.next()
            assert wanted is not None
            simulated = wanted.scenario.machines == "sim"
            tried += not simulated
            seen = (("durability", "copies")[wanted.seed % 2], "it is so")
            search.take(outcome(wanted, **({**LOST, "violations": (seen,)} if simulated else {})))
        shares.append(tried)
    assert shares == sorted(shares, reverse=True) and shares[-1] < shares[0] / 2


def test_now_and_then_one_goes_unrehearsed() -> None:
    tries = played(Rehearsal(AIM, first=1), 2 * UNREHEARSED + 2, {})
    assert [each.seed for each in real(tries)] == [UNREHEARSED, 2 * UNREHEARSED]


def test_the_real_tries_are_limited() -> None:
    search = Rehearsal(AIM, first=1, limit=2)
    assert len(real(played(search, 50, {2: 9}))) == 2
    assert search.next() is None


def test_findings_do_not_pile_up() -> None:
    search = Rehearsal(AIM, first=1)
    for _ in range(20 * (1 + REPEATS)):
        wanted = search.next()
        assert wanted is not None
        if wanted.scenario.machines == "sim":
            search.take(outcome(wanted, **LOST))
    waiting = real([wanted for _ in range(20) if (wanted := search.next()) is not None])
    assert len(waiting) < rehearsal.AHEAD + ENCORES
