"""Switches machines off and on, and back to what they were, as quickly as their hypervisor can.

libvirt is asked directly, which takes a fraction of a second. The others are asked through Vagrant, which takes
seconds, and looks for the machine's SSH before it returns.
"""

from typing import Protocol

from harness.errors import NodeError
from nodes.vagrant import command
from nodes.vagrant.settings import Provider
from nodes.vagrant.vagrant import Vagrant

FRESH = "acked-fresh"
"""The snapshot of machines that nothing has happened to."""

_CALL_S = 120.0


class Power(Protocol):
    """What a hypervisor does to its machines from outside. All calls raise NodeError."""

    async def cut(self, name: str) -> None:
        """Take a machine's power; what its disks were not told to flush may be lost. Safe to call twice."""

    async def restore(self, name: str) -> None:
        """Switch it on again; it begins to boot. Safe to call twice."""

    async def powered(self, name: str) -> bool:
        """Tell whether a machine is on."""

    async def keep_fresh(self, name: str) -> None:
        """Keep how a machine is now: its memory, and all of its disks."""

    async def make_fresh(self, name: str) -> None:
        """Make a machine what it was when it was kept, and let it run."""


class Libvirt:
    """Machines of libvirt's (`Power`), whose names there have a prefix."""

    def __init__(self, prefix: str = "acked_") -> None:
        self._prefix = prefix

    async def cut(self, name: str) -> None:
        """End the machine's process; its memory is gone, and what it wrote to a disk is with the host."""
        if await self.powered(name):
            await self._virsh("destroy", name)

    async def restore(self, name: str) -> None:
        """Start a process for the machine."""
        if not await self.powered(name):
            await self._virsh("start", name)

    async def powered(self, name: str) -> bool:
        """Tell whether there is a process for the machine, be it paused."""
        state = (await self._virsh("domstate", name)).strip()
        return state not in ("shut off", "crashed")

    async def keep_fresh(self, name: str) -> None:
        """Take a snapshot, in place of the former one."""
        if FRESH in (await self._virsh("snapshot-list", name, "--name")).split():
            await self._virsh("snapshot-delete", name, FRESH)
        await self._virsh("snapshot-create-as", name, FRESH)

    async def make_fresh(self, name: str) -> None:
        """Go back to the snapshot."""
        await self._virsh("snapshot-revert", name, FRESH, "--running", "--force")

    async def _virsh(self, verb: str, name: str, *arguments: str) -> str:
        argv = ["virsh", "--quiet", "--connect", "qemu:///system", verb, self._prefix + name, *arguments]
        status, printed, complaint = await command.run(argv, silence_s=_CALL_S, env={"LC_ALL": "C"})
        if status != 0:
            raise NodeError(f"{name}: virsh {verb} failed: {complaint.strip()}")
        return printed


class ThroughVagrant:
    """Machines of any provider of Vagrant's (`Power`)."""

    def __init__(self, vagrant: Vagrant) -> None:
        self._vagrant = vagrant

    async def cut(self, name: str) -> None:
        """Have Vagrant switch it off without asking it."""
        await self._vagrant.halt(name)

    async def restore(self, name: str) -> None:
        """Have Vagrant start it."""
        await self._vagrant.start(name)

    async def powered(self, name: str) -> bool:
        """Ask Vagrant for its state."""
        return (await self._vagrant.states()).get(name) == "running"

    async def keep_fresh(self, name: str) -> None:
        """Have Vagrant take a snapshot, in place of the former one."""
        await self._vagrant.save_snapshot(name, FRESH)

    async def make_fresh(self, name: str) -> None:
        """Have Vagrant go back to the snapshot."""
        await self._vagrant.restore_snapshot(name, FRESH)


def of(provider: Provider, vagrant: Vagrant) -> Power:
    """Return the quickest way to the power of a provider's machines."""
    return Libvirt() if provider is Provider.LIBVIRT else ThroughVagrant(vagrant)
