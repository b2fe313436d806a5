"""Whether the harness has teeth: it must find planted bugs, and find nothing in the correct store.

A hunt is a search that ends at the first violation. Besides the bugs there is a canary: the store without a bug,
hunted like one. It must not be found, else finding the others would mean nothing.
"""

import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Final, Protocol

from msgspec import Struct
from msgspec.structs import replace

from harness.campaign import aims, drive
from harness.campaign.conduct import SeedError
from harness.campaign.draw import Aim
from harness.campaign.executors import Executor
from harness.campaign.one import Outcome
from harness.campaign.search import Settled, Source
from harness.campaign.stage import Stage
from harness.campaign.work import Examined
from harness.verdict import Verdict
from nodes.planted import Bug

CANARY: Final = "canary"
"""What the store without a bug is called where it is hunted like one."""

HOPELESS: Final = 20
"""After so many runs of which none came to an end, a hunt is given up."""

_POLL_S = 0.2


class Hunt(Struct, frozen=True, kw_only=True):
    """A bug that was looked for; `seed` is where it was found, by which checker, None if it was not.

    `seeds` were tried, `errors` of them failed, the last of these with `error`. `faults` and `operations` are
    those of the shortest story, or of the run that was violated, where runs can't be done again.
    """

    name: str
    way: int
    summary: str
    seeds: int
    seconds: float
    errors: int
    error: str | None = None
    seed: int | None = None
    checker: str | None = None
    title: str | None = None
    faults: int | None = None
    operations: int | None = None


class Waiting(Struct, frozen=True, kw_only=True):
    """A bug that was not looked for, since the machines lack the fault that it waits for."""

    name: str
    way: int
    summary: str
    fault: str


class Silence(Struct, frozen=True, kw_only=True):
    """The correct store over many seeds: those that accuse it, and those with which the harness failed.

    `holds` and `inconclusive` are how many came to that. `run_s` is how long the runs took, one after the other.
    """

    seeds: int = 0
    seconds: float = 0.0
    run_s: float = 0.0
    holds: int = 0
    inconclusive: int = 0
    accused: tuple[SeedError, ...] = ()
    errors: tuple[SeedError, ...] = ()


class SelfTest(Struct, frozen=True, kw_only=True):
    """The outcome: what `acked selftest --json` prints. `passed` is True if the harness has teeth.

    `wanted` is how many bugs were to be hunted, and `needed` how many of them to be found; an interrupt may leave
    fewer hunts, and the one that it cut short is none of them.
    """

    passed: bool
    interrupted: bool
    wanted: int
    needed: int
    found: int
    bugs: tuple[Hunt, ...]
    waiting: tuple[Waiting, ...]
    canary: Hunt | None
    silence: Silence | None
    seconds: float


class Watcher(Protocol):
    """Is told how a self-test gets on."""

    def hunting(self, name: str, seeds: int) -> None:
        """Take note of how many seeds were tried for what."""

    def hunted(self, hunt: Hunt) -> None:
        """Take note that a hunt has ended, and again when its prey has been shrunk."""


class Limits(Struct, frozen=True, kw_only=True):
    """How far a self-test goes: seconds and seeds for each bug, seeds of the canary and of the correct store.

    The silence may be limited by `silence_s`, in seconds, too. `first` is the first seed of each. `share` is how
    many of the bugs must be found.
    """

    time_s: float
    bug_seeds: int | None = None
    canary: int
    silence: int | None = None
    silence_s: float | None = None
    first: int = 1
    share: float = 1.0


class Hunter:
    """Carries out a self-test; `blind` are checkers whose findings are left out, to see that it fails then.

    `stage` is where its runs are made.
    """

    def __init__(
        self,
        executor: Executor,
        *,
        limits: Limits,
        watcher: Watcher,
        stage: Stage,
        blind: Collection[str] = (),
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self._executor = executor
        self._limits = limits
        self._stage = stage
        self._watcher = watcher
        self._blind = frozenset(blind)
        self._stop = stop
        self._prey: dict[str, Outcome] = {}

    def run(self, bugs: Sequence[Bug]) -> SelfTest:
        """Hunt bugs and the canary, and listen to the silence of the correct store.

        Bugs that wait for a fault which the stage lacks are told, and left alone.
        """
        began = time.monotonic()
        hunts: dict[str, Hunt] = {}
        waiting = tuple(self._waiting(bugs))
        left_alone = {each.name for each in waiting}
        prey = [bug for bug in bugs if bug.name not in left_alone]
        for bug in prey:
            hunt = None if self._stop() else self._hunt(bug)
            if hunt is None:
                break
            hunts[bug.name] = hunt
        canary = None if self._stop() else self._canary(prey)
        silence = None if self._stop() else self._silence()
        cut_short = self._stop()
        hunts.update((hunt.name, hunt) for hunt in self._shrunk(hunts))
        return conclude(
            tuple(hunts.values()),
            canary,
            silence,
            waiting=waiting,
            wanted=len(prey),
            share=self._limits.share,
            interrupted=cut_short,
            seconds=time.monotonic() - began,
        )

    def _waiting(self, bugs: Iterable[Bug]) -> Iterator[Waiting]:
        for bug in bugs:
            fault = self._stage.waits_for(bug)
            if fault is not None:
                yield Waiting(name=bug.name, way=bug.way, summary=bug.summary, fault=fault)

    def _hunt(self, bug: Bug) -> Hunt | None:
        """Hunt a bug; None if this was cut short before it was found."""
        hunt, outcome = self._search(bug.name, aims.planted(bug), self._limits.bug_seeds)
        if outcome is None and self._stop():
            return None
        hunt = replace(hunt, way=bug.way, summary=bug.summary)
        if outcome is not None and self._stage.shorten is None:
            faults = len(outcome.scenario.faults)
            hunt = replace(hunt, faults=faults, operations=outcome.operations)
        elif outcome is not None:
            self._prey[bug.name] = outcome
        self._watcher.hunted(hunt)
        return hunt

    def _canary(self, bugs: Sequence[Bug]) -> Hunt | None:
        """Hunt for nothing, where the first of the bugs was hunted; None if this was cut short."""
        aim = aims.planted(bugs[0]) if bugs else Aim()
        settings = {name: value for name, value in aim.settings.items() if name != "bug"}
        hunt, outcome = self._search(CANARY, replace(aim, settings=settings), self._limits.canary)
        if outcome is None and self._stop():
            return None
        self._watcher.hunted(hunt)
        return hunt

    def _search(self, name: str, aim: Aim, seeds: int | None) -> tuple[Hunt, Outcome | None]:
        began = time.monotonic()
        search = self._stage.search(aim, first=self._limits.first, limit=seeds)
        over = drive.deadline(self._limits.time_s)
        hunt = Hunt(name=name, way=0, summary="", seeds=0, seconds=0.0, errors=0)
        for settled in self._settled(search, over):
            outcome = self._seen(settled.outcome)
            hunt = replace(
                hunt,
                seeds=hunt.seeds + 1,
                seconds=round(time.monotonic() - began, 1),
                errors=hunt.errors + (outcome.verdict is Verdict.ERROR),
                error=outcome.error or hunt.error,
            )
            self._watcher.hunting(name, hunt.seeds)
            if outcome.violations:
                checker, title = outcome.violations[0]
                return replace(hunt, seed=outcome.seed, checker=checker, title=title), outcome
            if hunt.errors == hunt.seeds == HOPELESS:
                break
        return replace(hunt, seconds=round(time.monotonic() - began, 1)), None

    def _silence(self) -> Silence:
        began = time.monotonic()
        search = self._stage.search(Aim(), first=self._limits.first, limit=self._limits.silence)
        over = drive.deadline(self._limits.silence_s)
        silence = Silence()
        for settled in self._settled(search, over):
            silence = _heard(silence, self._seen(settled.outcome), time.monotonic() - began)
            self._watcher.hunting("the correct store", silence.seeds)
        return silence

    def _settled(self, search: Source, over: Callable[[], bool]) -> Iterator[Settled]:
        return drive.settled(
            search, self._executor, stop=lambda: self._stop() or over(), make=self._stage.make
        )

    def _seen(self, outcome: Outcome) -> Outcome:
        seen = tuple(each for each in outcome.violations if each[0] not in self._blind)
        return replace(outcome, violations=seen)

    def _shrunk(self, hunts: Mapping[str, Hunt]) -> Iterator[Hunt]:
        """Yield the hunts with the size of what they found: at the end, so that no hunt has fewer workers."""
        under_way: dict[Future[Examined], Hunt] = {}
        shorten = self._stage.shorten
        if shorten is not None and not self._stop():
            under_way = {
                self._executor.submit(shorten, outcome): hunts[name] for name, outcome in self._prey.items()
            }
        while under_way and not self._stop():
            done, _ = wait(under_way, timeout=_POLL_S, return_when=FIRST_COMPLETED)
            for future in done:
                hunt = under_way.pop(future)
                if future.exception() is None:
                    shrunk = future.result().shrunk
                    hunt = replace(hunt, faults=shrunk.faults, operations=shrunk.operations)
                    self._watcher.hunted(hunt)
                    yield hunt
        for future in under_way:
            future.cancel()


def _heard(silence: Silence, outcome: Outcome, seconds: float) -> Silence:
    accused, errors = silence.accused, silence.errors
    if outcome.violations:
        checker, title = outcome.violations[0]
        accused = (*accused, SeedError(seed=outcome.seed, error=f"{checker}: {title}"))
    if outcome.verdict is Verdict.ERROR:
        errors = (*errors, SeedError(seed=outcome.seed, error=outcome.error or "not told"))
    return Silence(
        seeds=silence.seeds + 1,
        seconds=round(seconds, 1),
        run_s=round(silence.run_s + outcome.seconds, 1),
        holds=silence.holds + (outcome.verdict is Verdict.HOLDS),
        inconclusive=silence.inconclusive + (outcome.verdict is Verdict.INCONCLUSIVE),
        accused=accused,
        errors=errors,
    )


def conclude(
    hunts: tuple[Hunt, ...],
    canary: Hunt | None,
    silence: Silence | None,
    *,
    waiting: tuple[Waiting, ...] = (),
    wanted: int,
    share: float = 1.0,
    interrupted: bool = False,
    seconds: float,
) -> SelfTest:
    """Sum up. It is passed only if all was done, enough found, and the store without a bug never accused."""
    found = sum(hunt.seed is not None for hunt in hunts)
    needed = math.ceil(share * wanted)
    silent = (
        canary is not None
        and silence is not None
        and canary.seed is None
        and not canary.errors
        and not silence.accused
        and not silence.errors
        and silence.holds > 0
    )
    return SelfTest(
        passed=not interrupted and silent and found >= needed,
        interrupted=interrupted,
        wanted=wanted,
        needed=needed,
        found=found,
        bugs=hunts,
        waiting=waiting,
        canary=canary,
        silence=silence,
        seconds=round(seconds, 1),
    )
