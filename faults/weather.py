"""What happens in a network short of a cut: bad weather, and connections that break.

Both come between the targets and all other nodes, in both directions, and with the option `clients` also between
the targets and the clients.
"""

import asyncio
import itertools
from collections.abc import Mapping
from typing import Any

from faults import probes
from harness import machine
from harness.episode import Proof
from harness.errors import HarnessError
from harness.fault import World
from harness.machine import CLIENTS, Link, Mischief, Weather
from harness.options import Options

_MS = 1_000_000
_HEALED_S = 5.0
_PROBES = 5
_DEFAULT = Weather(
    delay_ns=20 * _MS, jitter_ns=20 * _MS, loss=0.02, duplicate=0.01, reorder=0.05
)  # a bad day on a line across a continent


def links_of(world: World, targets: tuple[str, ...], *, clients: bool) -> tuple[Link, ...]:
    """Return the links that begin or end at a target, but those of the clients only if wanted."""
    places = (*world.cluster.machines, *((CLIENTS,) if clients else ()))
    return tuple(link for link in itertools.permutations(places, 2) if not set(targets).isdisjoint(link))


class Flaky:
    """Delays, loses, repeats, overtakes and throttles packets (`harness.machine.Weather`).

    Options: `delay_ms`, `jitter_ms`; `loss`, `duplicate` and `reorder`, as shares; `rate_kbps`, in thousands of
    bits a second; `clients`. Without any of these but the last, a little of all but the throttle.
    """

    needs: tuple[type, ...] = (machine.BadWeather,)

    def __init__(self, options: Mapping[str, Any]) -> None:
        read = Options(
            options, ("delay_ms", "jitter_ms", "loss", "duplicate", "reorder", "rate_kbps", "clients")
        )
        self._clients = read.flag("clients", False)
        given = Weather(
            delay_ns=_ns(read, options, "delay_ms"),
            jitter_ns=_ns(read, options, "jitter_ms"),
            loss=read.share("loss", 0.0),
            duplicate=read.share("duplicate", 0.0),
            reorder=read.share("reorder", 0.0),
            bytes_per_s=read.whole("rate_kbps", 0) * 125,
        )
        self._weather = _DEFAULT if options.keys() <= {"clients"} else given
        self._links: tuple[Link, ...] = ()
        self._before: Mapping[Link, Mischief] = {}

    def target(self) -> str | None:
        """Aim at the primary."""
        return "primary"

    async def inject(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Begin; a delay is proved by the time that probes take, all else in the end, by what was counted."""
        self._links = links_of(world, targets, clients=self._clients)
        weather = _weather(world)
        await weather.disturb(self._key, self._links, self._weather)
        self._before = await weather.disturbed()
        return await self._delay(world) if self._weather.delay_ns else ()

    async def evidence(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Return what happened to packets of the system and its clients; the probes themselves do not count."""
        now = await _weather(world).disturbed()
        counts = {
            name: sum(
                getattr(now.get(link, Mischief()), name) - getattr(self._before.get(link, Mischief()), name)
                for link in self._links
            )
            for name in Mischief.__struct_fields__
        }
        told = ", ".join(f"{count} {name}" for name, count in counts.items())
        return (Proof(what=f"packets: {told}", shown=any(counts.values())),)

    async def heal(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """End it; proved by probes that get through, where no other fault is in the way."""
        if not self._links:
            return (Proof(what="no link had been touched", shown=True),)
        await _weather(world).calm(self._key)
        heard = await probes.probe_open(world, probes.pairs(self._links), within_s=_HEALED_S)
        if heard:
            return (probes.proof("open", heard),)
        return (Proof(what="withdrawn; other faults keep these places apart", shown=True),)

    @property
    def _key(self) -> str:
        return f"flaky {id(self)}"

    async def _delay(self, world: World) -> tuple[Proof, ...]:
        """Time probes: each goes there and back, so it takes twice the delay. Nothing if none is answered."""
        loop = asyncio.get_running_loop()
        least_s = 2 * self._weather.delay_ns / 1e9
        timeout_s = least_s + 2 * self._weather.jitter_ns / 1e9 + 1.0
        for pair in probes.sample(probes.pairs(self._links))[:_PROBES]:
            begin = loop.time()
            if await world.cluster.reach(*pair, timeout_s=timeout_s):
                took_s = loop.time() - begin
                what = f"a probe {pair[0]} - {pair[1]} took {took_s * 1e3:.0f} ms"
                return (Proof(what=what, shown=took_s >= least_s),)
        return ()


class Reset:
    """Breaks all connections at one instant, as a firewall that forgets them does. Options: `clients`."""

    needs: tuple[type, ...] = (machine.Reset,)

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._clients = Options(options, ("clients",)).flag("clients", False)

    def target(self) -> str | None:
        """Aim at the primary."""
        return "primary"

    async def inject(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Break them; proved by the list of connections, which has others than before."""
        cluster = world.cluster
        if not isinstance(cluster, machine.Reset):
            raise HarnessError(f"{cluster.kind} machines have no connections that can be broken")
        told, ran, left = [], 0, 0
        for one, other in sorted(probes.pairs(links_of(world, targets, clients=self._clients))):
            before = set(await cluster.connections(one, other))
            await cluster.reset(one, other)
            told.append(f"{one} - {other} {len(before)}")
            ran += len(before)
            left += len(before & set(await cluster.connections(one, other)))
        what = f"connections: {', '.join(told)}; {left} of these are left"
        return (Proof(what=what, shown=ran > 0 and not left),)

    async def evidence(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Return nothing more: what is broken stays so, and new connections are allowed."""
        return ()

    async def heal(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Do nothing: there is nothing to undo."""
        return (Proof(what="nothing is to be undone", shown=True),)


def _ns(read: Options, options: Mapping[str, Any], name: str) -> int:
    """Return a time of up to ten seconds; 0 if it is not given."""
    return round(read.number(name, 0, above=0, below=10_000) * _MS) if name in options else 0


def _weather(world: World) -> machine.BadWeather:
    cluster = world.cluster
    if not isinstance(cluster, machine.BadWeather):
        raise HarnessError(f"bad weather was asked of {cluster.kind} machines, which have none")
    return cluster
