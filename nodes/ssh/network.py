"""The network between hosts: where everybody is, who reaches whom, and cuts that every machine carries out itself.

A link is cut where its packets arrive; one to the clients, where they leave. So each machine drops packets in a
table of its own (`nodes.agent.firewall`), and counts them there.
"""

import asyncio
import socket
from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import NamedTuple

from harness.errors import NodeError
from harness.machine import CLIENTS, Link
from harness.tasks import together, uninterrupted
from nodes.cuts import Cuts
from nodes.linux.probe import connects, family_of
from nodes.ssh import link as ways

_GREETING_S = 5.0


class Atlas(NamedTuple):
    """Where everybody is: all addresses of each machine, and that of the clients as each machine sees them."""

    machines: Mapping[str, frozenset[str]]
    clients: Mapping[str, str]


class SpreadSwitch:
    """Cuts links (`harness.machine.Switch`) by the machines' own rules. Used on one event loop."""

    def __init__(self, links: Mapping[str, ways.Link]) -> None:
        self._ways = links
        self._atlas = Atlas({}, {})
        self._cuts = Cuts([*links, CLIENTS])
        self._in_force: dict[str, tuple[frozenset[str], frozenset[str]]] = {}
        self._changing = asyncio.Lock()
        self._absent: set[str] = set()

    def use(self, atlas: Atlas) -> None:
        """Take note of where everybody is; before that nothing can be cut."""
        self._atlas = atlas

    async def leave(self, name: str) -> None:
        """Ask nothing of a machine from now on: its host has no power, and drops nothing."""
        async with self._changing:
            self._absent.add(name)
            self._in_force.pop(name, None)

    async def come_back(self, name: str) -> None:
        """Have a machine whose host has power again drop what it should."""
        self._absent.discard(name)
        await uninterrupted(self._apply())

    async def cut(self, key: str, links: Collection[Link]) -> None:
        """Drop all packets on `links` from now on, under the name `key`; cuts add up.

        Each machine changes at one instant, and all at about the same time. Raises HarnessError for a link
        between places that do not exist, and NodeError when a machine can't be told.
        """
        self._cuts.add(key, links)
        await uninterrupted(self._apply())

    async def mend(self, key: str) -> None:
        """Let packets pass again on what `key` cut, unless another key cuts it, too. Safe to call twice."""
        self._cuts.remove(key)
        await uninterrupted(self._apply())

    async def dropped(self) -> Mapping[Link, int]:
        """Return how many packets, probes left out, were dropped on each link since it was cut."""
        links = self._cuts.links
        where = sorted({_keeper(link) for link in links} - self._absent)
        answers = await together(self._ways[name].ask("dropped") for name in where)
        counts = {name: answered.value for name, answered in zip(where, answers, strict=True)}
        return {link: self._count(link, counts.get(_keeper(link), ({}, {}))) for link in sorted(links)}

    def _count(self, link: Link, counts: tuple[Mapping[str, int], Mapping[str, int]]) -> int:
        incoming, outgoing = counts
        source, target = link
        if target == CLIENTS:
            return outgoing.get(self._atlas.clients[source], 0)
        return sum(incoming.get(address, 0) for address in self._from(source, seen_by=target))

    def _from(self, source: str, *, seen_by: str) -> frozenset[str]:
        if source == CLIENTS:
            return frozenset({self._atlas.clients[seen_by]})
        return self._atlas.machines[source]

    async def _apply(self) -> None:
        async with self._changing:
            incoming, outgoing = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
            for source, target in self._cuts.links:
                if target == CLIENTS:
                    outgoing[source].add(self._atlas.clients[source])
                else:
                    incoming[target] |= self._from(source, seen_by=target)
            wanted = {name: (frozenset(incoming[name]), frozenset(outgoing[name])) for name in self._ways}
            nothing = (frozenset[str](), frozenset[str]())
            changed = [
                name
                for name in wanted
                if name not in self._absent and wanted[name] != self._in_force.get(name, nothing)
            ]
            await together(self._tell(name, *wanted[name]) for name in changed)

    async def _tell(self, name: str, incoming: frozenset[str], outgoing: frozenset[str]) -> None:
        await self._ways[name].ask("cut", incoming=sorted(incoming), outgoing=sorted(outgoing))
        self._in_force[name] = incoming, outgoing


async def probe(address: str, port: int, *, timeout_s: float) -> bool:
    """Tell whether a machine's address answers from here, where the clients are."""
    with socket.socket(family_of(address)) as one:
        return await connects(one, address, port, timeout_s=timeout_s)


async def seen_as(name: str, address: str, port: int) -> str:
    """Return the address under which a machine sees the clients; raises NodeError when it can't be reached."""
    try:
        async with asyncio.timeout(_GREETING_S):
            reader, writer = await asyncio.open_connection(address, port)
            try:
                text = (await reader.readline()).decode().strip().partition("%")[0]
            finally:
                writer.close()
    except (OSError, UnicodeDecodeError) as error:
        complaint = getattr(error, "strerror", None) or "no answer"
        raise NodeError(
            f"{name} can't be reached from here at {address}, port {port}: {complaint}; the clients are here, so "
            "let them through, or name another `address` of the host"
        ) from error
    return text.removeprefix("::ffff:")


def _keeper(link: Link) -> str:
    """Return the machine that drops, and counts, what is on a link."""
    source, target = link
    return source if target == CLIENTS else target
