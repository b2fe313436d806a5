"""What a search tries next, and what it has learnt: a pure core, driven by `harness.campaign.drive`.

Seeds are tried in rounds of fixed size. What a seed is tried with depends on its number, on the aim, and on what
the rounds before the last one have shown; never on how many workers there are or how fast they are. The last round
is left out of it so that workers need not wait for its slowest try.
"""

import bisect
from typing import Final, Protocol

from msgspec import Struct
from msgspec.structs import replace

from harness.campaign import draw, exhaust
from harness.campaign.draw import Aim
from harness.campaign.one import Outcome, Try
from harness.draws import Draws, derive
from harness.scenario import Scenario

ROUND: Final = 40
"""How many tries a round has."""

MUTATED: Final = 0.4
"""How many of the tries vary a scenario that has shown something new, once there are such."""

TWICE: Final = 20
"""One in so many tries is made twice, to see that it gives the same bytes."""

MOST_FAULTS: Final = 8
"""A scenario with more faults than this is not varied: what comes of it would be a tangle."""


class Settled(Struct, frozen=True, kw_only=True):
    """An outcome, once those of all earlier seeds are known; `new` are the features that none of them has."""

    outcome: Outcome
    new: tuple[str, ...]


class Source(Protocol):
    """Hands out tries and takes their outcomes, which may come in any order."""

    def next(self) -> Try | None:
        """Return the next try; None when there is none, or none yet: outcomes must be taken first."""

    def take(self, outcome: Outcome) -> tuple[Settled, ...]:
        """Take the outcome of a try that was handed out; return those that are settled by it."""


class Search:
    """Hands out tries and takes their outcomes, which may come in any order.

    The seeds are `first`, `first + 1` and so on, `limit` of them, or without end.
    """

    def __init__(self, aim: Aim, *, first: int, limit: int | None = None, size: int = ROUND) -> None:
        self.first = first
        self.coverage: dict[str, int] = {}
        """The features seen, each with the first seed that showed it."""
        self._aim = aim
        self._limit = limit
        self._size = size
        self._handed = 0
        self._settled = 0
        self._early: dict[int, Outcome] = {}
        self._parents: list[tuple[int, Scenario]] = []

    def next(self) -> Try | None:
        """Return the next try; None when there is none, or none yet: outcomes must be taken first."""
        place = self._handed
        if self._limit is not None and place >= self._limit:
            return None
        shown = max(0, place // self._size - 1) * self._size
        if self._settled < shown:
            return None
        self._handed += 1
        return self._try(self.first + place, self._parents_before(shown))

    def take(self, outcome: Outcome) -> tuple[Settled, ...]:
        """Take the outcome of a try that was handed out; return those that are settled by it, by seed."""
        self._early[outcome.seed - self.first] = outcome
        settled = []
        while (each := self._early.pop(self._settled, None)) is not None:
            settled.append(self._settle(each))
        return tuple(settled)

    def _settle(self, outcome: Outcome) -> Settled:
        new = tuple(feature for feature in outcome.features if feature not in self.coverage)
        self.coverage.update(dict.fromkeys(new, outcome.seed))
        if new and len(outcome.scenario.faults) <= MOST_FAULTS:
            self._parents.append((self._settled, outcome.scenario))
        self._settled += 1
        return Settled(outcome=replace(outcome, features=new), new=new)

    def _parents_before(self, place: int) -> list[Scenario]:
        end = bisect.bisect_left(self._parents, place, key=lambda parent: parent[0])
        return [scenario for _, scenario in self._parents[:end]]

    def _try(self, seed: int, parents: list[Scenario]) -> Try:
        draws = Draws(derive(seed, "search"))
        twice = not draws.below(TWICE)
        if self._aim.every_crash:
            scenario = exhaust.crash(seed, self._aim)
        elif parents and draws.chance(MUTATED):
            scenario = draw.mutated(draws.choice(parents), seed, self._aim)
        else:
            scenario = draw.scenario(seed, self._aim)
        return Try(seed=seed, scenario=scenario, twice=twice)
