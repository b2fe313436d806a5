"""The user's own hosts, as machines that are reached over the network: which there are, and how to log in.

No secret is in these records: a password comes from the environment (see `docs/ssh.md`), where whoever logs in
looks for it.
"""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from msgspec import Struct

from harness.machine import MachineKind


class Host(Struct, frozen=True, kw_only=True):
    """One host. What is empty or 0 is as ssh_config says, or else as usual.

    `host` is a name, an alias of ssh_config, or an IP address. `address` is the host's IP address on the
    cluster's network, where the nodes and the clients find each other; without it, the one that it is
    reached at. `directory` is where Acked keeps everything that it makes there. With `sudo` the agent runs as
    root by sudo. `device` is a block device that is the machine's disk, with nothing on it that anybody wants
    back: such a disk can be made to fail. Only who made the host can know that, so no file of hosts names one.
    """

    host: str
    user: str = ""
    port: int = 0
    identity: str = ""
    address: str = ""
    directory: str = ""
    python: str = "python3"
    sudo: bool = False
    device: str = ""

    @property
    def words(self) -> str:
        """The host as people write it: user@host:port."""
        port = f":{self.port}" if self.port else ""
        user = f"{self.user}@" if self.user else ""
        return f"{user}[{self.host}]{port}" if ":" in self.host and port else f"{user}{self.host}{port}"


class Hosts(Struct, frozen=True, kw_only=True):
    """The hosts of a cluster, in the order of its nodes, and what is the same for all of them.

    `known_hosts` is the cluster's own file of host keys (empty: the user's of Acked), beside OpenSSH's;
    with `accept_new` it takes the key of a host that no file knows. `ssh_config` replaces OpenSSH's own
    files. `probe_port` is where the machines answer probes. After `patience_s` without the harness, a machine
    heals itself.
    """

    hosts: tuple[Host, ...]
    known_hosts: str = ""
    accept_new: bool = False
    ssh_config: str = ""
    probe_port: int = 7399
    patience_s: float = 60.0


@runtime_checkable
class OnHosts(Protocol):
    """A kind of machines that runs on hosts of the user's."""

    def on_hosts(self, hosts: Hosts) -> MachineKind:
        """Return the kind with these hosts; its clusters take the first of them."""


@runtime_checkable
class CleansUp(Protocol):
    """A kind of machines that can undo on its hosts what a run left there, whatever became of that run."""

    async def clean_up(self) -> Mapping[str, str]:
        """End and remove all of Acked on each host; return, by host, why that failed (empty: it did not)."""
