"""Which runs are worth making with real processes: those that a search in simulation has found.

A real run takes seconds, a simulated one hundredths of that. So the scenarios for real runs come from a search in
simulation, which goes on meanwhile: what is violated there is tried for real, a few times, since real runs are
never quite the same. Now and then a scenario is tried for real that was not: real machines may show what simulated
ones do not.
"""

from collections import deque
from typing import Final

from msgspec.structs import replace

from harness.campaign.draw import Aim
from harness.campaign.one import Outcome, Try
from harness.campaign.search import Search, Settled
from harness.scenario import SIMULATED

ENCORES: Final = 3
"""How often a scenario that was violated in simulation is tried for real."""

UNREHEARSED: Final = 40
"""After so many simulated tries a scenario is tried for real as it was drawn."""

AHEAD: Final = 4
"""How many real tries may wait until the search in simulation waits, too."""

RATE: Final = 60.0
"""How many operations a second clients ask for in simulation, where each costs time."""

RECOVERY_S: Final = 10.0
"""How long a real run waits for a system that may not recover."""


class Rehearsal:
    """Hands out simulated tries and, from what they show, real ones; only the real ones are settled.

    It is driven as a `harness.campaign.search.Search` is. The real tries are `limit`, or without end; each has the
    seed of the simulated try that it comes from. `aim` names the real machines.
    """

    def __init__(self, aim: Aim, *, first: int, limit: int | None = None) -> None:
        self._aim = aim
        self._search = Search(replace(aim, machines=SIMULATED, rate=RATE), first=first)
        self._left = limit
        self._rehearsed = 0
        self._waiting: deque[Try] = deque()

    def next(self) -> Try | None:
        """Return the next try, a real one if one waits; None if no more are wanted now."""
        if self._left == 0:
            return None
        if self._waiting:
            self._left = None if self._left is None else self._left - 1
            return self._waiting.popleft()
        return self._search.next()

    def take(self, outcome: Outcome) -> tuple[Settled, ...]:
        """Take the outcome of a try; return it if that was a real one."""
        if outcome.scenario.machines != SIMULATED:
            return (Settled(outcome=outcome, new=()),)
        for settled in self._search.take(outcome):
            self._rehearsed += 1
            if settled.outcome.violations:
                self._want(settled.outcome, ENCORES)
            elif self._rehearsed % UNREHEARSED == 0:
                self._want(settled.outcome, 1)
        return ()

    def _want(self, outcome: Outcome, times: int) -> None:
        if len(self._waiting) < AHEAD:
            aim = self._aim
            scenario = replace(outcome.scenario, machines=aim.machines, rate=aim.rate, recovery_s=RECOVERY_S)
            self._waiting.extend([Try(seed=outcome.seed, scenario=scenario)] * times)
