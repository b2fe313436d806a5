"""Clogs: links that keep all packets and let them go in one burst, so that what was late is all there at once.

They come between the targets and all other nodes, in both directions, and with the option `clients` also between
the targets and the clients.

Several nodes can be clogged one after the other and let go in another order ("swizzled", as the testers of
FoundationDB call it): the cluster falls to pieces and comes together again step by step, each
time with other messages from the past.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from faults import probes
from faults.weather import links_of
from harness import machine
from harness.draws import Draws, derive
from harness.episode import Proof
from harness.errors import HarnessError
from harness.fault import World
from harness.machine import Link
from harness.options import Options
from harness.words import plural

_HEALED_S = 5.0
_BELOW_MS = 2000.0


class Clog:
    """Keeps all packets of the targets, and lets them go at the heal.

    Options: `clients`; `swizzle_ms`, how long to wait before the next target, both when they are clogged and when
    they are let go (without it: all at once), and `seed`, which draws the two orders.
    """

    needs: tuple[type, ...] = (machine.Clog,)

    def __init__(self, options: Mapping[str, Any]) -> None:
        read = Options(options, ("clients", "swizzle_ms", "seed"))
        self._clients = read.flag("clients", False)
        self._pause_s = 0.0
        if "swizzle_ms" in options:
            self._pause_s = read.number("swizzle_ms", 0, above=0, below=_BELOW_MS) / 1000
        self._seed = read.whole("seed", 0)
        self._links: tuple[Link, ...] = ()
        self._before: dict[Link, int] = {}

    def target(self) -> str | None:
        """Aim at the primary."""
        return "primary"

    async def inject(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Clog the links; proved by probes that get no answer."""
        self._links = links_of(world, targets, clients=self._clients)
        if not self._links:
            return (Proof(what="there is no link to clog", shown=False),)
        clog = _clog(world)
        for place, nodes in enumerate(self._falling(targets)):
            if place:
                await asyncio.sleep(self._pause_s)
            await clog.clog(self._key(nodes), links_of(world, nodes, clients=self._clients))
            # A link counts from when it was first clogged: by this target or that at its other end.
            self._before = {**await clog.held(), **self._before}
        answers = await probes.probe(world, probes.sample(probes.pairs(self._links)))
        return (probes.proof("clogged", {pair: not answered for pair, answered in answers.items()}),)

    async def evidence(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Return how many packets of the system and its clients were kept."""
        now = await _clog(world).held()
        kept = sum(now.get(link, 0) - self._before.get(link, 0) for link in self._links)
        return (Proof(what=f"{plural(kept, 'packet')} kept", shown=kept > 0),) if self._links else ()

    async def heal(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Let everything go; proved by probes that get through, where no other fault is in the way."""
        if not self._links:
            return (Proof(what="no link had been clogged", shown=True),)
        for place, nodes in enumerate(self._rising(targets)):
            if place:
                await asyncio.sleep(self._pause_s)
            await _clog(world).unclog(self._key(nodes))
        heard = await probes.probe_open(world, probes.pairs(self._links), within_s=_HEALED_S)
        if heard:
            return (probes.proof("open again", heard),)
        return (Proof(what="withdrawn; other faults keep these places apart", shown=True),)

    def _falling(self, targets: tuple[str, ...]) -> list[tuple[str, ...]]:
        """Return who is clogged together, and in which order."""
        if not self._pause_s:
            return [targets]
        return [(node,) for node in Draws(derive(self._seed, "clog")).shuffled(targets)]

    def _rising(self, targets: tuple[str, ...]) -> list[tuple[str, ...]]:
        """Return who is let go together, in an order that is another one wherever there are several."""
        falling = self._falling(targets)
        rising = Draws(derive(self._seed, "unclog")).shuffled(falling)
        return rising if rising != falling else rising[::-1]

    def _key(self, nodes: tuple[str, ...]) -> str:
        return f"clog {id(self)} {' '.join(nodes)}"


def _clog(world: World) -> machine.Clog:
    cluster = world.cluster
    if not isinstance(cluster, machine.Clog):
        raise HarnessError(f"a clog was asked of {cluster.kind} machines, whose links have none")
    return cluster
