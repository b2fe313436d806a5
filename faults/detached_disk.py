"""Disks that are pulled out while the machine runs, and put in again later."""

from collections.abc import Mapping
from typing import Any

from faults.downtime import Downtime
from harness import machine
from harness.episode import Proof
from harness.errors import HarnessError
from harness.fault import World
from harness.options import Options
from harness.tasks import together


class DiskDetached:
    """Pulls out the disks of all targets; at the heal they are put in again, and the machines restart. No options.

    A node that stops when its flushes fail is right. What it has not flushed by then is lost with the restart: no
    file system goes on where its disk was gone.
    """

    needs: tuple[type, ...] = (machine.DetachableDisk,)

    def __init__(self, options: Mapping[str, Any]) -> None:
        Options(options)
        self._downtime = Downtime()
        self._detached: set[str] = set()

    def target(self) -> str | None:
        """Aim at the primary."""
        return "primary"

    async def inject(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Pull them out; proved by a probe of each that fails."""
        return await together(self._detach(world, name) for name in targets)

    async def evidence(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Return how many flushes of the system have failed for that."""
        return await together(self._refusals(world, name) for name in targets)

    async def heal(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Put them in, restart the machines, and start the system, unless another fault keeps it down."""
        return await together(self._attach(world, name) for name in targets)

    async def _detach(self, world: World, name: str) -> Proof:
        self._detached.add(name)
        said = await _machine(world, name).detach_disk()
        return Proof(what=f"{name}: a probe of the disk: {said or 'no error'}", shown=bool(said))

    async def _refusals(self, world: World, name: str) -> Proof:
        failed = await _machine(world, name).disk_refusals()
        return Proof(what=f"{name}: {failed} failed flushes", shown=failed > 0)

    async def _attach(self, world: World, name: str) -> Proof:
        if name in self._detached:
            await self._downtime.begin(world, name)
            await _machine(world, name).attach_disk()
            self._downtime.down(name)
            self._detached.discard(name)
        return await self._downtime.end(world, name)


def _machine(world: World, name: str) -> machine.DetachableDisk:
    target = world.machine(name)
    if not isinstance(target, machine.DetachableDisk):
        raise HarnessError(f"the disk of {name} can't be pulled out")
    return target
