"""Disks of virtual machines that fail as they are told (`harness.machine.FaultyDisk`), by device-mapper."""

from collections import Counter
from collections.abc import Mapping

from harness.machine import CacheContents, DiskFault, DiskProbe
from nodes.ssh.asks import Agent, hazard

_DETACHED, _CACHED = "detached", "write cache"
"""What the agent calls these two."""


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

    async def detach(self) -> str:
        """Let all reads and writes fail; return what a probe gets to hear."""
        await hazard(self._agent, "break disk", key=_DETACHED, fault=_DETACHED, amount=0)
        return (await self.probe_disk()).error

    async def refusals(self) -> int:
        """Return how many flushes have failed for that."""
        return await self._count(_DETACHED)

    async def begin_caching(self, lost_flushes: int) -> None:
        """Put a write cache before the disk, which will lose so many of the last flushes."""
        await hazard(self._agent, "break disk", key=_CACHED, fault=_CACHED, amount=lost_flushes)

    async def cached(self) -> int:
        """Return how many writes and flushes it has taken."""
        return await self._count(_CACHED)

    async def replayed(self) -> CacheContents:
        """Return what became of the last write cache when the machine was off."""
        writes, flushes, forgotten = await hazard(self._agent, "replayed")
        return CacheContents(writes=writes, flushes=flushes, forgotten=forgotten)

    async def _count(self, fault: str) -> int:
        return int((await hazard(self._agent, "count bites")).get(fault, 0))

    async def _bites(self) -> "Counter[DiskFault]":
        told = await hazard(self._agent, "count bites")
        return Counter({fault: told.get(fault, 0) for fault in DiskFault})
