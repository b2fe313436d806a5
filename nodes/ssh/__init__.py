"""Machines of kind ssh: hosts that are reached over SSH, with the same scenarios as any other kind."""

from nodes.ssh.kind import SshMachines

machines = SshMachines()

__all__ = ["SshMachines", "machines"]
