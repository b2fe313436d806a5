"""Cuts links of the bridge by direction, outside the machines, and counts what it dropped.

One nftables table of the harness's own, family bridge, where every frame between two places passes whatever
it carries: IPv4, IPv6 and ARP are cut alike. Frames to one receiver are matched by both hardware addresses;
each link's counter is the evidence that the cut met traffic. The harness's own probes (`nodes.local.probe`)
are dropped like everything else, but by rules of their own: they are no evidence. Broadcasts and multicasts
name no receiver, so they are matched by where they come from and the port they are about to leave by, and not
counted.
"""

import asyncio
import json
from collections.abc import Collection, Iterable, Iterator, Mapping

from harness.machine import CLIENTS, Link
from harness.tasks import uninterrupted
from nodes.cuts import Cuts
from nodes.linux.programs import feed
from nodes.local import probe
from nodes.local.network import Place

_TABLE = f"""\
table bridge acked {{
  set links {{ typeof ether saddr . ether daddr; counter; }}
  set probed {{ typeof ether saddr . ether daddr; }}
  set flooded_to_machines {{ typeof ether saddr . meta oifname; }}
  set flooded_to_clients {{ typeof ether saddr; }}
  chain to_one {{
    tcp dport {probe.PORT} ether saddr . ether daddr @probed drop
    tcp sport {probe.PORT} ether saddr . ether daddr @probed drop
    ether saddr . ether daddr @links drop
  }}
  chain forward {{
    type filter hook forward priority 0;
    jump to_one
    ether saddr . meta oifname @flooded_to_machines drop
  }}
  chain output {{
    type filter hook output priority 0;
    jump to_one
    ether saddr . meta oifname @flooded_to_machines drop
  }}
  chain input {{
    type filter hook input priority 0;
    jump to_one
    ether saddr @flooded_to_clients drop
  }}
}}
"""
_NFT = ("nft", "-f", "-")


class BridgeSwitch:
    """The cuts in force, by key (`harness.machine.Switch`). Used on one event loop."""

    def __init__(self, places: Mapping[str, Place]) -> None:
        self._places = places
        self._by_macs = {
            (source.mac, target.mac): (source.name, target.name)
            for source in places.values()
            for target in places.values()
        }
        self._cuts = Cuts(places)
        self._in_force: frozenset[Link] = frozenset()
        self._changing = asyncio.Lock()

    async def up(self) -> None:
        """Make the table; nothing is cut yet."""
        await feed(_TABLE, *_NFT)

    async def down(self) -> None:
        """Remove the table and forget every cut. Safe to call twice."""
        self._cuts.clear()
        self._in_force = frozenset()
        # Declared first, because deleting a table that does not exist is an error.
        await feed("table bridge acked\ndelete table bridge acked\n", *_NFT)

    async def cut(self, key: str, links: Collection[Link]) -> None:
        """Drop all packets on `links` from now on, under the name `key`; cuts add up.

        One atomic change. Raises HarnessError for a link between places that do not exist.
        """
        self._cuts.add(key, links)
        await uninterrupted(self._apply())

    async def mend(self, key: str) -> None:
        """Let packets pass again on what `key` cut, unless another key cuts it, too. Safe to call twice."""
        self._cuts.remove(key)
        await uninterrupted(self._apply())

    async def dropped(self) -> Mapping[Link, int]:
        """Return how many frames, the harness's probes left out, were dropped on each link since it was cut."""
        listing = json.loads(await feed("", "nft", "-j", "list", "set", "bridge", "acked", "links"))
        (elements,) = (entry["set"].get("elem", []) for entry in listing["nftables"] if "set" in entry)
        counts = {}
        for element in elements:
            source, target = element["elem"]["val"]["concat"]
            counts[self._by_macs[source, target]] = element["elem"]["counter"]["packets"]
        return counts

    async def _apply(self) -> None:
        """Bring the kernel's sets up to date by the difference: a link that stays cut keeps its count."""
        async with self._changing:
            wanted = self._cuts.links
            script = [
                *self._changes("add", wanted - self._in_force),
                *self._changes("delete", self._in_force - wanted),
            ]
            if script:
                await feed("\n".join(script), *_NFT)
            self._in_force = wanted

    def _changes(self, verb: str, links: Iterable[Link]) -> Iterator[str]:
        for name_of_source, name_of_target in sorted(links):
            source, target = self._places[name_of_source], self._places[name_of_target]
            for name in ("links", "probed"):
                yield f"{verb} element bridge acked {name} {{ {source.mac} . {target.mac} }}"
            if target.name == CLIENTS:
                yield f"{verb} element bridge acked flooded_to_clients {{ {source.mac} }}"
            else:
                element = f'{source.mac} . "{target.port}"'
                yield f"{verb} element bridge acked flooded_to_machines {{ {element} }}"
