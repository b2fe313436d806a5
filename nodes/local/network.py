"""The cluster's network as data: addresses, and the `ip -batch` lines that lay it out.

All machines hang on one bridge in the harness's network namespace, where the clients are. A machine's port
of the bridge is outside the machine, so what happens there (a cut, a lost power supply) needs nothing from
the machine and survives its reboot. Its hardware address does, too: links are cut by hardware address.

Neighbours are written down instead of asked for. With ARP, a cut link would soon fail at resolving an address,
and what a partition drops would be broadcasts that name no receiver: no evidence for that link. And after
the heal, the kernel would wait before it asked again.
"""

from collections.abc import Collection, Iterable
from pathlib import Path

from msgspec import Struct

from harness.machine import CLIENTS

BRIDGE = "br0"
INTERFACE = "eth0"
"""A machine's interface, as it is called on the machine."""

_CLIENTS_INDEX = 254
MOST_MACHINES = _CLIENTS_INDEX - 1


class Place(Struct, frozen=True, kw_only=True):
    """A machine, or the clients, as a corner of the network; `port` is its interface on the bridge's side."""

    name: str
    port: str
    mac: str
    ipv4: str
    ipv6: str

    def address(self, ip: int) -> str:
        """Return the address of version 4 or 6."""
        return self.ipv4 if ip == 4 else self.ipv6


def places(names: Iterable[str]) -> dict[str, Place]:
    """Return the places of a cluster by name: its machines, in order, and the clients."""
    indexed = {name: index for index, name in enumerate(names, start=1)}
    return {name: _place(name, index) for name, index in {**indexed, CLIENTS: _CLIENTS_INDEX}.items()}


def bridge_batch(everyone: Collection[Place], *, versions: Collection[int]) -> str:
    """Return the commands that make the bridge, with the clients' addresses of these IP versions."""
    clients = next(place for place in everyone if place.name == CLIENTS)
    return "\n".join(
        [
            f"link add {BRIDGE} address {clients.mac} type bridge mcast_snooping 0",
            f"link set {BRIDGE} addrgenmode none",
            *_addresses(BRIDGE, clients, everyone, versions),
        ]
    )


def cable_batch(place: Place, pid: int) -> str:
    """Return the commands that lead a cable from the bridge into the network namespace of process `pid`."""
    return "\n".join(
        [
            f"link add {place.port} type veth peer name {INTERFACE} address {place.mac} netns {pid}",
            f"link set {place.port} addrgenmode none",
            f"link set {place.port} master {BRIDGE} up",
        ]
    )


def machine_batch(place: Place, everyone: Collection[Place], *, versions: Collection[int]) -> str:
    """Return the commands, to be given on the machine, that set its addresses of these IP versions."""
    return "\n".join(
        [
            "link set lo up",
            f"link set {INTERFACE} addrgenmode none",
            *_addresses(INTERFACE, place, everyone, versions),
        ]
    )


def _addresses(
    interface: str, place: Place, everyone: Collection[Place], versions: Collection[int]
) -> list[str]:
    own = {4: f"{place.ipv4}/24", 6: f"{place.ipv6}/64 nodad"}
    return [
        *(f"address add {own[version]} dev {interface}" for version in versions),
        f"link set {interface} up",
        *(
            f"neighbour replace {other.address(version)} lladdr {other.mac} dev {interface} nud permanent"
            for other in everyone
            if other is not place
            for version in versions
        ),
    ]


def ip_versions() -> tuple[int, ...]:
    """Return the versions of IP that this kernel speaks."""
    return (4, 6) if Path("/proc/sys/net/ipv6").exists() else (4,)


def _place(name: str, index: int) -> Place:
    return Place(
        name=name,
        port=BRIDGE if name == CLIENTS else f"port{index}",
        mac=f"02:ac:ed:00:00:{index:02x}",
        ipv4=f"10.77.0.{index}",
        ipv6=f"fd77::{index:x}",
    )
