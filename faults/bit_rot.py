"""Disks that rot: bits flip of what was durable."""

from collections.abc import Mapping
from typing import Any

from faults.faulty_disk import revive_or_replace
from harness import machine
from harness.episode import Proof
from harness.errors import HarnessError
from harness.fault import World
from harness.options import Options
from harness.tasks import together
from harness.words import plural


class BitRot:
    """Bits of what is durable flip, at once. Options: `bits`, how many (default 1).

    The heal can't bring them back. A node that refuses to start on such a disk is right: it gets a blank one then.
    """

    needs: tuple[type, ...] = (machine.RottingDisk,)

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._bits = Options(options, ("bits",)).whole("bits", 1, least=1)

    def target(self) -> str | None:
        """Aim at the primary."""
        return "primary"

    async def inject(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Flip them; proved by what files then show."""
        return await together(self._rot(world, name) for name in targets)

    async def evidence(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Return nothing more: what is damaged stays so."""
        return ()

    async def heal(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Start the system where it does not run, on a blank disk if it does not want this one."""
        return await together(revive_or_replace(world, name) for name in targets)

    async def _rot(self, world: World, name: str) -> Proof:
        target = world.machine(name)
        if not isinstance(target, machine.RottingDisk):
            raise HarnessError(f"the disk of {name} can't rot")
        flipped = await target.rot(self._bits)
        return Proof(what=f"{name}: {plural(flipped, 'bit')} of its files flipped", shown=flipped > 0)
