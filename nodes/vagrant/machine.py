"""A virtual machine of a run: the host of an SSH machine, with a power supply, a disk and clocks that can fail."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from harness.errors import NodeError
from harness.machine import CacheContents, DiskFault, DiskProbe
from nodes.ssh.link import Link
from nodes.ssh.machine import SshMachine
from nodes.vagrant.disk import MachineDisk
from nodes.vagrant.power import Power

_PANIC_S = 5.0

_OF_ITS_DISK = ("FaultyDisk", "DetachableDisk", "WriteCache", "SealedDisk")
"""What it is able to where its disk is a device."""


class Outage(NamedTuple):
    """What others do when a machine's host has lost its power or its kernel, and when it has come up again.

    `printed` returns how much its console has said, and `panicked` waits until it has said since then that the
    kernel panicked.
    """

    power: Power
    begun: Callable[[str], Awaitable[None]]
    boot: Callable[[str], Awaitable[None]]
    ended: Callable[[str], Awaitable[None]]
    printed: Callable[[str], int]
    panicked: Callable[[str, int], Awaitable[str]]


class VagrantMachine(SshMachine):
    """A machine whose power is that of its host, whose disk can fail, and whose kernel is its own.

    (`harness.machine.PowerCut`, `FaultyDisk`, `DetachableDisk`, `WriteCache`, `SealedDisk`, `OwnKernel`)

    Without power it has no processes, and no faults of its disk and clocks; what needs power raises NodeError.
    """

    seal = "a second disk of the virtual machine, made for the cluster and blank when a run begins"

    def __init__(self, name: str, link: Link, *, outage: Outage, **others: Any) -> None:
        super().__init__(name, link, **others)
        self._way = link
        self._outage = outage
        self._faults = MachineDisk(link)
        self._dark = False
        self._hangs = False
        self._to_wipe = 0
        self._wishes: dict[str, Any] = {}

    async def begin(
        self, address: str, *, probe_port: int, everyone: Collection[str], blank: bool = True
    ) -> Mapping[str, str]:
        """Make the machine, switched on; return what it lacks, and why."""
        self._wishes = {"address": address, "probe_port": probe_port, "everyone": everyone}
        missing = dict(await super().begin(address, probe_port=probe_port, everyone=everyone, blank=blank))
        if not self._host.device:
            why = "its disk is a file of its own system's: use --provider libvirt"
            missing |= dict.fromkeys(_OF_ITS_DISK, why)
        return missing

    async def cut_power(self) -> None:
        """Have the hypervisor end the machine; returns when it is gone. Without power, does nothing."""
        if self._dark:
            return
        await self._expect_outage()
        self._dark = True
        await self._outage.power.cut(self.name)
        await self._be_gone()

    async def panic(self) -> str:
        """Let the kernel panic, by sysrq; return what it says of that on its console."""
        if self._dark:
            raise NodeError(f"{self.name} has no power")
        since = self._outage.printed(self.name)
        await self._expect_outage()
        self._dark = self._hangs = True
        with suppress(NodeError):  # it panics before it could answer
            await self._way.ask("hazard", what="panic", arguments={}, timeout_s=_PANIC_S)
        try:
            return await self._outage.panicked(self.name, since)
        finally:
            await self._be_gone()

    async def restore_power(self) -> None:
        """Have the hypervisor start it, and wait until it has booted. With power, does nothing."""
        if not self._dark:
            return
        if self._hangs:
            await self._outage.power.cut(self.name)
            self._hangs = False
        await self._outage.power.restore(self.name)
        await self._outage.boot(self.name)
        await self._way.open()
        try:
            await self.begin(**self._wishes, blank=self._to_wipe > 0)
        except BaseException:
            await self._way.part()  # whoever tries again opens it again
            raise
        self._to_wipe = 0
        self._dark = False
        await self._outage.ended(self.name)

    async def powered(self) -> bool:
        """Tell whether the machine is on, and has booted."""
        return not self._dark and await self._outage.power.powered(self.name)

    async def alive(self) -> Collection[int]:
        """Return the ids of the machine's processes; none without power."""
        return frozenset() if self._dark else await super().alive()

    async def kill(self) -> Collection[int]:
        """Kill every process in the same instant, and return the ids of those that were running."""
        return frozenset() if self._dark else await super().kill()

    async def pause(self) -> None:
        """Stop every process."""
        if not self._dark:
            await super().pause()

    async def resume(self) -> None:
        """Let every process go on."""
        if not self._dark:
            await super().resume()

    async def stopped(self) -> bool:
        """Tell whether there are processes and all of them are stopped."""
        return not self._dark and await super().stopped()

    async def wipe(self) -> None:
        """Lose the disk; one without power gets its blank disk when it has power again."""
        if self._dark:
            self._to_wipe += 1
        else:
            await super().wipe()

    async def disk_identity(self) -> str:
        """Return the UUID of its file system; without power, which of the disks it is that it will get."""
        return f"a blank disk, number {self._to_wipe}" if self._dark else await super().disk_identity()

    async def rot(self, bits: int) -> int:
        """Flip bits of what is durable; return how many of its files' bytes show it."""
        if self._dark:
            raise NodeError(f"{self.name} has no power")
        return await super().rot(bits)

    async def break_disk(self, key: str, fault: DiskFault, *, amount: int = 0) -> None:
        """Let the disk have a fault from now on, under the name `key`."""
        await self._faults.break_disk(key, fault, amount=amount)

    async def mend_disk(self, key: str) -> bool:
        """End the fault of a key, and tell whether no other key keeps the same; all end with the power."""
        return self._dark or await self._faults.mend_disk(key)

    async def disk_bites(self) -> Mapping[DiskFault, int]:
        """Return how often each fault has made a difference."""
        return self._faults.remembered if self._dark else await self._faults.disk_bites()

    async def probe_disk(self) -> DiskProbe:
        """Write, flush and remove a file, and tell what became of it."""
        return await self._faults.probe_disk()

    async def detach_disk(self) -> str:
        """Let all reads and writes of the disk fail; return what a probe of it gets to hear."""
        return await self._faults.detach()

    async def attach_disk(self) -> None:
        """Put the disk in again, and restart what runs on the machine; with the power, that has been done."""
        await self._restart()

    async def disk_refusals(self) -> int:
        """Return how many flushes have failed since the disk was pulled out."""
        return 0 if self._dark else await self._faults.refusals()

    async def begin_caching(self, *, lost_flushes: int = 0) -> None:
        """Give the disk a volatile write cache, which will have lied about so many of the last flushes."""
        await self._faults.begin_caching(lost_flushes)

    async def cached(self) -> int:
        """Return how many writes and flushes the cache has taken."""
        return 0 if self._dark else await self._faults.cached()

    async def lose_cache(self) -> CacheContents:
        """Restart what runs on the machine, without what was written after the last flush."""
        await self._restart()
        return (
            CacheContents(writes=0, flushes=0, forgotten=0) if self._dark else await self._faults.replayed()
        )

    async def _restart(self) -> None:
        """Let the machine be off for a moment, while its host goes on."""
        if not self._dark:
            await super().cut_power()
            await super().restore_power()

    async def _expect_outage(self) -> None:
        """Get ready for the host's memory to be lost. A write cache is lost as it is with the power."""
        with suppress(NodeError):  # its disk has failed so that it can't tell: what it did is not known
            await self._faults.remember()
            if await self._faults.cached():
                await super().cut_power()
        await self._way.ask("outage")

    async def _be_gone(self) -> None:
        """Take note that the host is gone."""
        await self._way.part()
        self.vanished()
        self._clocks.forget()
        await self._outage.begun(self.name)

    async def set_drift(self, key: str, ppm: int) -> None:
        """Let all clocks run `ppm` millionths too fast; all drifts end with the power."""
        if not (self._dark and ppm == 0):
            await super().set_drift(key, ppm)
