"""What the engine must know of a system under test: the interface for everyone's own.

A system is a class that is called with a `SystemConfig`. It is found by its entry point (group
`acked.systems`) or by path (`./mine.py:MySystem`). `System` is all that is needed; `Promotes`, `Reports` and
`KeepsLogs` are abilities that make more faults possible and verdicts sharper; with `KeepsConnections`, `status`
costs less.
"""

import enum
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from msgspec import Struct

from harness.contract import Contract, Mode
from harness.events import NodeEvent
from harness.machine import Cluster, Machine


class SystemConfig(Struct, frozen=True, kw_only=True):
    """What a scenario says about its system. `settings` are the system's own; it must refuse unknown ones.

    `nodes` are the machine names, in order; `seed` makes any choice of the system repeatable.
    """

    mode: Mode
    nodes: tuple[str, ...]
    settings: Mapping[str, Any]
    seed: int


class SettingError(ValueError):
    """A setting is unknown or has a value that is not allowed; the scenario adds file and line.

    `allowed` are the right spellings (of names, if the name is wrong, of values otherwise).
    """

    def __init__(self, field: str, message: str, allowed: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.field = field
        self.allowed = allowed


class Role(enum.StrEnum):
    """What a node says it is."""

    PRIMARY = "primary"
    REPLICA = "replica"
    WITNESS = "witness"
    UNKNOWN = "unknown"


class NodeStatus(Struct, frozen=True, kw_only=True):
    """What a node tells of itself right now. Offsets that a system does not have stay None.

    `replicas` is a primary's view: the offset up to which each replica has confirmed (on the medium of the
    mode). `degraded` is a primary's word that it goes on with fewer copies than the mode asks for. `note` is
    what the node waits for or complains of.
    """

    role: Role
    epoch: int = 0
    flushed: int | None = None
    applied: int | None = None
    replicas: Mapping[str, int] = {}
    degraded: bool = False
    note: str = ""


class Client(Protocol):
    """A connection of one client process.

    Beside `close` it has one coroutine method per operation, called with the invocation's args and returning
    a `harness.operation.Reply`; those that the workload asks for must exist:

    get(key); put(key, value); cas(key, old, new) -> Reply(value=applied?); add(key, element), to a set;
    append(key, element), to a list; increment(key, by) -> Reply(value=new);
    txn([(f, key, value), ...]), f being put, add, append, or get with None -> Reply(value=the same list, with
    what each get read); peek(keys) -> Reply(value=[value of each]), what this very node has, however stale (of
    a system that has txn: all as of one moment); get_within(key, max_lag_ms), as get, but from this very node,
    which fails if it may be further behind than that.

    A definite failure raises OperationFailed; any other exception leaves the outcome unknown.
    """

    async def close(self) -> None:
        """Drop the connection; never raises."""


class System(Protocol):
    """A replicated system, run by the engine on a cluster."""

    def __init__(self, config: SystemConfig) -> None:
        """Take the configuration; raises SettingError."""

    @property
    def name(self) -> str:
        """The system's name in reports."""

    def contract(self) -> Contract:
        """Return what this system promises in the configured mode."""

    async def setup(self, cluster: Cluster) -> None:
        """Prepare the machines (files, initial data); nothing runs yet. Called once per run."""

    async def start(self, machine: Machine) -> None:
        """Start the system on one machine: the first time, and again after a kill, a power cut or a wipe."""

    async def form(self) -> None:
        """Join the freshly started nodes into one cluster; called once, after `start` on every machine."""

    async def status(self, node: str) -> NodeStatus:
        """Ask a node for its role and offsets; raises NodeError when it does not answer in about a second."""

    def client(self, *, process: int, node: str | None = None) -> Client:
        """Return a client for a process; bound to `node`, or else one that finds the primary."""


@runtime_checkable
class Promotes(Protocol):
    """An operator can make a named node the primary, even a lagging one."""

    async def promote(self, node: str, *, force: bool = False) -> None:
        """Promote `node`; `force` overrides the system's refusals. Raises NodeError if it failed."""


@runtime_checkable
class Reports(Protocol):
    """The system's processes print what `harness.events` describes, each before it acts on it."""

    def report(self, node: str, line: bytes, origin_ns: int) -> NodeEvent | None:
        """Turn a line of a node's standard output into an event; None for lines that are something else.

        `origin_ns` is the CLOCK_MONOTONIC reading at the history's origin, to subtract from the node's.
        """


@runtime_checkable
class KeepsLogs(Protocol):
    """The system has files worth keeping with a run (beyond what its processes print)."""

    def log_files(self, machine: Machine) -> tuple[str, ...]:
        """Return paths on the machine; those that do not exist are passed over."""


@runtime_checkable
class KeepsConnections(Protocol):
    """The system keeps connections between one `status` and the next."""

    async def disconnect(self) -> None:
        """Drop them: the run is over, and its machines are about to go. Is given a few seconds."""
