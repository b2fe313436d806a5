"""The kind of machines that is called `vagrant`: those that `acked cluster up --vagrant` has brought up."""

from harness.errors import UsageError
from harness.machine import Cluster, ClusterConfig
from nodes.vagrant import settings
from nodes.vagrant.lifecycle import VirtualMachines


class VagrantMachines:
    """Makes clusters on the machines that are up (`harness.machine.MachineKind` and `Unhurried`)."""

    @property
    def patience_s(self) -> float:
        """How much longer than others they take."""
        there = settings.load(settings.CLUSTER)
        return settings.PATIENCE_S if there is None else there.patience_s

    def enter(self) -> None:
        """Nothing is to be prepared: what is made is made on the machines."""

    def __call__(self, config: ClusterConfig) -> Cluster:
        """Return a cluster on the first of the machines; raises UsageError when there are too few."""
        from nodes.vagrant.cluster import VagrantCluster

        there = settings.load(settings.CLUSTER)
        if there is None:
            raise UsageError("no virtual machines are up: `acked cluster up --vagrant` first")
        if there.nodes < len(config.names):
            raise UsageError(f"{len(config.names)} nodes need as many machines, and {there.nodes} are up")
        return VagrantCluster(config, VirtualMachines(there, settings.CLUSTER))


machines = VagrantMachines()
