"""Disks of virtual machines that fail as they are told (`harness.machine.FaultyDisk`), by device-mapper."""

from collections import Counter
from collections.abc import Mapping

from harness.machine import DiskFault, DiskProbe
from nodes.vagrant.hand import Hand


class MachineDisk:
    """The disk for one machine's data; what goes wrong with it happens there (`nodes.vagrant.guest.disk`).

    Faults end with the machine's power: then it holds what was flushed, and no fault is left.
    """

    def __init__(self, hand: Hand, *, device: str, folder: str) -> None:
        self._hand = hand
        self._device = device
        self._folder = folder
        self._before: Counter[DiskFault] = Counter()

    async def make(self) -> None:
        """Make a blank file system, and mount it."""
        await self._hand.ask("make disk", device=self._device, folder=self._folder)

    async def attach(self) -> None:
        """Mount what there is, after the power came back."""
        await self._hand.ask("attach disk", device=self._device, folder=self._folder)

    async def identity(self) -> str:
        """Return the UUID of its file system."""
        return str(await self._hand.ask("identify disk"))

    async def lose_power(self) -> None:
        """Keep what the machine is about to forget: call it just before its power is cut."""
        self._before.update(await self._bites())

    async def break_disk(self, key: str, fault: DiskFault, *, amount: int = 0) -> None:
        """Let the disk have a fault from now on, under the name `key`."""
        await self._hand.ask("break disk", key=key, fault=fault, amount=amount)

    async def mend_disk(self, key: str) -> bool:
        """End the fault of a key, and tell whether no other key keeps the same. Safe to call twice."""
        return bool(await self._hand.ask("mend disk", key=key))

    async def disk_bites(self) -> Mapping[DiskFault, int]:
        """Return how often each fault has made a difference: sectors, flushes, failed calls or bits of it.

        A lying disk counts sectors that it should have written, a slow one flushes, a full one calls that failed.
        """
        total = self._before + await self._bites()
        return {fault: total[fault] for fault in DiskFault}

    async def probe_disk(self) -> DiskProbe:
        """Write, flush and remove a file, and tell what became of it. Faults that strike once are left alone."""
        return DiskProbe(**await self._hand.ask("probe disk"))

    async def _bites(self) -> "Counter[DiskFault]":
        told = await self._hand.ask("count bites")
        return Counter({DiskFault(fault): count for fault, count in told.items()})
