"""Which runs are worth making with real processes: those that a search in simulation has found.

A real run takes seconds, a simulated one hundredths of that. So the scenarios for real runs come from a search in
simulation, which goes on meanwhile. What is violated there is rehearsed a few times more, with other draws of
everything but the scenario: real machines are never as punctual as simulated ones, and what depends on a
millisecond is not found there. Those that were violated most often are tried for real first, as often as they
were, up to three times. What certain checkers see in simulation alone, time after time, is tried for real less and
less often, so that the search goes on to what others see. Now and then a scenario is tried for real that was not
violated: real machines may show what simulated ones do not.
"""

from collections import Counter, deque
from typing import Final

from msgspec.structs import replace

from harness.campaign.draw import Aim
from harness.campaign.one import Outcome, Try
from harness.campaign.search import Search, Settled
from harness.draws import derive
from harness.scenario import SIMULATED, Scenario

REPEATS: Final = 4
"""How often a scenario that was violated in simulation is rehearsed again."""

ENCORES: Final = 3
"""How often at most a scenario is tried for real."""

PATIENCE: Final = 6
"""After so many real tries in vain, only every second scenario to which the same checkers object is tried; after
twice as many, every third; and so on."""

UNREHEARSED: Final = 40
"""After so many simulated tries a scenario is tried for real as it was drawn."""

AHEAD: Final = 4
"""How many scenarios may wait to be tried for real: the best of them."""

RATE: Final = 60.0
"""How many operations a second clients ask for in simulation, where each costs time."""

RECOVERY_S: Final = 10.0
"""How long a real run waits for a system that may not recover."""


class _Act:
    """A scenario that was violated in simulation: with which seeds, and how often it is still to be rehearsed."""

    def __init__(self, scenario: Scenario) -> None:
        self.violated = [scenario]
        self.left = REPEATS


class Rehearsal:
    """Hands out simulated tries and, from what they show, real ones; only the real ones are settled.

    It is driven as a `harness.campaign.search.Search` is. The real tries are `limit`, or without end; each has the
    seed of the simulated try that it comes from. `aim` names the real machines.
    """

    def __init__(self, aim: Aim, *, first: int, limit: int | None = None) -> None:
        self._aim = aim
        self._search = Search(replace(aim, machines=SIMULATED, rate=RATE), first=first)
        self._left = limit
        self._drawn = 0
        self._again: deque[Try] = deque()
        self._acts: dict[int, _Act] = {}
        self._kinds: dict[int, tuple[str, ...]] = {}
        """Which checkers objected to a seed's scenario in simulation."""
        self._seen = Counter[tuple[str, ...]]()
        self._in_vain = Counter[tuple[str, ...]]()
        self._waiting: list[tuple[int, list[Try]]] = []
        """Scenarios to be tried for real: how often they were violated, and their tries, the best first."""

    def next(self) -> Try | None:
        """Return the next try, a real one if one waits; None if no more are wanted now."""
        if self._left == 0:
            return None
        if self._waiting:
            self._left = None if self._left is None else self._left - 1
            tries = self._waiting[0][1]
            wanted = tries.pop(0)
            if not tries:
                self._waiting.pop(0)
            return wanted
        return self._again.popleft() if self._again else self._search.next()

    def take(self, outcome: Outcome) -> tuple[Settled, ...]:
        """Take the outcome of a try; return it if that was a real one."""
        if outcome.scenario.machines != SIMULATED:
            if outcome.seed in self._kinds and not outcome.violations:
                self._in_vain[self._kinds[outcome.seed]] += 1
            return (Settled(outcome=outcome, new=()),)
        if outcome.scenario.seed != outcome.seed:
            self._repeated(outcome)
            return ()
        for settled in self._search.take(outcome):
            self._drawn += 1
            if settled.outcome.violations:
                self._repeat(settled.outcome)
            elif self._drawn % UNREHEARSED == 0:
                self._want(settled.outcome.seed, 0, [settled.outcome.scenario])
        return ()

    def _repeat(self, outcome: Outcome) -> None:
        seed, scenario = outcome.seed, outcome.scenario
        kind = tuple(sorted({checker for checker, _ in outcome.violations}))
        self._seen[kind] += 1
        if self._seen[kind] % (1 + self._in_vain[kind] // PATIENCE):
            return
        self._kinds[seed] = kind
        self._acts[seed] = _Act(scenario)
        for number in range(REPEATS):
            other = replace(scenario, seed=derive(seed, "rehearsal", number) >> 1)
            self._again.append(Try(seed=seed, scenario=other))

    def _repeated(self, outcome: Outcome) -> None:
        act = self._acts[outcome.seed]
        act.left -= 1
        if outcome.violations:
            act.violated.append(outcome.scenario)
        if not act.left:
            del self._acts[outcome.seed]
            self._want(outcome.seed, len(act.violated), act.violated[:ENCORES])

    def _want(self, seed: int, violated: int, scenarios: list[Scenario]) -> None:
        aim = self._aim
        tries = [
            Try(
                seed=seed,
                scenario=replace(scenario, machines=aim.machines, rate=aim.rate, recovery_s=RECOVERY_S),
            )
            for scenario in scenarios
        ]
        self._waiting.append((violated, tries))
        self._waiting.sort(key=lambda waiting: -waiting[0])
        del self._waiting[AHEAD:]
