"""What a node is told when it starts: who the members are, the mode, and its times and sizes."""

import enum
from dataclasses import dataclass, field

MS = 1_000_000
"""Nanoseconds in a millisecond."""

ROUND = 100
"""Epochs are `round * ROUND + place of the primary among the members`: no two nodes share one."""


class Mode(enum.StrEnum):
    """What must have happened before a write is acknowledged; see `rules` for each."""

    ASYNC = "async"
    SEMI_SYNC = "semi_sync"
    SEMI_SYNC_MEMORY = "semi_sync_memory"
    SYNC = "sync"
    QUORUM = "quorum"
    HYBRID = "hybrid"


class Visibility(enum.StrEnum):
    """When the primary's readers see a write: once it is acknowledged, or as soon as it is in the log."""

    ON_ACK = "on_ack"
    ON_APPLY = "on_apply"


class Failover(enum.StrEnum):
    """Who makes a new primary: an election, an operator, or an election of two nodes and a witness."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"
    MIRROR = "mirror"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One member of the cluster. A witness votes and keeps the protection record, but has no log."""

    name: str
    host: str
    port: int
    witness: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The configuration of one node; the same on all of them but for `name`.

    `k` counts the replicas that must confirm in the semi-sync modes. `sync_set` is the set of `sync` (empty:
    all data members) or the pair of `hybrid` (empty: the first two). `degrade_after_ns` is how long a write
    waits before the primary goes on with fewer copies; 0 means that it never does.

    `lease_ns` is how long a primary may acknowledge after it last heard of a majority; replicas refuse to
    vote for that long after they last heard of it. `apply_delay_ns` delays a replica's readable state.
    `flush_every_ns` is how often a replica of `semi_sync_memory` flushes what it has acknowledged.
    """

    name: str
    members: tuple[Member, ...]
    mode: Mode = Mode.QUORUM
    k: int = 1
    sync_set: tuple[str, ...] = ()
    degrade_after_ns: int = 0
    visibility: Visibility = Visibility.ON_ACK
    failover: Failover = Failover.AUTOMATIC
    heartbeat_ns: int = 100 * MS
    lease_ns: int = 600 * MS
    election_ns: int = 800 * MS
    apply_delay_ns: int = 0
    flush_every_ns: int = 200 * MS
    snapshot_bytes: int = 8 << 20
    retain_bytes: int = 2 << 20
    segment_bytes: int = 4 << 20
    sessions: int = 10_000
    names: tuple[str, ...] = field(init=False)
    """All members, in order."""
    peers: tuple[str, ...] = field(init=False)
    """The other members."""
    data: tuple[str, ...] = field(init=False)
    """Those that keep data."""
    witness: bool = field(init=False)
    """Whether this node is the witness."""
    leased: bool = field(init=False)
    """Whether primaries need a lease, because someone else may be elected without an operator."""

    def __post_init__(self) -> None:
        """Check what belongs together; raises ValueError with the reason."""
        set_ = object.__setattr__
        set_(self, "names", tuple(member.name for member in self.members))
        set_(self, "peers", tuple(name for name in self.names if name != self.name))
        set_(self, "data", tuple(member.name for member in self.members if not member.witness))
        set_(self, "witness", self.name not in self.data)
        set_(self, "leased", self.failover is not Failover.MANUAL)
        self._check()
        if not self.sync_set and self.mode is Mode.SYNC:
            set_(self, "sync_set", self.data)
        if not self.sync_set and self.mode is Mode.HYBRID:
            set_(self, "sync_set", self.data[:2])

    def _check(self) -> None:
        if self.name not in self.names:
            raise ValueError(f"{self.name} is not among the members {', '.join(self.names)}")
        if len(set(self.names)) != len(self.names):
            raise ValueError("two members have the same name")
        if len(self.names) >= ROUND:
            raise ValueError(f"at most {ROUND - 1} members")
        if self.mode in (Mode.SEMI_SYNC, Mode.SEMI_SYNC_MEMORY) and not 1 <= self.k < len(self.data):
            raise ValueError(
                f"k is {self.k}, but must be from 1 to {len(self.data) - 1} with {len(self.data)} nodes"
            )
        if strangers := set(self.sync_set) - set(self.data):
            raise ValueError(f"the sync set names {', '.join(sorted(strangers))}, which keeps no data here")
        if self.mode is Mode.HYBRID and len(self.sync_set or self.data[:2]) != 2:
            raise ValueError("hybrid needs a pair: exactly two nodes in the sync set")
        if self.mode in (Mode.ASYNC, Mode.QUORUM) and self.degrade_after_ns:
            raise ValueError(f"{self.mode} has no fewer copies to degrade to")
        witnesses = len(self.names) - len(self.data)
        if (self.failover is Failover.MIRROR) != (witnesses == 1 and len(self.data) == 2):
            raise ValueError("mirror failover needs two nodes and one witness; only mirror has a witness")
        if self.lease_ns >= self.election_ns:
            raise ValueError("the lease must be shorter than the election time-out")
        if self.leased and self.heartbeat_ns >= self.lease_ns:
            raise ValueError("heartbeats must come more often than once a lease")

    def third_site(self, name: str) -> bool:
        """Tell whether `name` is a site of `hybrid` beyond the pair: never ahead of it, never a candidate."""
        return self.mode is Mode.HYBRID and name not in self.sync_set

    def leads(self, name: str, epoch: int) -> bool:
        """Tell whether `epoch` is one in which only `name` can be primary."""
        return epoch % ROUND == self.names.index(name) + 1

    def epoch_after(self, epoch: int, *, least: int = 0) -> int:
        """Return this node's own epoch in the round after that of `epoch`, or in round `least` if later."""
        return max(epoch // ROUND + 1, least) * ROUND + self.names.index(self.name) + 1
