"""From a run that is violated to the shortest story that still is: the fewest faults and operations.

The run's operations are written out first (`checkers.script`), so that any of them can be left out while the
others keep their times. Each smaller scenario is tried in simulation; it counts if the same checker finds a
violation.
"""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from harness import course, episodes, running
from harness.analysis import EPISODES_FILE, HISTORY_FILE
from harness.campaign.minimize import Budget, minimized
from harness.campaign.one import Outcome, Try, attempt
from harness.episode import Episode
from harness.errors import HarnessError, UsageError
from harness.recording import CallLine
from harness.scenario import FaultStep, Scenario

TAIL_S = 0.2
"""How long a shrunk run goes on after its last operation and the last beginning of a fault."""

SCRIPT = "script"


class Shrunk(Struct, frozen=True, kw_only=True):
    """A scenario that is violated, and small. `tries` were made on the way."""

    scenario: Scenario
    faults: int
    operations: int
    checker: str
    title: str
    tries: int


def shrink(outcome: Outcome, *, tries: int = 400) -> Shrunk:
    """Return the smallest scenario found that the same checker calls violated; raises UsageError if none is."""
    if not outcome.violations:
        raise UsageError(
            f"the run of {outcome.scenario.name} came to {outcome.verdict}: only what is violated can be shrunk"
        )
    return _Shrinker(outcome, tries).shrunk()


class _Shrinker:
    """One search for less."""

    def __init__(self, outcome: Outcome, tries: int) -> None:
        self._checker = outcome.violations[0][0]
        self._budget = Budget(tries)
        self._tries = tries
        self._best = outcome

    def shrunk(self) -> Shrunk:
        self._faults()
        if self._best.scenario.workload != SCRIPT:
            written = written_out(self._best.scenario)
            if not self._fails(written.named):
                self._fails(written.scenario)
        for _ in range(2):
            if self._best.scenario.workload == SCRIPT:
                self._shorten()
                self._calls()
            self._faults()
            self._plainer()
        scenario = self._best.scenario
        return Shrunk(
            scenario=scenario,
            faults=len(scenario.faults),
            operations=len(_calls(scenario)) if scenario.workload == SCRIPT else self._best.operations,
            checker=self._checker,
            title=next(title for checker, title in self._best.violations if checker == self._checker),
            tries=self._tries - max(0, self._budget.left),
        )

    def _fails(self, scenario: Scenario) -> bool:
        """Try a scenario; if it is violated in the same way it becomes the best."""
        outcome = attempt(Try(seed=scenario.seed, scenario=scenario))
        failed = any(checker == self._checker for checker, _ in outcome.violations)
        if failed:
            self._best = outcome
        return failed

    def _faults(self) -> None:
        def fail(few: tuple[FaultStep, ...]) -> bool:
            return self._fails(replace(self._best.scenario, faults=few))

        minimized(self._best.scenario.faults, fail, self._budget)

    def _shorten(self) -> None:
        """Cut the end off: first half of the time, then less."""
        cut_s = self._best.scenario.time_limit_s / 2
        while cut_s > TAIL_S and self._budget.spend():
            shorter_s = round(self._best.scenario.time_limit_s - cut_s, 3)
            if not self._fails(_ending(self._best.scenario, shorter_s)):
                cut_s /= 2

    def _calls(self) -> None:
        def fail(few: tuple[Mapping[str, Any], ...]) -> bool:
            return self._fails(_with_calls(self._best.scenario, few))

        minimized(_calls(self._best.scenario), fail, self._budget)

    def _plainer(self) -> None:
        """Leave out settings and options, and use fewer nodes, where that makes no difference."""
        for name in sorted(self._best.scenario.settings):
            if name != "bug":
                settings = {key: value for key, value in self._best.scenario.settings.items() if key != name}
                self._try(replace(self._best.scenario, settings=settings))
        if self._best.scenario.nodes > 3:
            self._try(replace(self._best.scenario, nodes=3))
        for place in range(len(self._best.scenario.faults)):
            self._try(_whole_times(self._best.scenario, place))

    def _try(self, changed: Scenario) -> None:
        if changed != self._best.scenario and self._budget.spend():
            self._fails(changed)


class Written(Struct, frozen=True, kw_only=True):
    """A scenario with its operations listed; in `named` its faults strike the nodes that they struck, by name.

    Without roles no fault depends on what another one did. But nobody asks the nodes for their roles then, which
    they may have noticed.
    """

    scenario: Scenario
    named: Scenario


def written_out(scenario: Scenario) -> Written:
    """Return a scenario with what this one left to its run in simulation: operations, and targets of faults."""
    with tempfile.TemporaryDirectory(prefix="acked-") as scratch:
        folder = Path(scratch)
        running.perform(scenario, folder)
        went = course.read(folder)
        if went is None or went.started_ns is None:
            raise HarnessError("the run did not come to its clients")
        calls = [
            _entry(call, went.started_ns, scenario.clients)
            for call in calls_in(folder / HISTORY_FILE)
            if call.process >= 0
        ]
        struck = {episode.id: episode for episode in episodes.read(folder / EPISODES_FILE)}
    options = {
        "of": scenario.workload,
        "with": dict(scenario.workload_options),
        "until": scenario.time_limit_s,
        "calls": calls,
    }
    listed = replace(scenario, workload=SCRIPT, workload_options=options, rate=0.0)
    faults = tuple(
        _named(step, struck.get(place), went.started_ns) for place, step in enumerate(scenario.faults)
    )
    return Written(scenario=listed, named=replace(listed, faults=faults))


def _named(step: FaultStep, episode: Episode | None, started_ns: int) -> FaultStep:
    """Return a step that strikes by name, and when it was known whom; as it is, if it struck nobody."""
    if episode is None or not episode.targets:
        return step
    at_s = round((episode.from_ns - started_ns) / 1e9, 6)
    return replace(step, target="+".join(episode.targets), at_s=at_s, bind=None)


def calls_in(path: Path) -> Iterator[CallLine]:
    """Yield the calls of a history as they were asked for."""
    decode = msgspec.json.Decoder(CallLine).decode
    with path.open("rb") as file:
        for line in file:
            if b'"call":' in line:
                yield decode(line)


def _entry(call: CallLine, started_ns: int, clients: int) -> dict[str, Any]:
    at = round((call.call - started_ns) / 1e9, 6)
    entry = {"at": at, "by": call.process % clients, "f": call.f, "args": list(call.args)}
    return entry | ({"node": call.node} if call.node else {})


def _calls(scenario: Scenario) -> tuple[Mapping[str, Any], ...]:
    return tuple(scenario.workload_options["calls"])


def _with_calls(scenario: Scenario, calls: tuple[Mapping[str, Any], ...]) -> Scenario:
    return replace(scenario, workload_options={**scenario.workload_options, "calls": list(calls)})


def _ending(scenario: Scenario, at_s: float) -> Scenario:
    """Return the scenario up to a time."""
    calls = [call for call in _calls(scenario) if call["at"] < at_s]
    faults = tuple(step for step in scenario.faults if step.at_s < at_s)
    options = {**scenario.workload_options, "calls": calls, "until": at_s}
    return replace(scenario, time_limit_s=at_s, workload_options=options, faults=faults)


def _whole_times(scenario: Scenario, place: int) -> Scenario:
    """Return the scenario with one fault's time in tenths of a second."""
    step = scenario.faults[place]
    steps = list(scenario.faults)
    steps[place] = replace(step, at_s=round(step.at_s, 1))
    return replace(scenario, faults=tuple(steps))
