"""Faults of processes: killed, stopped, or stopped so often that they only crawl."""

import asyncio
from collections.abc import Mapping
from typing import Any

from faults.downtime import Downtime, listing
from faults.options import Options
from faults.together import together
from harness import machine
from harness.episode import Proof
from harness.errors import HarnessError
from harness.fault import World

_FIRST_LOOKS = 10
"""How often a slowed machine is looked at before the injection counts as done: for some four periods."""


class Kill:
    """Kills every process of the targets, each machine's in one instant; the system starts again at the heal.

    No options. A kill is no power cut: the page cache stays, and peers are told that connections are closed.
    """

    needs: tuple[type, ...] = (machine.Kill,)

    def __init__(self, options: Mapping[str, Any]) -> None:
        Options(options)
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
        victims = await target.kill()
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
    been sent it will act on when it wakes.
    """

    needs: tuple[type, ...] = (machine.Pause,)

    def __init__(self, options: Mapping[str, Any]) -> None:
        Options(options)

    def target(self) -> str | None:
        """Aim at the primary."""
        return "primary"

    async def inject(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Stop; proved by the kernel's word on every thread."""
        await together(_pausable(world, name).pause() for name in targets)
        return await together(_is_stopped(world, name) for name in targets)

    async def evidence(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Return whether they stand still to this moment, or were killed meanwhile."""
        return await together(_is_still_stopped(world, name) for name in targets)

    async def heal(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Let them go on."""
        await together(_pausable(world, name).resume() for name in targets)
        return await together(_goes_on(world, name) for name in targets)


class Slow:
    """Stops every process of the targets again and again, so that they work, but slowly.

    Options: `share` of the time in which they stand still (default 0.5), and `period_s`, the length of one
    stop and go (default 0.2): a stop is a delay that no process can tell from a busy or swapping machine.
    """

    needs: tuple[type, ...] = (machine.Pause,)

    def __init__(self, options: Mapping[str, Any]) -> None:
        read = Options(options, ("share", "period_s"))
        self._share = read.number("share", 0.5, above=0.05, below=0.95)
        self._period_s = read.number("period_s", 0.2, above=0.01, below=60)
        self._slowed: dict[str, _StopAndGo] = {}

    def target(self) -> str | None:
        """Aim at the primary."""
        return "primary"

    async def inject(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Begin to stop and go; proved by looking at the machines, out of step with that."""
        for name in targets:
            self._slowed[name] = _StopAndGo(name, _pausable(world, name), self._share, self._period_s)
        return await together(slowed.first_looks() for slowed in self._slowed.values())

    async def evidence(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Return at how many of all looks each target stood still."""
        return tuple(slowed.proof() for slowed in self._slowed.values())

    async def heal(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Stop stopping them."""
        slowed, self._slowed = self._slowed, {}
        await together(one.end() for one in slowed.values())
        await together(_pausable(world, name).resume() for name in targets)
        return await together(_goes_on(world, name) for name in targets)


class _StopAndGo:
    """Stops and resumes one machine in a task of its own, and looks at it in another."""

    def __init__(self, name: str, target: machine.Pause, share: float, period_s: float) -> None:
        self._name = name
        self._target = target
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
            await self._target.pause()
            await asyncio.sleep(self._share * self._period_s)
            await self._target.resume()
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


async def _is_stopped(world: World, name: str) -> Proof:
    pids = sorted(await world.machine(name).alive())
    if not pids:
        return Proof(what=f"nothing ran on {name}", shown=False)
    if await _pausable(world, name).stopped():
        return Proof(what=f"{name}: {listing(pids)} stopped", shown=True)
    return Proof(what=f"{name}: not all of {listing(pids)} stopped", shown=False)


async def _is_still_stopped(world: World, name: str) -> Proof:
    if not await world.machine(name).alive():
        return Proof(what=f"{name} was down before it could go on", shown=True)
    if await _pausable(world, name).stopped():
        return Proof(what=f"{name} still stopped", shown=True)
    return Proof(what=f"{name} went on before it was told to", shown=False)


async def _goes_on(world: World, name: str) -> Proof:
    if await _pausable(world, name).stopped():
        return Proof(what=f"{name} still stopped", shown=False)
    return Proof(what=f"{name} not stopped any more", shown=True)
