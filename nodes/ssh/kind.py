"""The kind of machines that is called `ssh`: which hosts there are is said before a cluster is made."""

from collections.abc import Mapping

from harness.errors import UsageError
from harness.hosts import Hosts
from harness.machine import Cluster, ClusterConfig


class SshMachines:
    """Makes clusters on hosts (`harness.machine.MachineKind`, `harness.hosts.OnHosts`, `CleansUp`)."""

    def __init__(self, hosts: Hosts | None = None) -> None:
        self._hosts = hosts

    def on_hosts(self, hosts: Hosts) -> "SshMachines":
        """Return the kind with these hosts."""
        return SshMachines(hosts)

    def enter(self) -> None:
        """Nothing is to be prepared: what is made is made on the hosts."""

    def __call__(self, config: ClusterConfig) -> Cluster:
        """Return a cluster that is not up yet, on the first of the hosts; raises UsageError."""
        from nodes.ssh.cluster import SshCluster

        return SshCluster(config, self._named())

    async def clean_up(self) -> Mapping[str, str]:
        """End and remove all of Acked on each host (`harness.hosts.CleansUp`)."""
        from nodes.ssh.eviction import evict

        return await evict(self._named())

    def _named(self) -> Hosts:
        if self._hosts is None:
            raise UsageError("machines of kind ssh need hosts: name them with --nodes-file or --node")
        return self._hosts
