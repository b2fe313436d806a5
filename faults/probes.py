"""What probes of the network see: the evidence of faults that come between places."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence

from harness.draws import Draws
from harness.episode import Proof
from harness.fault import World
from harness.machine import CLIENTS, Clog, Link, PowerCut, Switch
from harness.tasks import together

_MOST_PROBES = 8
"""How many pairs are probed of each kind: enough to be convincing, few enough for one moment."""

Pair = tuple[str, str]


def pairs(links: Iterable[Link]) -> set[Pair]:
    """Return the pairs of places that these links join, each once; the clients come last in theirs."""
    return {(b, a) if (a == CLIENTS, a) > (b == CLIENTS, b) else (a, b) for a, b in links}


def sample(among: Collection[Pair], *, seed: int = 0) -> Sequence[Pair]:
    """Draw some pairs to probe, always the same ones for the same seed."""
    return sorted(Draws(seed).shuffled(sorted(among))[:_MOST_PROBES])


async def probe(world: World, among: Sequence[Pair]) -> dict[Pair, bool]:
    """Tell for each pair whether a probe was answered."""
    answers = await together(world.cluster.reach(*pair) for pair in among)
    return dict(zip(among, answers, strict=True))


async def probe_open(world: World, among: set[Pair], *, within_s: float, seed: int = 0) -> dict[Pair, bool]:
    """Probe pairs that should reach each other, until all do or the time is up.

    Those that other faults keep apart, by a cut, a clog or by taking the power, are left out.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + within_s
    while True:
        off, apart = await _without_power(world), await _apart(world)
        heard = await probe(world, sample({p for p in among - apart if off.isdisjoint(p)}, seed=seed))
        if all(heard.values()) or loop.time() > end:
            return heard


def proof(claim: str, claims: Mapping[Pair, bool]) -> Proof:
    """Return what probes saw: that each of these pairs is as it is claimed to be, or which are not."""
    against = [pair for pair, holds in claims.items() if not holds]
    if against:
        return Proof(what=f"probes say otherwise than {claim}: {_listing(against)}", shown=False)
    return Proof(what=f"{claim}, by probes: {_listing(claims)}", shown=True)


async def _without_power(world: World) -> set[str]:
    return {
        name
        for name, machine in world.cluster.machines.items()
        if isinstance(machine, PowerCut) and not await machine.powered()
    }


async def _apart(world: World) -> set[Pair]:
    cluster = world.cluster
    cut = pairs(await cluster.dropped()) if isinstance(cluster, Switch) else set[Pair]()
    return cut | (pairs(await cluster.held()) if isinstance(cluster, Clog) else set())


def _listing(among: Collection[Pair]) -> str:
    return ", ".join(f"{a} - {b}" for a, b in among)
