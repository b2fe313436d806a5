"""Disks with a volatile write cache: with the power goes all that was not flushed, not only what was in memory."""

from collections.abc import Mapping
from typing import Any

from faults.downtime import Downtime
from faults.faulty_disk import revive_or_replace
from harness import machine
from harness.episode import Proof
from harness.errors import HarnessError
from harness.fault import World
from harness.options import Options
from harness.tasks import together
from harness.words import plural


class CacheLoss:
    """Lets the disks of the targets have a write cache; at the heal they lose their power, and it. No options.

    All that the disk was given after its last flush is gone then, in whatever order it was given. A system that
    flushes what it acknowledges loses nothing that it owes.
    """

    needs: tuple[type, ...] = (machine.WriteCache,)

    def __init__(self, options: Mapping[str, Any], *, lost_flushes: int = 0) -> None:
        if not lost_flushes:
            Options(options)
        self._lost_flushes = lost_flushes
        self._downtime = Downtime()
        self._cached: set[str] = set()

    def target(self) -> str | None:
        """Aim at the primary."""
        return "primary"

    async def inject(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Put the caches before the disks."""
        await together(self._begin(world, name) for name in targets)
        return ()

    async def evidence(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Return how much the caches have taken."""
        return await together(self._taken(world, name) for name in targets)

    async def heal(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Take the power and the caches; proved by what these held. Then start the system again."""
        proofs = await together(self._lose(world, name) for name in targets)
        return tuple(proof for of_one in proofs for proof in of_one)

    async def _begin(self, world: World, name: str) -> None:
        self._cached.add(name)
        await _machine(world, name).begin_caching(lost_flushes=self._lost_flushes)

    async def _taken(self, world: World, name: str) -> Proof:
        taken = await _machine(world, name).cached()
        return Proof(what=f"{name}: the cache has taken {taken} writes and flushes", shown=taken > 0)

    async def _lose(self, world: World, name: str) -> tuple[Proof, ...]:
        if name not in self._cached:
            return (await self._start(world, name),)
        await self._downtime.begin(world, name)
        lost = await _machine(world, name).lose_cache()
        self._downtime.down(name)
        self._cached.discard(name)
        what = (
            f"{name}: {plural(lost.writes, 'write')} up to the last flush (number {lost.flushes}) stayed, and "
            f"{plural(lost.forgotten, 'write')} after it went with the power"
        )
        return Proof(what=what, shown=lost.flushes > 0), await self._start(world, name)

    async def _start(self, world: World, name: str) -> Proof:
        """Start the system, unless another fault keeps it down."""
        return await self._downtime.end(world, name)


class LostFlush(CacheLoss):
    """The same, but the cache lies: the last flushes are lost, too. Options: `flushes`, how many (default 1).

    So the disk is what it was after any flush that is wanted. No contract covers that. A node that refuses to
    start on such a disk is right: it gets a blank one then.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options, lost_flushes=Options(options, ("flushes",)).whole("flushes", 1, least=1))

    async def _start(self, world: World, name: str) -> Proof:
        await super()._start(world, name)
        return await revive_or_replace(world, name)


def _machine(world: World, name: str) -> machine.WriteCache:
    target = world.machine(name)
    if not isinstance(target, machine.WriteCache):
        raise HarnessError(f"the disk of {name} can't have a write cache")
    return target
