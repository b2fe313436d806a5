"""Disks that fail: by lying, by errors, by want of room, by slowness, and by losing or damaging what they hold.

Each is proved by how often the disk counted that it made a difference to the system, and where that can be had
without help of the system, by a small file that is written and flushed.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from faults.downtime import revive
from harness import machine
from harness.episode import Proof
from harness.errors import HarnessError, NodeError
from harness.fault import World
from harness.machine import DiskFault, DiskProbe, FaultyDisk, PowerCut
from harness.options import Options
from harness.tasks import together
from harness.words import plural

_MS = 1_000_000
_REFUSES_S = 3.0
"""A node that does not want to start on what it finds has ended by then, or answers before."""
_ASK_EVERY_S = 0.05

Looks = Callable[[DiskProbe], bool]


class BrokenDisk:
    """What all of them have in common: one fault of the disks of all targets, until the heal.

    `looks` tells whether a probe shows the fault; None if probes can't.
    """

    needs: tuple[type, ...] = (machine.FaultyDisk,)
    fault: DiskFault

    def __init__(self, *, amount: int = 0, looks: Looks | None = None) -> None:
        self._amount = amount
        self._looks = looks
        self._before: dict[str, int] = {}

    def target(self) -> str | None:
        """Aim at the primary."""
        return "primary"

    async def inject(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Begin; proved by a probe, if probes can show it."""
        proofs = await together(self._break(world, name) for name in targets)
        return tuple(proof for of_one in proofs for proof in of_one)

    async def evidence(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Return how often it made a difference to the system."""
        return await together(self._bites(world, name) for name in targets)

    async def heal(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """End it; proved by a probe that finds nothing wrong, unless another fault keeps the disk so."""
        proofs = await together(self._mend(world, name) for name in targets)
        return tuple(proof for of_one in proofs for proof in of_one)

    async def restart(self, world: World, name: str) -> tuple[Proof, ...]:
        """Start the system, where the fault may have ended it."""
        return ()

    async def _break(self, world: World, name: str) -> tuple[Proof, ...]:
        disk = _disk(world, name)
        self._before[name] = (await disk.disk_bites())[self.fault]
        await disk.break_disk(self._key, self.fault, amount=self._amount)
        if self._looks is None or await _is_off(world, name):
            return ()
        probe = await disk.probe_disk()
        return (Proof(what=f"{name}: {_told(probe)}", shown=self._looks(probe)),)

    async def _bites(self, world: World, name: str) -> Proof:
        bites = (await _disk(world, name).disk_bites())[self.fault] - self._before[name]
        return Proof(what=f"{name}: {self.fault}, {plural(bites, 'time')}", shown=bites > 0)

    async def _mend(self, world: World, name: str) -> tuple[Proof, ...]:
        disk = _disk(world, name)
        alone = await disk.mend_disk(self._key)
        if await _is_off(world, name):
            return (Proof(what=f"{name} has no power; its disk was not looked at", shown=True),)
        probe = await disk.probe_disk()
        sound = not probe.error and not (self._looks is not None and self._looks(probe))
        proof = Proof(what=f"{name}: {_told(probe)}", shown=sound)
        if not alone:
            proof = Proof(what=f"{name}: withdrawn; another fault keeps its disk so", shown=True)
        return (proof, *await self.restart(world, name))

    @property
    def _key(self) -> str:
        return f"{self.fault} {id(self)}"


class FlushError(BrokenDisk):
    """The next flush of a file fails (EIO), once. No options.

    A node that stops is right: the heal starts it again. One that goes on is left alone.
    """

    fault = DiskFault.FLUSH_ERROR

    def __init__(self, options: Mapping[str, Any]) -> None:
        Options(options)
        super().__init__()

    async def restart(self, world: World, name: str) -> tuple[Proof, ...]:
        """Start the system if it has stopped."""
        return (await revive(world, name),)


class DiskFull(BrokenDisk):
    """There is no more room on the disk. Options: `free_kb`, what is still free (default 0)."""

    fault = DiskFault.FULL

    def __init__(self, options: Mapping[str, Any]) -> None:
        free_kb = Options(options, ("free_kb",)).whole("free_kb", 0)
        super().__init__(amount=free_kb * 1024, looks=None if free_kb else lambda probe: bool(probe.error))

    async def restart(self, world: World, name: str) -> tuple[Proof, ...]:
        """Start the system if it has stopped."""
        return (await revive(world, name),)


class SlowDisk(BrokenDisk):
    """Each flush takes longer. Options: `delay_ms` (default 100)."""

    fault = DiskFault.SLOW

    def __init__(self, options: Mapping[str, Any]) -> None:
        delay_ms = Options(options, ("delay_ms",)).number("delay_ms", 100, above=0, below=10_000)
        delay_ns = round(delay_ms * _MS)
        super().__init__(amount=delay_ns, looks=lambda probe: probe.took_ns >= delay_ns)


class Spoilt(BrokenDisk):
    """What all that may destroy something on the disk have in common: their heal can't bring it back.

    A node that refuses to start on such a disk is right. At the heal it gets a blank one, as from an operator.
    """

    async def restart(self, world: World, name: str) -> tuple[Proof, ...]:
        """Start the system if it does not run; if it does not want to, on a blank disk."""
        return (await revive_or_replace(world, name),)


class LyingFlush(Spoilt):
    """Flushes return, but what they should have made durable goes with the power. No options."""

    fault = DiskFault.LYING_FLUSH

    def __init__(self, options: Mapping[str, Any]) -> None:
        Options(options)
        super().__init__(looks=lambda probe: not probe.durable)


class LostWrite(Spoilt):
    """The next write is shown, but never becomes durable. No options."""

    fault = DiskFault.LOST_WRITE

    def __init__(self, options: Mapping[str, Any]) -> None:
        Options(options)
        super().__init__()


class MisdirectedWrite(Spoilt):
    """The next write becomes durable at another place of its file than where it belongs. No options."""

    fault = DiskFault.MISDIRECTED_WRITE

    def __init__(self, options: Mapping[str, Any]) -> None:
        Options(options)
        super().__init__()


async def revive_or_replace(world: World, name: str) -> Proof:
    """Start the system on a node whose disk may be damaged; if it does not want to, on a blank disk."""
    if await _stays(world, name):
        return Proof(what=f"{name} runs", shown=True)
    await world.hold(name)
    if not await world.release(name):
        return Proof(what=f"{name} is kept down by another fault", shown=True)
    if await _stays(world, name):
        return Proof(what=f"{name} runs again", shown=True)
    target = world.machine(name)
    if not isinstance(target, machine.DiskLoss):
        return Proof(what=f"{name} does not start on this disk", shown=False)
    await target.wipe()
    return await revive(world, name, on="a blank disk")


async def _stays(world: World, name: str) -> bool:
    """Tell whether the system runs on a node, and goes on: one that has just been started may yet refuse."""
    loop = asyncio.get_running_loop()
    end = loop.time() + _REFUSES_S
    while await world.machine(name).alive():
        try:
            await world.system.status(name)
        except NodeError:
            if loop.time() > end:
                return True
            await asyncio.sleep(_ASK_EVERY_S)
        else:
            return True
    return False


def _told(probe: DiskProbe) -> str:
    if probe.error:
        return f"a probe of the disk failed: {probe.error}"
    kept = "is durable" if probe.durable else "is not durable"
    return f"a probe of the disk was flushed in {probe.took_ns / 1e6:.1f} ms and {kept}"


async def _is_off(world: World, name: str) -> bool:
    target = world.machine(name)
    return isinstance(target, PowerCut) and not await target.powered()


def _disk(world: World, name: str) -> FaultyDisk:
    target = world.machine(name)
    if not isinstance(target, FaultyDisk):
        raise HarnessError(f"the disk of {name} can't be made to fail")
    return target
