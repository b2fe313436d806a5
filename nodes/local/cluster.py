"""All machines of kind local, and the bridge that joins them."""

import shutil
import socket
from collections.abc import Collection, Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

from harness.draws import Draws, derive
from harness.errors import HarnessError, MissingError, UsageError
from harness.machine import (
    CLIENTS,
    BadWeather,
    Clocks,
    Clog,
    ClusterConfig,
    DetachableDisk,
    FaultyDisk,
    Link,
    OnLine,
    OwnKernel,
    Reset,
    WriteCache,
)
from harness.tasks import together
from nodes.linux.disk import DirectoryDisk, Ext4Disk, why_no_ext4
from nodes.linux.programs import NEEDED, feed, find
from nodes.local import enter, network, probe
from nodes.local.machine import LocalMachine, PowerMachine
from nodes.local.network import Place
from nodes.local.switch import BridgeSwitch

ELSEWHERE: Mapping[str, str] = {
    ability.__name__: f"{why}: use machines: {kind}"
    for kind, ability, why in (
        ("sim", BadWeather, "the network of machines in namespaces is always fair"),
        ("sim", Clog, "the network of machines in namespaces keeps no packets"),
        ("sim", Reset, "the network of machines in namespaces breaks no connections"),
        ("sim", FaultyDisk, "the disks of machines in namespaces are as good as the host's"),
        ("sim", Clocks, "machines in namespaces have the host's clocks"),
        ("vagrant", DetachableDisk, "the disks of machines in namespaces can't be pulled out"),
        ("vagrant", WriteCache, "the disks of machines in namespaces have no write cache"),
        ("vagrant", OwnKernel, "machines in namespaces have the host's kernel"),
    )
}
"""The abilities that only other machines have, and why these lack them."""

_PRIVATE = [Path("/", folder) for folder in ("run", "dev/shm", "proc")]
"""Where each machine has something of its own, so that a run's folder would be out of its sight."""


class LocalCluster:
    """Machines made of namespaces, on one bridge with the clients (`harness.machine.Cluster` and `Switch`).

    Call `LocalCluster.enter()` first. With root, machines have an ext4 file system each and can lose their
    power; otherwise their disks are plain folders, and `missing` says so. One cluster at a time is up.
    """

    enter = staticmethod(enter.enter)

    def __init__(self, config: ClusterConfig) -> None:
        if not enter.entered():
            raise HarnessError("LocalCluster.enter() must be called before a cluster is made")
        if len(config.names) > network.MOST_MACHINES or CLIENTS in config.names:
            raise UsageError(f"up to {network.MOST_MACHINES} machines, none of them called {CLIENTS!r}")
        self.refuse_folder(config.folder)
        folder = config.folder.resolve()
        self._config = config
        self._data = folder / "machines"
        self._places = network.places(config.names)
        self._switch = BridgeSwitch(self._places)
        self._undo = AsyncExitStack()
        why = why_no_ext4(self._data)
        self._missing = ELSEWHERE if why is None else {**ELSEWHERE, "PowerCut": why, "RottingDisk": why}
        make = self._plain_machine if why is not None else self._power_machine
        self._machines: dict[str, LocalMachine] = {
            name: make(
                self._places[name],
                self._places.values(),
                ip=config.ip,
                logs=folder / "logs" / name,
                on_line=self._receiver(name),
                on_death=config.on_death,
            )
            for name in config.names
        }

    @staticmethod
    def refuse_folder(folder: Path) -> None:
        """Raise UsageError for a folder that machines would have something of their own in the place of."""
        if any(folder.resolve().is_relative_to(private) for private in _PRIVATE):
            raise UsageError(f"{folder} can't be seen on the machines: choose a folder for results elsewhere")

    @property
    def kind(self) -> str:
        """The name of this kind of machines."""
        return "local"

    @property
    def machines(self) -> Mapping[str, LocalMachine]:
        """The machines by name, in order."""
        return self._machines

    @property
    def missing(self) -> Mapping[str, str]:
        """Why the machines can't do what only others can, or lose their power, where they can't."""
        return self._missing

    async def up(self) -> None:
        """Start all machines, at the same time; five take about 0.2 s, twice that on a busy host.

        Raises MissingError for a program or feature that the host lacks, NodeError for a machine that does
        not start. After an error `down` removes what there is.
        """
        for program in NEEDED:
            find(program)
        versions = network.ip_versions()
        if self._config.ip not in versions:
            raise MissingError("this kernel has IPv6 switched off (ipv6.disable): use ip: 4, or allow it")
        self._undo.callback(shutil.rmtree, self._data, ignore_errors=True)
        self._undo.push_async_callback(_remove_bridge)
        await feed(network.bridge_batch(self._places.values(), versions=versions), "ip", "-batch", "-")
        self._undo.push_async_callback(self._switch.down)
        await self._switch.up()
        self._undo.push_async_callback(self._shut_down)
        await together(machine.install() for machine in self._machines.values())

    async def down(self) -> None:
        """Switch off all machines and remove their disks, the bridge and the firewall's table."""
        await self._undo.aclose()

    async def reach(self, source: str, target: str, *, timeout_s: float = 0.5) -> bool:
        """Tell whether a TCP segment sent at `source` reaches `target` and its answer comes back.

        A place without power reaches nobody.
        """
        netns = None
        if source != CLIENTS and (netns := self._machines[source].network_namespace) is None:
            return False
        address = self._places[target].address(self._config.ip)
        return await probe.answers(address, netns=netns, timeout_s=timeout_s)

    async def cut(self, key: str, links: Collection[Link]) -> None:
        """Drop all packets on `links` from now on, under the name `key`; cuts add up."""
        await self._switch.cut(key, links)

    async def mend(self, key: str) -> None:
        """Let packets pass again on what `key` cut, unless another key cuts it, too."""
        await self._switch.mend(key)

    async def dropped(self) -> Mapping[Link, int]:
        """Return how many packets to one receiver were dropped on each link since it was cut."""
        return await self._switch.dropped()

    def _plain_machine(self, place: Place, everyone: Collection[Place], **rest: Any) -> LocalMachine:
        return LocalMachine(place, everyone, disk=DirectoryDisk(self._data / place.name), **rest)

    def _power_machine(self, place: Place, everyone: Collection[Place], **rest: Any) -> LocalMachine:
        return PowerMachine(
            place,
            everyone,
            disk=Ext4Disk(self._data / place.name, Draws(derive(self._config.seed, "power", place.name))),
            draws=Draws(derive(self._config.seed, "disk", place.name)),
            **rest,
        )

    async def _shut_down(self) -> None:
        await together(machine.shut_down() for machine in self._machines.values())

    def _receiver(self, name: str) -> OnLine | None:
        return None if self._config.on_line is None else partial(self._config.on_line, name)


async def _remove_bridge() -> None:
    if any(name == network.BRIDGE for _, name in socket.if_nameindex()):
        await feed(f"link delete {network.BRIDGE}", "ip", "-batch", "-")
