"""What a search found: violations, those of one kind together, and the shortest story of each kind."""

import re
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from harness.campaign.executors import Executor
from harness.campaign.one import Outcome
from harness.campaign.work import Examined, examined

MOST_SEEDS: Final = 20
"""How many seeds of a finding are listed."""

_NUMBERS = re.compile(r"[^\s,]*\d[^\s,]*(?:(?:,| and|, and) [^\s,]*\d[^\s,]*)*")


class Finding(Struct, frozen=True, kw_only=True):
    """Violations of one kind: how many, in which seeds (the first ones), and the shortest story of the first.

    `kind` is the title of the run that was met: those of the other seeds are the same, apart from numbers. `title`
    is that of the shortest story, once there is one.
    `faults` and `operations` are those that are left after `tries` of shrinking; None while it is not shrunk,
    and `problem` says why if it can't be. `file` is the scenario that shows it, `run` the folder of its run and
    `chart` its sequence chart.
    """

    seed: int
    checker: str
    title: str
    kind: str
    count: int = 1
    seeds: tuple[int, ...]
    faults: int | None = None
    operations: int | None = None
    tries: int = 0
    problem: str | None = None
    file: str | None = None
    run: str | None = None
    chart: str | None = None


def kind(outcome: Outcome) -> tuple[str, str]:
    """Return the checker and the title of the first violation of a run, with a # for all that has numbers."""
    checker, title = outcome.violations[0]
    return checker, _NUMBERS.sub("#", title)


class Findings:
    """Collects violations; the first of each kind is looked into by a worker."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._found: dict[tuple[str, str], Finding] = {}
        self._under_way: dict[Future[Examined], tuple[str, str]] = {}

    @property
    def all(self) -> tuple[Finding, ...]:
        """The findings, in the order in which they were made."""
        return tuple(self._found.values())

    @property
    def under_way(self) -> "frozenset[Future[Examined]]":
        """What workers are at."""
        return frozenset(self._under_way)

    def take(self, outcome: Outcome, before: Finding | None = None) -> Finding | None:
        """Count a violated outcome; return the finding if it is the first of its kind.

        `before` is what is known of it from an earlier time, when it was looked into.
        """
        key = kind(outcome)
        found = self._found.get(key)
        if found is not None:
            seeds = (*found.seeds, outcome.seed)[:MOST_SEEDS]
            self._found[key] = replace(found, count=found.count + 1, seeds=seeds)
            return None
        checker, title = outcome.violations[0]
        found = Finding(seed=outcome.seed, checker=checker, title=title, kind=title, seeds=(outcome.seed,))
        if before is not None:
            found = replace(before, count=1, seeds=found.seeds)
        else:
            self._under_way[self._executor.submit(examined, outcome)] = key
        self._found[key] = found
        return found

    def examined(self) -> Iterator[tuple[Finding, Examined]]:
        """Yield the findings that have been looked into since the last time, with what was found out."""
        for future in [future for future in self._under_way if future.done()]:
            key = self._under_way.pop(future)
            try:
                result = future.result()
            except Exception as error:
                problem = f"not shrunk: {type(error).__name__}: {error}"
                self._found[key] = replace(self._found[key], problem=problem)
                continue
            shrunk = result.shrunk
            found = replace(
                self._found[key],
                title=shrunk.title,
                faults=shrunk.faults,
                operations=shrunk.operations,
                tries=shrunk.tries,
            )
            self._found[key] = found
            yield found, result

    def replace(self, finding: Finding) -> Finding:
        """Put what is known now in the place of what was known; return it."""
        for key, found in self._found.items():
            if found.seed == finding.seed:
                self._found[key] = replace(finding, count=found.count, seeds=found.seeds)
                return self._found[key]
        raise KeyError(finding.seed)

    def give_up(self, why: str) -> None:
        """Cancel what is under way."""
        for future, key in self._under_way.items():
            future.cancel()
            self._found[key] = replace(self._found[key], problem=why)
        self._under_way.clear()
