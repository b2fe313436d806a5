"""The virtual machines of a run: SSH machines whose hosts are Vagrant's, and in the hand of a hypervisor."""

from harness.errors import UsageError
from harness.hosts import Host
from harness.machine import CLIENTS, ClusterConfig, DetachableDisk, FaultyDisk, OwnKernel, WriteCache
from harness.tasks import together
from nodes.ssh.cluster import SshCluster
from nodes.vagrant.lifecycle import VirtualMachines
from nodes.vagrant.machine import Outage, VagrantMachine
from nodes.vagrant.settings import Provider


class VagrantCluster(SshCluster):
    """Virtual machines that are up already (`harness.machine.Cluster`, `Switch`, `Watched`, `BadWeather`)."""

    def __init__(self, config: ClusterConfig, machines: VirtualMachines) -> None:
        if config.ip != 4:
            raise UsageError("virtual machines have IPv4 addresses: ip: 4")
        self._virtual = machines
        self._outage = Outage(
            power=machines.power,
            begun=self._leave,
            boot=machines.answers,
            ended=self._come_back,
            printed=machines.printed,
            panicked=machines.panicked,
        )
        super().__init__(config, machines.hosts)
        for ability in (FaultyDisk, DetachableDisk, WriteCache, OwnKernel):
            self._missing.pop(ability.__name__)
        if machines.settings.provider is Provider.QEMU:
            self._missing[OwnKernel.__name__] = "what its console says is not kept: use --provider libvirt"

    @property
    def kind(self) -> str:
        """The name of this kind of machines."""
        return "vagrant"

    @property
    def patience_s(self) -> float:
        """How much longer than others these machines take."""
        return self._virtual.settings.patience_s

    async def up(self) -> None:
        """Switch on what a former run left without power, and make every machine blank."""
        await together(self._switch_on(name) for name in self._machines)
        await super().up()

    async def reach(self, source: str, target: str, *, timeout_s: float = 0.5) -> bool:
        """Tell whether a TCP segment sent at `source` reaches `target` and its answer comes back.

        A machine without power reaches nobody.
        """
        if source != CLIENTS and not await self._machines[source].powered():
            return False
        return await super().reach(source, target, timeout_s=timeout_s)

    def _machine(self, name: str, host: Host) -> VagrantMachine:
        return VagrantMachine(
            name,
            self._ways[name],
            outage=self._outage,
            **self._equipment(name, host),
        )

    async def _switch_on(self, name: str) -> None:
        if not await self._virtual.power.powered(name):
            await self._virtual.power.restore(name)
            await self._virtual.answers(name)

    async def _leave(self, name: str) -> None:
        await self._switch.leave(name)
        await self._weather.leave(name)

    async def _come_back(self, name: str) -> None:
        await self._switch.come_back(name)
        await self._weather.come_back(name)
