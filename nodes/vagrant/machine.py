"""A virtual machine of a run: the host of an SSH machine, with a power supply, a disk and clocks that can fail."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from harness.errors import NodeError
from harness.machine import DiskFault, DiskProbe
from nodes.ssh.link import Link
from nodes.ssh.machine import SshMachine
from nodes.vagrant.disk import MachineDisk
from nodes.vagrant.power import Power


class Outage(NamedTuple):
    """What others do when a machine's host has lost its power, and when it has come up again."""

    power: Power
    begun: Callable[[str], Awaitable[None]]
    boot: Callable[[str], Awaitable[None]]
    ended: Callable[[str], Awaitable[None]]


class VagrantMachine(SshMachine):
    """A machine whose power is that of its host (`harness.machine.PowerCut`, `FaultyDisk`, `Clocks`).

    Without power it has no processes, and no faults of its disk and clocks; what needs power raises NodeError.
    """

    def __init__(self, name: str, link: Link, *, outage: Outage, **others: Any) -> None:
        super().__init__(name, link, **others)
        self._way = link
        self._outage = outage
        self._faults = MachineDisk(link)
        self._dark = False
        self._to_wipe = 0
        self._wishes: dict[str, Any] = {}

    async def begin(
        self, address: str, *, probe_port: int, everyone: Collection[str], blank: bool = True
    ) -> Mapping[str, str]:
        """Make the machine, switched on; return what it lacks, and why."""
        self._wishes = {"address": address, "probe_port": probe_port, "everyone": everyone}
        missing = dict(await super().begin(address, probe_port=probe_port, everyone=everyone, blank=blank))
        if not self._host.device:
            missing["FaultyDisk"] = "its disk is a file of its own system's: use --provider libvirt"
        return missing

    async def cut_power(self) -> None:
        """Have the hypervisor end the machine; returns when it is gone. Without power, does nothing."""
        if self._dark:
            return
        with suppress(NodeError):  # its disk has failed so that it can't tell: what it did is not known
            await self._faults.remember()
        await self._way.ask("outage")
        self._dark = True
        await self._outage.power.cut(self.name)
        await self._way.part()
        self.vanished()
        self._clocks.forget()
        await self._outage.begun(self.name)

    async def restore_power(self) -> None:
        """Have the hypervisor start it, and wait until it has booted. With power, does nothing."""
        if not self._dark:
            return
        await self._outage.power.restore(self.name)
        await self._outage.boot(self.name)
        await self._way.open()
        await self.begin(**self._wishes, blank=self._to_wipe > 0)
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

    async def set_drift(self, key: str, ppm: int) -> None:
        """Let all clocks run `ppm` millionths too fast; all drifts end with the power."""
        if not (self._dark and ppm == 0):
            await super().set_drift(key, ppm)
