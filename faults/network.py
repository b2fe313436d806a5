"""Partitions: links are cut outside the machines, proved by probes, and by the packets that were dropped."""

import asyncio
import itertools
from collections.abc import Mapping
from typing import Any

from faults import probes, topology
from faults.topology import Direction, Shape
from harness.episode import Proof
from harness.errors import HarnessError
from harness.fault import World
from harness.machine import CLIENTS, Link, Switch
from harness.options import Options
from harness.system import SettingError
from harness.words import plural

_OPEN_S = 2.0
_HEALED_S = 5.0


class Partition:
    """Cuts the links that a shape of the network leaves out (`faults.topology.Shape`).

    Options: `shape`, `seed` for what the shape leaves open, and with the shape `one-way` a `direction`:
    `mute` (the target is not heard) or `deaf` (it does not hear).
    """

    needs: tuple[type, ...] = (Switch,)

    def __init__(self, options: Mapping[str, Any]) -> None:
        read = Options(options, ("shape", "seed", "direction"))
        self._shape = Shape(read.choice("shape", Shape.HALVES, list(Shape)))
        self._direction = Direction(read.choice("direction", Direction.MUTE, list(Direction)))
        self._seed = read.whole("seed", 0)
        if "direction" in options and self._shape is not Shape.ONE_WAY:
            raise SettingError("direction", f"direction is for the shape one-way, not for {self._shape}")
        self._links: frozenset[Link] = frozenset()
        self._before: Mapping[Link, int] = {}

    def target(self) -> str | None:
        """Return the role that the shape aims at."""
        return topology.AIMS[self._shape]

    async def inject(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Cut the links; proved by probes that fail where it is cut, and succeed where it is not."""
        nodes = tuple(world.cluster.machines)
        self._links = topology.cut_links(
            self._shape, nodes, targets, direction=self._direction, seed=self._seed
        )
        if not self._links:
            return (Proof(what=f"{self._shape} of {', '.join(nodes)} cuts no link", shown=False),)
        switch = _switch(world)
        await switch.cut(self._key, self._links)
        # Where another fault cuts the same link, its counter has been running.
        self._before = await switch.dropped()
        closed = probes.pairs(self._links)
        others = probes.pairs(itertools.permutations((*nodes, CLIENTS), 2)) - closed
        silent, heard = await asyncio.gather(
            probes.probe(world, probes.sample(closed, seed=self._seed)),
            probes.probe_open(world, others, within_s=_OPEN_S, seed=self._seed),
        )
        return (
            probes.proof("cut", {pair: not answered for pair, answered in silent.items()}),
            *([probes.proof("open", heard)] if heard else []),
        )

    async def evidence(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Return how many packets of the system and of its clients were dropped, link by link."""
        now = await _switch(world).dropped()
        counts = {link: now.get(link, 0) - self._before.get(link, 0) for link in sorted(self._links)}
        total = sum(counts.values())
        listing = ", ".join(f"{source} -> {target} {count}" for (source, target), count in counts.items())
        return (
            (Proof(what=f"{plural(total, 'packet')} dropped: {listing}", shown=total > 0),) if counts else ()
        )

    async def heal(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Mend the links; proved by probes that get through, where no other fault is in the way."""
        if not self._links:
            return (Proof(what="no link had been cut", shown=True),)
        await _switch(world).mend(self._key)
        heard = await probes.probe_open(world, probes.pairs(self._links), within_s=_HEALED_S, seed=self._seed)
        if heard:
            return (probes.proof("open again", heard),)
        return (Proof(what="withdrawn; other faults keep these places apart", shown=True),)

    @property
    def _key(self) -> str:
        return f"partition {id(self)}"


def _switch(world: World) -> Switch:
    cluster = world.cluster
    if not isinstance(cluster, Switch):
        raise HarnessError(f"a partition was asked of {cluster.kind} machines, which have no switch")
    return cluster
