"""What the harness may ask of this machine's disk, network and clocks when they are to fail."""

import asyncio
import os
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import NodeError
from nodes.agent.firewall import Door
from nodes.hazards import clock, mapper, netem
from nodes.hazards.clock import WrongClocks
from nodes.hazards.mapped_disk import MappedDisk
from nodes.hazards.netem import Line
from nodes.hazards.write_log import Replayed
from nodes.linux import rot
from nodes.linux.disk import DirectoryDisk, Ext4Disk
from nodes.linux.machine import LinuxMachine

_SYSRQ = Path("/proc/sysrq-trigger")
_SOON_S = 0.5


class Hazards:
    """The requests that make a machine fail, as far as its disk and its host are made for that.

    `folder` is the agent's, and `address` the machine's on the cluster's network.
    """

    def __init__(
        self,
        machine: LinuxMachine,
        disk: MappedDisk | Ext4Disk | DirectoryDisk,
        *,
        folder: Path,
        address: str,
    ) -> None:
        self._machine = machine
        self._disk = disk
        self._folder = folder
        self._address = address
        self._clocks = WrongClocks(folder)
        self._doors: set[Door] = set()
        self._one_by_one = asyncio.Lock()
        self._requests: Mapping[str, Callable[..., Any]] = {
            "break disk": self._break_disk,
            "mend disk": self._mend_disk,
            "count bites": self._count_bites,
            "probe disk": self._probe_disk,
            "replayed": self._replayed,
            "rot": self._rot,
            "panic": _panic,
            "read clocks": clock.read,
            "jump clock": self._clocks.jump,
            "drift clocks": self._clocks.drift,
            "change weather": self._change_weather,
            "count weather": self._count_weather,
        }

    def missing(self) -> dict[str, str]:
        """Return which abilities (`harness.machine`) the host does not permit, and why."""
        if os.geteuid() != 0:
            return {
                "BadWeather": "an ordinary user has no say in the network: log in as root, or allow sudo",
                "Clocks": "an ordinary user can't set the clock: log in as root, or allow sudo",
            }
        found = {
            "BadWeather": netem.why_not(self._address),
            "Clocks": clock.why_not(),
            "OwnKernel": None if _SYSRQ.exists() else f"its kernel has no {_SYSRQ} (CONFIG_MAGIC_SYSRQ)",
            "WriteCache": None if mapper.has("log-writes") else "its kernel has no dm-log-writes",
        }
        return {ability: why for ability, why in found.items() if why is not None}

    def admit(self, door: Door) -> None:
        """Spare the connections from there when there is bad weather from now on."""
        self._doors.add(door)

    async def carry_out(self, what: str, arguments: Mapping[str, Any]) -> Any:
        """Do what is asked, after what was asked before; raises NodeError."""
        async with self._one_by_one:
            try:
                return await asyncio.to_thread(self._requests[what], **arguments)
            except RuntimeError as error:
                raise NodeError(f"{self._machine.name}: {error}") from error

    async def end(self) -> None:
        """Undo all of it; the machine is off."""
        await asyncio.to_thread(self._end)

    def _end(self) -> None:
        undo(self._folder)
        if isinstance(self._disk, MappedDisk):
            self._disk.remove()

    def _break_disk(self, key: str, fault: str, amount: int) -> None:
        self._mapped.break_disk(self._root, key, fault, amount)

    def _mend_disk(self, key: str) -> bool:
        if self._machine.boot is None:
            return True  # all its faults went with the power
        return self._mapped.mend_disk(self._root, key)

    def _count_bites(self) -> dict[str, int]:
        return self._mapped.bites()

    def _probe_disk(self) -> dict[str, Any]:
        return self._mapped.probe(self._root)

    def _replayed(self) -> Replayed:
        return self._mapped.replayed

    def _rot(self, bits: int, seed: int) -> int:
        if isinstance(self._disk, DirectoryDisk):
            raise NodeError(f"{self._machine.name} has no disk of its own to rot")
        files = Path(f"{self._root}{self._disk.directory}")
        with self._disk.beneath() as blocks:
            return rot.rot(files, blocks, bits, random.Random(seed).randrange)

    def _change_weather(self, lines: Sequence[Sequence[Any]]) -> None:
        netem.change(netem.device_of(self._address), [Line(*line) for line in lines], self._doors)

    def _count_weather(self, lines: Sequence[Sequence[Any]]) -> list[dict[str, int]]:
        return netem.counts(netem.device_of(self._address), [Line(*line) for line in lines])

    @property
    def _mapped(self) -> MappedDisk:
        if not isinstance(self._disk, MappedDisk):
            raise NodeError(f"the disk of {self._machine.name} can't be made to fail")
        return self._disk

    @property
    def _root(self) -> Path:
        return self._machine.powered_boot().root


def _panic() -> None:
    """Let the kernel panic in a moment, and stay so: whoever asked is to hear that it will."""
    Path("/proc/sys/kernel/panic").write_text("0")
    threading.Timer(_SOON_S, _SYSRQ.write_text, ["c"]).start()


def undo(folder: Path) -> None:
    """End the weather and put the clocks right, whoever has changed them; `folder` is the agent's."""
    if os.geteuid() == 0:
        netem.clear()
        clock.restore(folder)
