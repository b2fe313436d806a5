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

_LOOKS = 16
"""How often a slowed machine is looked at: a share of a tenth is met at least once."""


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
        self._slowing: dict[str, asyncio.Task[None]] = {}

    def target(self) -> str | None:
        """Aim at the primary."""
        return "primary"

    async def inject(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Begin to stop and go; proved by looking at the machines, out of step with that."""
        for name in targets:
            self._slowing[name] = asyncio.create_task(self._stop_and_go(_pausable(world, name)))
        return await self.evidence(world, targets)

    async def evidence(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Return the share of looks at which each target stood still."""
        return await together(self._look(world, name) for name in targets)

    async def heal(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Stop stopping them."""
        slowing, self._slowing = self._slowing, {}
        for task in slowing.values():
            task.cancel()
        if slowing:
            await asyncio.wait(slowing.values())
        await together(_pausable(world, name).resume() for name in targets)
        return await together(_goes_on(world, name) for name in targets)

    async def _stop_and_go(self, target: machine.Pause) -> None:
        while True:
            await target.pause()
            await asyncio.sleep(self._share * self._period_s)
            await target.resume()
            await asyncio.sleep((1 - self._share) * self._period_s)

    async def _look(self, world: World, name: str) -> Proof:
        task = self._slowing[name]
        stopped = 0
        for _ in range(_LOOKS):
            # An irrational share of the period: the looks fall on all of its phases alike.
            await asyncio.sleep(self._period_s * 0.3819660113)
            stopped += await _pausable(world, name).stopped()
        if task.done():
            return Proof(what=f"{name}: the slowing broke off: {task.exception()}", shown=False)
        share = stopped / _LOOKS
        what = f"{name} stood still at {share:.0%} of {_LOOKS} looks, {self._share:.0%} intended"
        return Proof(what=what, shown=0 < stopped < _LOOKS)


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
