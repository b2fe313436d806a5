"""What a run has on this machine: namespaces, a disk, network rules; made by one call, gone by another."""

import asyncio
import os
import shutil
from collections.abc import Callable, Collection
from pathlib import Path
from typing import NamedTuple

from harness.errors import AckedError, MissingError, NodeError
from nodes.agent import firewall
from nodes.agent.firewall import Firewall
from nodes.agent.hazards import Hazards
from nodes.hazards.mapped_disk import MappedDisk
from nodes.linux import disk as disks
from nodes.linux.boot import Boot
from nodes.linux.disk import SIZE_BYTES, DirectoryDisk, Ext4Disk
from nodes.linux.hardware import Hardware
from nodes.linux.machine import LinuxMachine
from nodes.linux.programs import find, search_path

MACHINE = "machine"
SOFTWARE = "software"
"""Folders below the agent's own: the machine with its disk, and what systems bring along."""

_MOUNTS = ("mount -t proc proc /proc", "mount -t tmpfs -o mode=1777 tmpfs /dev/shm")
_OWN = ("--mount", "--ipc", "--pid")


class Wishes(NamedTuple):
    """What the harness asks for. `everyone` are the addresses of all places of the cluster, `address` its own.

    `device` is the block device that is to be the machine's disk; without one, it is a file. Unless it is to be
    `blank`, what a former agent left on it stays: this host has lost its power in a run.
    """

    name: str
    address: str
    probe_port: int
    everyone: tuple[str, ...]
    device: str = ""
    blank: bool = True


class Tenancy:
    """The machine of one run. `missing` says why it lacks an ability (`harness.machine`), by its name."""

    def __init__(
        self,
        folder: Path,
        wishes: Wishes,
        *,
        doors: Collection[firewall.Door],
        on_loss: Callable[[str], None],
    ) -> None:
        root = os.geteuid() == 0
        self.software = folder / SOFTWARE
        self.missing: dict[str, str] = {}
        self.firewall = Firewall(probe_port=wishes.probe_port, everyone=wishes.everyone) if root else None
        mapped = MappedDisk(folder / MACHINE, wishes.device) if root and wishes.device else None
        why = _why_no_power(folder / "trial") if mapped is None else None
        if why is not None:
            self.missing["PowerCut"] = self.missing["RottingDisk"] = why
        disk = mapped or (Ext4Disk if why is None else DirectoryDisk)(folder / MACHINE)
        environment = {"PATH": search_path(), "HOME": str(disk.directory), "LANG": "C.UTF-8"}
        hardware = Hardware(
            wishes.name,
            disk,
            _Nothing() if self.firewall is None else _Rules(self.firewall),
            environment,
            namespaces=_OWN if root else ("--user", "--map-root-user", *_OWN),
            mounts=_MOUNTS,
            on_loss=on_loss,
        )
        self.machine = LinuxMachine(wishes.name, hardware, disk, environment)
        self.hazards = Hazards(self.machine, disk, folder=folder, address=wishes.address)
        self._doors = tuple(doors)
        self._mapped = mapped is not None
        self._blank = wishes.blank
        self.directory = str(disk.directory)

    async def begin(self) -> None:
        """Make the network's rules, and start the machine, with a blank disk unless it is to keep its own.

        Raises NodeError where there is no room for that: later it would look as if the disk were broken.
        """
        free_bytes = shutil.disk_usage(self.software.parent).free
        if free_bytes < SIZE_BYTES and not self._mapped:
            raise NodeError(
                f"{self.software.parent} has {free_bytes >> 20} MiB free, and {SIZE_BYTES >> 20} MiB are needed: "
                "free some, or name another `directory`"
            )
        for door in self._doors:
            await self.admit(door)
        self.missing |= await asyncio.to_thread(self.hazards.missing)
        if self.firewall is not None:
            try:
                find("nft")
                await self.firewall.up()
            except AckedError as error:
                self.firewall = None
                self.missing["Switch"] = self.missing["PowerCut"] = str(error).partition("\n")[0]
        else:
            self.missing["Switch"] = (
                "an ordinary user can't change the firewall: log in as root, or allow sudo"
            )
        self.software.mkdir(parents=True, exist_ok=True)
        if self._blank:
            await self.machine.install()
        else:
            await self.machine.switch_on()

    async def admit(self, door: firewall.Door) -> None:
        """Let no fault of the network touch what belongs to a connection from there."""
        self.hazards.admit(door)
        if self.firewall is not None:
            await self.firewall.admit(door)

    async def end(self) -> None:
        """Heal everything and end every process."""
        await self.machine.resume()
        await self.machine.switch_off()
        await self.hazards.end()
        if self.firewall is not None:
            await firewall.down()


class _Rules:
    """The network of a machine whose own firewall stands for its cable."""

    def __init__(self, rules: Firewall) -> None:
        self._rules = rules

    async def plug(self, boot: Boot) -> None:
        """Let the cluster hear the machine."""
        await self._rules.silence(on=False)

    async def pull(self) -> None:
        """Let it not."""
        await self._rules.silence(on=True)

    async def remove(self) -> None:
        """Silence what the kernel would still send, when it may again."""
        await self._rules.bury()


class _Nothing:
    """The network of a machine that an ordinary user has: it can't be silenced."""

    async def plug(self, boot: Boot) -> None:
        """Do nothing."""

    async def pull(self) -> None:
        """Do nothing."""

    async def remove(self) -> None:
        """Do nothing."""


def _why_no_power(trial: Path) -> str | None:
    trial.mkdir(parents=True, exist_ok=True)
    try:
        return disks.why_no_ext4(trial)
    except MissingError as error:
        return str(error)
    finally:
        shutil.rmtree(trial, ignore_errors=True)
