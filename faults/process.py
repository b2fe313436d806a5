"""Faults of processes: killed, stopped, or stopped so often that they only crawl."""

import asyncio
from collections.abc import Mapping
from typing import Any

from faults import crash_point
from faults.downtime import Downtime, listing
from harness import machine
from harness.episode import Proof
from harness.errors import HarnessError
from harness.fault import World
from harness.options import Options
from harness.tasks import together

_FIRST_LOOKS = 10
"""How often a slowed machine is looked at before the injection counts as done: for some four periods."""

_LONGEST_PERIOD_S = 5.0
"""With a longer one the first looks would take more time than the engine gives an injection."""


class Kill:
    """Kills every process of the targets, each machine's in one instant; the system starts again at the heal.

    A kill is no power cut: the page cache stays, and peers are told that connections are closed. Options: those
    of `faults.crash_point`, by which the processes die at a step of their work.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._point = crash_point.read(options)
        self.needs: tuple[type, ...] = (machine.Kill, *crash_point.needs(self._point))
        self._downtime = Downtime()

    def target(self) -> str | None:
        """Aim at the primary."""
        return "primary"

    async def inject(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Kill; proved by the kernel's list of processes."""
        return await together(self._kill(world, name) for name in targets)

    async def evidence(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Return nothing more: dead processes stay dead."""
        return ()

    async def heal(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Start the system again, unless another fault still keeps it down."""
        return await together(self._downtime.end(world, name) for name in targets)

    async def _kill(self, world: World, name: str) -> Proof:
        await self._downtime.begin(world, name)
        target = world.machine(name)
        if not isinstance(target, machine.Kill):
            raise HarnessError(f"{name} can't be killed")
        if self._point is None:
            victims = await target.kill()
        else:
            victims = await self._point.crash(world, name, power=False)
        if not victims and self._point is not None:
            self._downtime.spared(name)
            return Proof(what=self._point.missed(name), shown=False)
        self._downtime.down(name)
        if not victims:
            return Proof(what=f"nothing ran on {name}", shown=False)
        left = sorted(set(victims) & set(await target.alive()))
        if left:
            return Proof(what=f"{name}: {listing(left)} survived", shown=False)
        return Proof(what=f"{name}: {listing(sorted(victims))} gone", shown=True)


class Pause:
    """Stops every process of the targets (SIGSTOP) until the heal. No options.

    The machine's kernel goes on: it takes packets, and answers for open ports. What a paused process had
    been sent it will act on when it wakes. Of several pauses of one machine the last to heal wakes it.
    """

    needs: tuple[type, ...] = (machine.Pause,)

    def __init__(self, options: Mapping[str, Any]) -> None:
        Options(options)
        self._stopped: dict[str, frozenset[int]] = {}

    def target(self) -> str | None:
        """Aim at the primary."""
        return "primary"

    async def inject(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Stop; proved by the kernel's word on every thread."""
        return await together(self._pause(world, name) for name in targets)

    async def evidence(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Return whether the same processes stand still to this moment, or were killed meanwhile."""
        return await together(self._is_still_stopped(world, name) for name in targets)

    async def heal(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Let them go on, unless another fault still keeps them stopped."""
        return await together(_go_on(world, name, by=self) for name in targets)

    async def _pause(self, world: World, name: str) -> Proof:
        await world.pause(name, self)
        self._stopped[name] = frozenset(await world.machine(name).alive())
        pids = sorted(self._stopped[name])
        if not pids:
            return Proof(what=f"nothing ran on {name}", shown=False)
        if await _pausable(world, name).stopped():
            return Proof(what=f"{name}: {listing(pids)} stopped", shown=True)
        return Proof(what=f"{name}: not all of {listing(pids)} stopped", shown=False)

    async def _is_still_stopped(self, world: World, name: str) -> Proof:
        pids = frozenset(await world.machine(name).alive())
        if not pids:
            return Proof(what=f"{name} was down before it could go on", shown=True)
        if started := sorted(pids - self._stopped[name]):
            return Proof(what=f"{name}: {listing(started)} started meanwhile", shown=False)
        if await _pausable(world, name).stopped():
            return Proof(what=f"{name} still stopped", shown=True)
        return Proof(what=f"{name} went on before it was told to", shown=False)


class Slow:
    """Stops every process of the targets again and again, so that they work, but slowly.

    Options: `share` of the time in which they stand still (default 0.5), and `period_s`, the length of one
    stop and go (default 0.2): a stop is a delay that no process can tell from a busy or swapping machine.
    """

    needs: tuple[type, ...] = (machine.Pause,)

    def __init__(self, options: Mapping[str, Any]) -> None:
        read = Options(options, ("share", "period_s"))
        self._share = read.number("share", 0.5, above=0.05, below=0.95)
        self._period_s = read.number("period_s", 0.2, above=0.01, below=_LONGEST_PERIOD_S)
        self._slowed: dict[str, _StopAndGo] = {}

    def target(self) -> str | None:
        """Aim at the primary."""
        return "primary"

    async def inject(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Begin to stop and go; proved by looking at the machines, out of step with that."""
        for name in targets:
            self._slowed[name] = _StopAndGo(world, name, self, share=self._share, period_s=self._period_s)
        return await together(slowed.first_looks() for slowed in self._slowed.values())

    async def evidence(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Return at how many of all looks each target stood still."""
        return tuple(slowed.proof() for slowed in self._slowed.values())

    async def heal(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Stop stopping them."""
        slowed, self._slowed = self._slowed, {}
        await together(one.end() for one in slowed.values())
        return await together(_go_on(world, name, by=self) for name in targets)


class _StopAndGo:
    """Stops and resumes one machine in the name of `by` in a task of its own, and looks at it in another."""

    def __init__(self, world: World, name: str, by: object, *, share: float, period_s: float) -> None:
        self._world = world
        self._name = name
        self._by = by
        self._target = _pausable(world, name)
        self._share = share
        self._period_s = period_s
        self._looks = 0
        self._stopped = 0
        self._enough = asyncio.Event()
        self._tasks = [asyncio.create_task(self._stop_and_go()), asyncio.create_task(self._look())]

    async def first_looks(self) -> Proof:
        """Wait for the first looks, or until something broke off, and return what they showed."""
        enough = asyncio.create_task(self._enough.wait())
        try:
            await asyncio.wait([enough, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
        finally:
            enough.cancel()
        return self.proof()

    def proof(self) -> Proof:
        """Return what all looks showed until now."""
        for task in self._tasks:
            if task.done():
                return Proof(what=f"{self._name}: the slowing broke off: {task.exception()}", shown=False)
        share = self._stopped / max(1, self._looks)
        what = f"{self._name} stood still at {share:.0%} of {self._looks} looks, {self._share:.0%} intended"
        return Proof(what=what, shown=0 < self._stopped < self._looks)

    async def end(self) -> None:
        """End both tasks; the machine may be left in a stop."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _stop_and_go(self) -> None:
        while True:
            await self._world.pause(self._name, self._by)
            await asyncio.sleep(self._share * self._period_s)
            await self._world.resume(self._name, self._by)
            await asyncio.sleep((1 - self._share) * self._period_s)

    async def _look(self) -> None:
        while True:
            # An irrational share of the period: the looks fall on all of its phases alike.
            await asyncio.sleep(self._period_s * 0.3819660113)
            self._stopped += await self._target.stopped()
            self._looks += 1
            if self._looks >= _FIRST_LOOKS:
                self._enough.set()


def _pausable(world: World, name: str) -> machine.Pause:
    target = world.machine(name)
    if not isinstance(target, machine.Pause):
        raise HarnessError(f"{name} can't be paused")
    return target


async def _go_on(world: World, name: str, *, by: object) -> Proof:
    if not await world.resume(name, by):
        return Proof(what=f"{name} let go; another fault still keeps it stopped", shown=True)
    if await _pausable(world, name).stopped():
        return Proof(what=f"{name} still stopped", shown=False)
    return Proof(what=f"{name} not stopped any more", shown=True)
