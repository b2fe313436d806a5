"""Acked's own nftables table on a machine: what is cut, what is counted, and what may never be cut.

The table is the only thing that is changed in the host's network; deleting it undoes everything. Its first rules
let pass every connection through which the harness reaches this machine: no cut and no power cut touches
these. Links are cut where packets arrive, and on the way to the clients, where they leave. Probes are
dropped like everything else, but by rules of their own: they are no evidence.
"""

import asyncio
import ipaddress
import json
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from nodes.linux.programs import feed

TABLE = "acked"
_NFT = ("nft", "-f", "-")
_FAMILIES = {4: ("ipv4_addr", "ip"), 6: ("ipv6_addr", "ip6")}

_LEAVING = frozenset({0x04, 0x09, 0x0B})
"""TCP's FIN_WAIT1, LAST_ACK and CLOSING: closed by their process, while the kernel still tries to send."""
_GHOST_TIMEOUT = "15m"
"""Longer than the kernel goes on trying to send what a dead process left behind."""


class Door(NamedTuple):
    """A way in for the harness: from which address, to which port of this machine's sshd."""

    address: str
    port: int


class Cuts(NamedTuple):
    """What is dropped: packets that come from some addresses, and those that leave for some."""

    incoming: frozenset[str] = frozenset()
    outgoing: frozenset[str] = frozenset()


class Firewall:
    """The table of one machine. Used on one event loop."""

    def __init__(self, *, probe_port: int, everyone: Collection[str]) -> None:
        self._probe_port = probe_port
        self._everyone = everyone
        self._doors: set[Door] = set()
        self._cuts = Cuts()
        self._changing = asyncio.Lock()
        self._up = False

    async def up(self) -> None:
        """Make the table; nothing is cut yet."""
        await down()
        await feed(rules(self._probe_port, self._everyone), *_NFT)
        self._up = True
        for door in self._doors:
            await self._change([_door(door)])

    async def admit(self, door: Door) -> None:
        """Never drop what belongs to a connection from there. Call before the connection is needed."""
        if door not in self._doors:
            self._doors.add(door)
            if self._up:
                await self._change([_door(door)])

    async def include(self, address: str) -> None:
        """Count one more address among those of the cluster."""
        await self._change(_elements("add", "everyone", [address]))

    async def cut(self, wanted: Cuts) -> None:
        """Drop just that from now on, in one atomic change; an address that stays cut keeps its count."""
        async with self._changing:
            now = self._cuts
            script = [
                *_cut_elements("add", "from", wanted.incoming - now.incoming),
                *_cut_elements("delete", "from", now.incoming - wanted.incoming),
                *_cut_elements("add", "to", wanted.outgoing - now.outgoing),
                *_cut_elements("delete", "to", now.outgoing - wanted.outgoing),
            ]
            if script:
                await feed("\n".join(script), *_NFT)
            self._cuts = wanted

    async def dropped(self) -> tuple[Mapping[str, int], Mapping[str, int]]:
        """Return how many packets, probes left out, were dropped from each address and to each."""
        listing = json.loads(await feed("", "nft", "-j", "list", "table", "inet", TABLE))
        counts: dict[str, dict[str, int]] = {"from": {}, "to": {}}
        for entry in (entry["set"] for entry in listing["nftables"] if "set" in entry):
            direction = entry["name"][:-1]
            if direction in counts:
                for element in entry.get("elem", []):
                    inner = element["elem"]
                    counts[direction][inner["val"]] = inner["counter"]["packets"]
        return counts["from"], counts["to"]

    async def silence(self, *, on: bool) -> None:
        """Let nobody of the cluster hear this machine, or be heard by it; or let them again."""
        script = ["flush chain inet acked silent_in", "flush chain inet acked silent_out"]
        if on:
            for version, (_, protocol) in _FAMILIES.items():
                script.append(f"add rule inet acked silent_in {protocol} saddr @everyone{version} drop")
                script.append(f"add rule inet acked silent_out {protocol} daddr @everyone{version} drop")
        await self._change(script)

    async def bury(self) -> None:
        """Let nobody ever hear of connections that ended with the power, and that the kernel still serves."""
        await self._change(ghosts(_tcp_tables()))

    async def _change(self, script: Iterable[str]) -> None:
        async with self._changing:
            if text := "\n".join(script):
                await feed(text, *_NFT)


async def down() -> None:
    """Remove the table, whether there is one or not."""
    # Declared first, because deleting a table that does not exist is an error.
    await feed(f"table inet {TABLE}\ndelete table inet {TABLE}\n", *_NFT)


def rules(probe_port: int, everyone: Collection[str]) -> str:
    """Return the table as text for nft."""
    lines = [f"table inet {TABLE} {{"]
    for version, (kind, _) in _FAMILIES.items():
        lines += [
            f"set doors{version} {{ type {kind} . inet_service; }}",
            f"set from{version} {{ type {kind}; counter; }}",
            f"set to{version} {{ type {kind}; counter; }}",
            f"set probes_from{version} {{ type {kind}; }}",
            f"set probes_to{version} {{ type {kind}; }}",
            f"set ghosts{version} {{ type {kind} . inet_service . {kind} . inet_service; flags timeout; }}",
            f"set everyone{version} {{ type {kind}; {_listing(everyone, version)} }}",
        ]
    lines += ["chain silent_in { }", "chain silent_out { }", *_chain("input", probe_port)]
    return "\n".join([*lines, *_chain("output", probe_port), "}"]) + "\n"


def ghosts(tables: Iterable[tuple[int, str]]) -> list[str]:
    """Return the commands that silence what no process owns any more, from the text of /proc/net/tcp and tcp6."""
    script = []
    for version, text in tables:
        for line in text.splitlines()[1:]:
            fields = line.split()
            if int(fields[3], 16) in _LEAVING:
                ends = " . ".join(f"{address} . {port}" for address, port in map(_end, fields[1:3]))
                real = 4 if "." in ends.split(" . ")[0] else version
                script.append(f"add element inet {TABLE} ghosts{real} {{ {ends} timeout {_GHOST_TIMEOUT} }}")
    return script


def _chain(hook: str, probe_port: int) -> Iterator[str]:
    arriving = hook == "input"
    far, near, cut = ("saddr", "dport", "from") if arriving else ("daddr", "sport", "to")
    silent = "silent_in" if arriving else "silent_out"
    yield f"chain {hook} {{"
    yield f"type filter hook {hook} priority -10; policy accept;"
    for version, (_, protocol) in _FAMILIES.items():
        yield f"{protocol} {far} . tcp {near} @doors{version} accept"
    yield f"jump {silent}"
    for version, (_, protocol) in _FAMILIES.items():
        if not arriving:
            ends = f"{protocol} saddr . tcp sport . {protocol} daddr . tcp dport"
            yield f"{ends} @ghosts{version} tcp flags & rst != rst drop"
        for port in ("dport", "sport"):
            yield f"tcp {port} {probe_port} {protocol} {far} @probes_{cut}{version} drop"
    for version, (_, protocol) in _FAMILIES.items():
        yield f"{protocol} {far} @{cut}{version} drop"
    for version, (_, protocol) in _FAMILIES.items():
        if arriving:
            # Who asks is told what a machine would say that had been off: it knows of no such connection.
            ends = f"{protocol} daddr . tcp dport . {protocol} saddr . tcp sport"
            yield f"{ends} @ghosts{version} reject with tcp reset"
    yield "}"


def _door(door: Door) -> str:
    address = ipaddress.ip_address(door.address.partition("%")[0])
    return f"add element inet {TABLE} doors{address.version} {{ {address} . {door.port} }}"


def _elements(verb: str, name: str, addresses: Iterable[str]) -> Iterator[str]:
    for address in sorted(addresses):
        version = ipaddress.ip_address(address).version
        yield f"{verb} element inet {TABLE} {name}{version} {{ {address} }}"


def _cut_elements(verb: str, direction: str, addresses: Collection[str]) -> Iterator[str]:
    """Yield the changes for what is cut; a set that counts counts each match, so probes have sets of their own."""
    yield from _elements(verb, direction, addresses)
    yield from _elements(verb, f"probes_{direction}", addresses)


def _listing(addresses: Iterable[str], version: int) -> str:
    own = sorted(address for address in addresses if ipaddress.ip_address(address).version == version)
    return f"elements = {{ {', '.join(own)} }};" if own else ""


def _tcp_tables() -> Iterator[tuple[int, str]]:
    for version, name in ((4, "tcp"), (6, "tcp6")):
        path = Path("/proc/net") / name
        if path.exists():
            yield version, path.read_text()


def _end(text: str) -> tuple[str, int]:
    """Read one end of a connection as /proc/net writes it: words of 32 bits in the host's byte order."""
    words, _, port = text.partition(":")
    raw = b"".join(int(words[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(words), 8))
    address = ipaddress.ip_address(raw)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address), int(port, 16)
