"""Partitions: links are cut outside the machines, proved by probes, and by the packets that were dropped."""

import asyncio
import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from faults import topology
from faults.options import Options
from faults.together import together
from faults.topology import Direction, Shape
from harness.draws import Draws
from harness.episode import Proof
from harness.errors import HarnessError
from harness.fault import World
from harness.machine import CLIENTS, Link, PowerCut, Switch
from harness.system import SettingError

_MOST_PROBES = 8
"""How many pairs are probed of each kind: enough to be convincing, few enough for one moment."""
_OPEN_S = 2.0
_HEALED_S = 5.0

Pair = tuple[str, str]


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
        closed = _pairs(self._links)
        others = _pairs(itertools.permutations((*nodes, CLIENTS), 2)) - closed
        silent, heard = await asyncio.gather(
            _probe(world, self._sample(closed)), self._probe_open(world, others, within_s=_OPEN_S)
        )
        # The probes themselves were dropped, too: they are no evidence of traffic.
        self._before = await switch.dropped()
        return (
            _proof("cut", {pair: not answered for pair, answered in silent.items()}),
            *([_proof("open", heard)] if heard else []),
        )

    async def evidence(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Return how many packets of the system and of its clients were dropped, link by link."""
        now = await _switch(world).dropped()
        counts = {link: now.get(link, 0) - self._before.get(link, 0) for link in sorted(self._links)}
        total = sum(counts.values())
        listing = ", ".join(f"{source} -> {target} {count}" for (source, target), count in counts.items())
        return (Proof(what=f"{total} packets dropped: {listing}", shown=total > 0),) if counts else ()

    async def heal(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Mend the links; proved by probes that get through, where no other fault is in the way."""
        if not self._links:
            return (Proof(what="no link had been cut", shown=True),)
        await _switch(world).mend(self._key)
        heard = await self._probe_open(world, _pairs(self._links), within_s=_HEALED_S)
        if heard:
            return (_proof("open again", heard),)
        return (Proof(what="withdrawn; other faults keep these places apart", shown=True),)

    @property
    def _key(self) -> str:
        return f"partition {id(self)}"

    def _sample(self, pairs: Collection[Pair]) -> Sequence[Pair]:
        """Draw some pairs to probe, always the same ones for the same seed."""
        return sorted(Draws(self._seed).shuffled(sorted(pairs))[:_MOST_PROBES])

    async def _probe_open(self, world: World, pairs: set[Pair], *, within_s: float) -> dict[Pair, bool]:
        """Probe pairs that should reach each other, until all do or the time is up.

        Those that other faults keep apart, by a cut or by taking the power, are left out.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + within_s
        while True:
            off = await _without_power(world)
            cut = _pairs(await _switch(world).dropped())
            heard = await _probe(world, self._sample({pair for pair in pairs - cut if off.isdisjoint(pair)}))
            if all(heard.values()) or loop.time() > end:
                return heard


async def _without_power(world: World) -> set[str]:
    return {
        name
        for name, machine in world.cluster.machines.items()
        if isinstance(machine, PowerCut) and not await machine.powered()
    }


def _switch(world: World) -> Switch:
    cluster = world.cluster
    if not isinstance(cluster, Switch):
        raise HarnessError(f"a partition was asked of {cluster.kind} machines, which have no switch")
    return cluster


def _pairs(links: Iterable[Link]) -> set[Pair]:
    """Return the pairs of places that these links join, each once; the clients come last in theirs."""
    return {(b, a) if (a == CLIENTS, a) > (b == CLIENTS, b) else (a, b) for a, b in links}


async def _probe(world: World, pairs: Sequence[Pair]) -> dict[Pair, bool]:
    answers = await together(world.cluster.reach(*pair) for pair in pairs)
    return dict(zip(pairs, answers, strict=True))


def _proof(claim: str, claims: Mapping[Pair, bool]) -> Proof:
    """Return what probes saw: that each of these pairs is as it is claimed to be, or which are not."""
    against = [pair for pair, holds in claims.items() if not holds]
    if against:
        return Proof(what=f"probes say otherwise than {claim}: {_listing(against)}", shown=False)
    return Proof(what=f"{claim}, by probes: {_listing(claims)}", shown=True)


def _listing(pairs: Collection[Pair]) -> str:
    return ", ".join(f"{a} - {b}" for a, b in pairs)
