"""Disks of virtual machines that fail as they are told (`harness.machine.FaultyDisk`), by device-mapper."""

from collections import Counter
from collections.abc import Mapping

from harness.machine import DiskFault, DiskProbe
from nodes.ssh.asks import Agent, hazard


class MachineDisk:
    """The faults of one machine's disk; they are made there (`nodes.hazards.mapped_disk`).

    They end with the machine's power: then it holds what was flushed, and no fault is left.
    """

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._before: Counter[DiskFault] = Counter()

    async def remember(self) -> None:
        """Keep what the machine is about to forget, just before its power is cut."""
        self._before.update(await self._bites())

    @property
    def remembered(self) -> Mapping[DiskFault, int]:
        """How often each fault had made a difference when the power was cut last."""
        return {fault: self._before[fault] for fault in DiskFault}

    async def break_disk(self, key: str, fault: DiskFault, *, amount: int = 0) -> None:
        """Let the disk have a fault from now on, under the name `key`."""
        await hazard(self._agent, "break disk", key=key, fault=fault, amount=amount)

    async def mend_disk(self, key: str) -> bool:
        """End the fault of a key, and tell whether no other key keeps the same. Safe to call twice."""
        return bool(await hazard(self._agent, "mend disk", key=key))

    async def disk_bites(self) -> Mapping[DiskFault, int]:
        """Return how often each fault has made a difference.

        A lying disk counts sectors that it should have written, a slow one flushes, a full one calls that
        failed.
        """
        total = self._before + await self._bites()
        return {fault: total[fault] for fault in DiskFault}

    async def probe_disk(self) -> DiskProbe:
        """Write, flush and remove a file, and tell what became of it. Faults that strike once are left alone."""
        return DiskProbe(**await hazard(self._agent, "probe disk"))

    async def _bites(self) -> "Counter[DiskFault]":
        told = await hazard(self._agent, "count bites")
        return Counter({DiskFault(fault): count for fault, count in told.items()})
