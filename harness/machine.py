"""What the engine, the faults and the systems may ask of a machine, whatever its kind.

`Machine` and `Cluster` are what every kind offers. Further abilities are protocols of their own: ask with
`isinstance`; a cluster that lacks one says why in `missing`.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from msgspec import Struct

CLIENTS = "clients"
"""The name of the place where the harness's own clients are, as a corner of the network."""

Link = tuple[str, str]
"""A direction of traffic: (from, to), machine names or CLIENTS."""

OnLine = Callable[[int, bytes], None]
"""Receives each line a process prints: CLOCK_MONOTONIC at arrival in ns, and the line without its end."""

OnMachineLine = Callable[[str, int, bytes], None]
"""As OnLine, for the processes of a whole cluster: the machine's name comes first."""


class ClusterConfig(Struct, frozen=True, kw_only=True):
    """What a kind of machines needs to know to build a cluster.

    `folder` is the run's folder: the output of supervised processes is kept in `folder/logs/<machine>/`, and
    what the machines need while they run lives in `folder/machines/`. `ip` is 4 or 6.

    `on_line` is given every line that any supervised process prints on its standard output, beside the
    `on_line` of that process's own `start`: so the harness keeps what nodes report about themselves without
    the system's help. It is called on the event loop, must not block, and must not raise.
    """

    names: tuple[str, ...]
    folder: Path
    ip: int = 4
    on_line: OnMachineLine | None = None


class Completed(Struct, frozen=True, kw_only=True):
    """A command that ended: its exit status and what it printed."""

    returncode: int
    stdout: bytes
    stderr: bytes


class Process(Protocol):
    """A supervised process: its output is kept in a log and passed on line by line."""

    @property
    def name(self) -> str:
        """The name under which it was started."""

    @property
    def returncode(self) -> int | None:
        """Its exit status (negative: the signal), or None while it runs."""

    async def wait(self) -> int:
        """Wait for its end and return its exit status."""

    async def stop(self, *, grace_s: float = 2.0) -> None:
        """Ask it to end (SIGTERM), and kill it after `grace_s`."""


class Machine(Protocol):
    """A host that runs one member of the cluster.

    `directory` is an absolute path on the machine for the system's data: it survives kills and, as far as
    it was flushed, power cuts. `address` is reachable from every machine and from the clients.
    """

    @property
    def name(self) -> str:
        """Its name in the cluster (n1, n2, …)."""

    @property
    def address(self) -> str:
        """Its IP address on the cluster's network."""

    @property
    def directory(self) -> str:
        """Where the system keeps its data."""

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout_s: float = 30.0,
        env: Mapping[str, str] | None = None,
    ) -> Completed:
        """Run a command on the machine to its end; raises NodeError when it can't or takes too long."""

    async def put(self, local: Path, remote: str) -> None:
        """Copy a file to `remote`, a path on the machine; its folders are made."""

    async def get(self, remote: str, local: Path) -> None:
        """Copy a file, or a folder with all in it, from the machine."""

    async def start(
        self,
        name: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        on_line: OnLine | None = None,
    ) -> Process:
        """Start a supervised process; its standard output and error go to the machine's log of that name.

        Lines of standard output are also given to `on_line` as they arrive.
        """

    async def alive(self) -> Collection[int]:
        """Return the ids of all processes that now run on the machine for the system under test."""


@runtime_checkable
class Kill(Protocol):
    """Can end every process of the system on the machine at once, the page cache left intact."""

    async def kill(self) -> Collection[int]:
        """Kill with SIGKILL, all at the same instant, and return the ids of those that were running."""


@runtime_checkable
class Pause(Protocol):
    """Can stop every process of the system on the machine and let it go on."""

    async def pause(self) -> None:
        """Stop all processes; returns once none of them can run."""

    async def resume(self) -> None:
        """Let all of them go on."""

    async def stopped(self) -> bool:
        """Tell, from the kernel's own records, whether there are processes and all of them are stopped."""


@runtime_checkable
class PowerCut(Protocol):
    """Can lose power: all processes at once, the network silent, and whatever was not flushed gone."""

    async def cut_power(self) -> None:
        """Cut the power; returns when nothing of the machine runs."""

    async def restore_power(self) -> None:
        """Start the machine again with what its disk held; processes are not started."""

    async def powered(self) -> bool:
        """Tell whether the machine is on."""


@runtime_checkable
class DiskLoss(Protocol):
    """Can lose its disk for good."""

    async def wipe(self) -> None:
        """Kill every process and replace the disk by a blank one."""

    async def disk_identity(self) -> str:
        """Return what tells this disk from its successor (a file system's UUID, a folder's inode)."""


@runtime_checkable
class Switch(Protocol):
    """Can refuse traffic between places of the network, by direction, outside the machines."""

    async def cut(self, key: str, links: Collection[Link]) -> None:
        """Drop all packets on `links`, of every protocol, under the name `key`; cuts add up."""

    async def mend(self, key: str) -> None:
        """Remove what `cut` added under `key`; links that another key cuts stay cut."""

    async def dropped(self) -> Mapping[Link, int]:
        """Return how many packets were dropped so far on each link that is cut now."""


class Cluster(Protocol):
    """All machines of one run and the network between them."""

    @property
    def kind(self) -> str:
        """Return the kind's name: `local`, `sim`, `ssh`, `vagrant`."""

    @property
    def machines(self) -> Mapping[str, Machine]:
        """Return the machines by name, in order (n1, n2, …)."""

    @property
    def missing(self) -> Mapping[str, str]:
        """Return, for each ability (the Protocol's name) that this cluster lacks, the reason and remedy."""

    async def up(self) -> None:
        """Start all machines."""

    async def down(self) -> None:
        """End all machines and remove everything that `up` made. Safe to call twice and after a failure."""

    def reach(self, source: str, target: str, *, timeout_s: float = 0.5) -> Awaitable[bool]:
        """Tell whether a packet sent at `source` reaches `target` and its answer comes back.

        Made by a fresh probe of the network, independent of any injector; CLIENTS is a valid source.
        """


class MachineKind(Protocol):
    """A kind of machines, as found by its entry point (group `acked.machines`): a class of clusters."""

    def __call__(self, config: ClusterConfig) -> Cluster:
        """Return a cluster that is not up yet."""

    def enter(self) -> None:
        """Prepare this process, once, before it starts any thread or event loop.

        May continue in a child process while the caller becomes its supervisor and exits with its status.
        """
