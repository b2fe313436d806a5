"""What a search tries depends on seeds and on what earlier rounds showed, never on the order of answers."""

import random
from collections.abc import Callable

from stand_ins import outcome

from harness.campaign import draw
from harness.campaign.draw import Aim
from harness.campaign.one import Outcome, Try
from harness.campaign.search import MOST_FAULTS, Search, Settled
from harness.scenario import FaultStep

SIZE = 10


def shows(wanted: Try) -> Outcome:
    """A rule by which every third seed shows something new."""
    features = (f"feature {wanted.seed}",) if not wanted.seed % 3 else ("the same",)
    return outcome(wanted, features=features)


def carried_out(
    search: Search, at_once: int, pick: Callable[[list[Try]], Try] = lambda out: out[0]
) -> tuple[list[Try], list[Settled]]:
    """Make all tries, `at_once` at a time; `pick` says whose outcome comes next."""
    tries: list[Try] = []
    settled: list[Settled] = []
    out: list[Try] = []
    while True:
        while len(out) < at_once and (wanted := search.next()) is not None:
            tries.append(wanted)
            out.append(wanted)
        if not out:
            return tries, settled
        ready = pick(out)
        out.remove(ready)
        settled.extend(search.take(shows(ready)))


def test_neither_the_number_of_workers_nor_their_speed_matters() -> None:
    alone = carried_out(Search(Aim(), first=5, limit=60, size=SIZE), 1)
    for seed in range(5):
        draws = random.Random(seed)
        search = Search(Aim(), first=5, limit=60, size=SIZE)
        assert carried_out(search, 1 + draws.randrange(30), draws.choice) == alone
    tries, settled = alone
    assert [wanted.seed for wanted in tries] == list(range(5, 65))
    assert [each.outcome.seed for each in settled] == list(range(5, 65))


def test_what_showed_something_new_is_varied_in_the_round_after_the_next() -> None:
    tries, _ = carried_out(Search(Aim(), first=0, limit=400, size=SIZE), 4)
    fresh = [wanted.scenario == draw.scenario(wanted.seed, Aim()) for wanted in tries]
    assert all(fresh[: 2 * SIZE])
    varied = fresh[2 * SIZE :].count(False) / len(fresh[2 * SIZE :])
    assert 0.3 < varied < 0.5
    assert {wanted.scenario.name for wanted in tries} == {f"seed-{seed}" for seed in range(400)}


def test_a_search_waits_for_the_round_before_the_last() -> None:
    search = Search(Aim(), first=0, size=SIZE)
    out = [search.next() for _ in range(2 * SIZE)]
    assert all(out)
    assert search.next() is None
    for wanted in out[1:SIZE]:
        assert wanted is not None and search.take(shows(wanted)) == ()
        assert search.next() is None
    first = out[0]
    assert first is not None and len(search.take(shows(first))) == SIZE
    assert search.next() is not None


def test_one_try_in_twenty_is_made_twice() -> None:
    tries, _ = carried_out(Search(Aim(), first=0, limit=1000, size=SIZE), 4)
    assert 30 <= sum(wanted.twice for wanted in tries) <= 70


def test_features_are_new_once() -> None:
    search = Search(Aim(), first=1, limit=9, size=SIZE)
    _, settled = carried_out(search, 3)
    new = {each.outcome.seed: each.new for each in settled if each.new}
    assert new == {1: ("the same",), 3: ("feature 3",), 6: ("feature 6",), 9: ("feature 9",)}
    assert search.coverage == {"the same": 1, "feature 3": 3, "feature 6": 6, "feature 9": 9}
    assert [each.outcome.features for each in settled] == [each.new for each in settled]


def test_a_scenario_with_many_faults_is_not_varied() -> None:
    from msgspec.structs import replace

    many = tuple(FaultStep(fault="kill", target="primary", at_s=1.0) for _ in range(MOST_FAULTS + 1))
    search = Search(Aim(), first=0, limit=100, size=SIZE)
    while (wanted := search.next()) is not None:
        found = outcome(wanted, features=(f"feature {wanted.seed}",))
        search.take(replace(found, scenario=replace(found.scenario, faults=many)))
        assert wanted.scenario == draw.scenario(wanted.seed, Aim())
