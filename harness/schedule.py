"""The fault plan of a run, carried out: each step an episode, each episode a task of its own.

So several faults act at once, and none waits for another's slow injection or heal. An episode whose
injection began is always healed: the undo is on the books before anything is broken, and `heal_all` works
after errors and interrupts alike. What goes wrong with a fault never stops the run; it stays in the episode,
which then proves nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from msgspec.structs import replace

from harness.clock import Clock
from harness.draws import Draws, derive
from harness.episode import Episode, Proof
from harness.episodes import EpisodeLog
from harness.errors import AckedError
from harness.fault import Fault, World
from harness.interrupts import Interrupted, unless
from harness.scenario import FaultStep
from harness.targets import Targets
from harness.tasks import broken_off, own_cancellation

INJECT_S = 30.0
"""How long an injection may take."""

HEAL_S = 30.0
"""How long one attempt at healing may take."""

HEAL_ATTEMPTS = 3
HEAL_PAUSE_S = 0.5

T = TypeVar("T")


class Schedule:
    """Carries out fault steps; step i of the scenario is episode i.

    `patience_s` is how much longer than usual injections, evidence and heals may take on these machines.
    """

    def __init__(
        self,
        steps: Sequence[FaultStep],
        faults: Sequence[Fault],
        *,
        world: World,
        targets: Targets,
        clock: Clock,
        log: EpisodeLog,
        seed: int,
        patience_s: float = 0.0,
    ) -> None:
        self._inject_s = INJECT_S + patience_s
        self._heal_s = HEAL_S + patience_s
        self._plan = tuple(zip(steps, faults, strict=True))
        self._lasted = [asyncio.Event() for _ in self._plan]
        self._world = world
        self._targets = targets
        self._clock = clock
        self._log = log
        self._seed = seed
        self._ending = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._injections: set[asyncio.Task[tuple[Proof, ...]]] = set()

    def start(self, start_ns: int) -> None:
        """Begin; the steps' `at_s` count from `start_ns`."""
        self._tasks = [
            asyncio.create_task(self._whole_episode(id_, step, fault, start_ns))
            for id_, (step, fault) in enumerate(self._plan)
        ]

    async def lasted(self, *, due_by_s: float) -> None:
        """Wait until every fault that was due by then has struck, and lasted as long as it should.

        One that lasts until the end of the run is waited for until it has struck. One that can't strike any more
        is not waited for.
        """
        for (step, _), event in zip(self._plan, self._lasted, strict=True):
            if step.at_s < due_by_s:
                await event.wait()

    async def heal_all(self) -> None:
        """Begin no more faults, heal all that are open, all at the same time, and return when that is done.

        An injection that is under way is let finish first; `interrupt` cuts it short. When this is
        cancelled the healing goes on, and calling it again waits for it.
        """
        self._ending.set()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for task in self._tasks:
            task.result()

    def interrupt(self) -> None:
        """Break off the injections that are under way, so that healing begins at once."""
        self._ending.set()
        for injection in self._injections:
            injection.cancel()

    async def _whole_episode(self, id_: int, step: FaultStep, fault: Fault, start_ns: int) -> None:
        try:
            await self._episode(id_, step, fault, start_ns)
        finally:
            self._lasted[id_].set()

    async def _episode(self, id_: int, step: FaultStep, fault: Fault, start_ns: int) -> None:
        due_s = step.at_s - (self._clock.now_ns() - start_ns) / 1e9
        ended = await self._ends_within(due_s)
        blank = Episode(
            id=id_,
            name=step.bind,
            fault=step.fault,
            targets=(),
            detail=", ".join(f"{name}: {value}" for name, value in step.options.items()),
            from_ns=self._clock.now_ns(),
        )
        if ended:
            self._log.record(replace(blank, error="the run ended before it was due"))
            return
        try:
            targets = await self._resolve(id_, step, fault)
        except Interrupted:
            self._log.record(replace(blank, error="the run ended before its targets were found"))
            return
        except Exception as error:
            self._log.record(replace(blank, error=f"no target: {_text(error)}"))
            return
        if step.bind is not None:
            self._targets.bind(step.bind, targets)
        episode = replace(blank, targets=targets, from_ns=self._clock.now_ns())
        self._log.record(episode)
        try:
            episode = await self._inject(episode, fault)
            if episode.injected_ns is not None:
                if step.for_s is None:
                    self._lasted[id_].set()
                await self._ends_within(step.for_s)
                self._lasted[id_].set()
                episode = await self._prove(episode, fault)
        finally:
            await self._heal(episode, fault)

    async def _resolve(self, id_: int, step: FaultStep, fault: Fault) -> tuple[str, ...]:
        """Return the step's targets; raises Interrupted when the run ends first."""
        with own_cancellation("the search for targets"):
            target = fault.target() if step.target is None else step.target
            draws = Draws(derive(self._seed, "targets", id_))
            return await unless(self._ending.wait(), self._targets.resolve(target, draws))

    async def _inject(self, episode: Episode, fault: Fault) -> Episode:
        injection = asyncio.create_task(
            _within(self._inject_s, lambda: fault.inject(self._world, episode.targets), "the injection")
        )
        self._injections.add(injection)
        try:
            await asyncio.wait({injection})
        finally:
            self._injections.discard(injection)
            await broken_off(injection)
        try:
            proofs = injection.result()
        except asyncio.CancelledError:
            episode = replace(episode, error="the injection was interrupted")
        except Exception as error:
            episode = replace(episode, error=f"inject: {_text(error)}")
        else:
            episode = replace(episode, injected=proofs, injected_ns=self._clock.now_ns())
        self._log.record(episode)
        return episode

    async def _prove(self, episode: Episode, fault: Fault) -> Episode:
        try:
            proofs = await _within(
                self._inject_s,
                lambda: fault.evidence(self._world, episode.targets),
                "the search for evidence",
            )
        except Exception as error:
            return replace(episode, error=f"evidence: {_text(error)}")
        return replace(episode, injected=(*episode.injected, *proofs))

    async def _heal(self, episode: Episode, fault: Fault) -> None:
        episode = replace(episode, healing_ns=self._clock.now_ns())
        self._log.record(episode)
        targets, failure = episode.targets, ""
        for attempt in range(HEAL_ATTEMPTS):
            if attempt:
                await asyncio.sleep(HEAL_PAUSE_S)
            try:
                proofs = await _within(self._heal_s, lambda: fault.heal(self._world, targets), "the heal")
            except Exception as error:
                failure = f"heal: {_text(error)}"
            else:
                self._log.record(replace(episode, healed=proofs, until_ns=self._clock.now_ns()))
                return
        self._log.record(replace(episode, error="; ".join(filter(None, (episode.error, failure)))))

    async def _ends_within(self, seconds: float | None) -> bool:
        """Wait for the end of the run, at most for `seconds`, and tell whether it came."""
        try:
            await asyncio.wait_for(self._ending.wait(), seconds)
        except TimeoutError:
            return False
        return True


async def _within(seconds: float, action: Callable[[], Awaitable[T]], what: str) -> T:
    limit = asyncio.timeout(seconds)
    try:
        with own_cancellation(what):
            async with limit:
                return await action()
    except TimeoutError as error:
        if limit.expired():
            raise TimeoutError(f"{what} took more than {seconds:g} s") from error
        raise


def _text(error: Exception) -> str:
    return str(error) if isinstance(error, AckedError | TimeoutError) else f"{type(error).__name__}: {error}"
