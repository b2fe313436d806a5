"""Disk losses: all that a machine had stored is gone for good, and it comes back blank."""

from collections.abc import Mapping
from typing import Any

from faults.downtime import Downtime
from harness import machine
from harness.episode import Proof
from harness.errors import HarnessError
from harness.fault import World
from harness.options import Options
from harness.tasks import together


class DiskLoss:
    """Replaces the disks of all targets by blank ones, at the same time; the system starts at the heal.

    No options. The loss itself is not healed: that the other nodes bring it back is for the system to show.
    """

    needs: tuple[type, ...] = (machine.DiskLoss,)

    def __init__(self, options: Mapping[str, Any]) -> None:
        Options(options)
        self._downtime = Downtime()
        self._begun: set[str] = set()

    def target(self) -> str | None:
        """Aim at the primary."""
        return "primary"

    async def inject(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Wipe; proved by the identity of the disks, and by the kernel's list of processes."""
        for name in targets:
            await self._downtime.begin(world, name)
        proofs = await together(self._wipe(world, name) for name in targets)
        return tuple(proof for of_one in proofs for proof in of_one)

    async def evidence(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Return nothing more: what is lost stays lost."""
        return ()

    async def heal(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Start the system on the blank disks, unless another fault still keeps it down."""
        return await together(self._restart(world, name) for name in targets)

    async def _restart(self, world: World, name: str) -> Proof:
        if name in self._begun:  # cut short: the machine may be without any disk
            await self._replace(world, name)
        return await self._downtime.end(world, name)

    async def _replace(self, world: World, name: str) -> None:
        target = _machine(world, name)
        self._begun.add(name)
        await target.wipe()
        self._begun.discard(name)
        self._downtime.down(name)

    async def _wipe(self, world: World, name: str) -> tuple[Proof, ...]:
        target = _machine(world, name)
        before, ran = await target.disk_identity(), set(await world.machine(name).alive())
        await self._replace(world, name)
        after = await target.disk_identity()
        left = ran & set(await world.machine(name).alive())
        return (
            Proof(what=f"{name}: disk {before} is now {after}", shown=before != after),
            Proof(what=f"{name}: {len(ran)} processes ran, {len(left)} are left", shown=not left),
        )


def _machine(world: World, name: str) -> machine.DiskLoss:
    target = world.machine(name)
    if not isinstance(target, machine.DiskLoss):
        raise HarnessError(f"{name} can't lose its disk")
    return target
