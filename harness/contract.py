"""What a sync mode promises, as data: the table on which every verdict about durability rests.

One `Contract` per run, made from the mode and the settings of the system. The durability checker reads
`enough` (were there as many copies at the acknowledgement as promised?) and `permits` (which later events
excuse the loss of an acknowledged write?). Reports print `promise` and the texts of the clauses.
"""

import enum
from collections.abc import Collection

from msgspec import Struct

from harness.events import Medium


class Mode(enum.StrEnum):
    """How the system acknowledges writes."""

    ASYNC = "async"
    SEMI_SYNC = "semi_sync"
    SEMI_SYNC_MEMORY = "semi_sync_memory"
    SYNC = "sync"
    QUORUM = "quorum"
    HYBRID = "hybrid"


class Visibility(enum.StrEnum):
    """When a write becomes readable."""

    ON_ACK = "on_ack"
    """Once the copies exist that its contract asks for (MySQL's AFTER_SYNC)."""
    ON_APPLY = "on_apply"
    """At once, before its copies exist (MySQL's AFTER_COMMIT): reads may show what is lost later."""


class Failover(enum.StrEnum):
    """Who decides on a new primary."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"
    MIRROR = "mirror"


class Reads(enum.StrEnum):
    """What a read promises to show."""

    LINEARIZABLE = "linearizable"
    """Everything that was acknowledged before it was asked for, and nothing that is lost later."""
    RECENT = "recent"
    """Everything that was acknowledged before it was asked for and that lasts; it may show what is lost later."""
    BOUNDED = "bounded"
    """As `RECENT`, but as of so long ago as the read allows, if it says so; otherwise any former state."""
    STALE = "stale"
    """Some former state."""


class Permit(enum.StrEnum):
    """An event that excuses the loss of an acknowledged write; `str(TEXTS[permit])` says it in words."""

    FAILOVER_SUFFIX = "failover_suffix"
    PRIMARY_DISK_LOST = "primary_disk_lost"
    HOLDERS_DISKS_LOST = "holders_disks_lost"
    UNFLUSHED_COPIES_LOST = "unflushed_copies_lost"
    OPERATOR_PROMOTED_NON_HOLDER = "operator_promoted_non_holder"


TEXTS: dict[Permit, str] = {
    Permit.FAILOVER_SUFFIX: (
        "after a failover: a suffix of the old epoch's log that no member of the electing majority held"
    ),
    Permit.PRIMARY_DISK_LOST: "the primary's disk was lost: a suffix of its log that no other node held",
    Permit.HOLDERS_DISKS_LOST: "the disks of all nodes that held the write were lost",
    Permit.UNFLUSHED_COPIES_LOST: (
        "the primary was lost or out of reach of the election, and every other holder lost power before "
        "its flush"
    ),
    Permit.OPERATOR_PROMOTED_NON_HOLDER: "an operator promoted a node that did not hold the write",
}


class Contract(Struct, frozen=True, kw_only=True):
    """The promise of one mode on one cluster.

    `copies` is how many nodes, the primary included, hold a write when it is acknowledged without the
    `degraded` mark; `members`, if not empty, are nodes that must all be among them. `medium` is where the
    copies on nodes other than the primary are; the primary's own is always on disk.
    `degrades` tells whether writes may be acknowledged, marked as degraded, with fewer copies.
    """

    mode: Mode
    nodes: tuple[str, ...]
    copies: int
    members: tuple[str, ...] = ()
    medium: Medium = Medium.DISK
    degrades: bool = False
    visibility: Visibility = Visibility.ON_ACK
    failover: Failover = Failover.AUTOMATIC
    permits: tuple[Permit, ...]
    promise: str

    @property
    def primary_reads(self) -> Reads:
        """What reads that the primary answers promise.

        Without leases a primary that was followed by another does not know it. After a failover `async` may
        lack what a read has shown.
        """
        if self.failover is Failover.MANUAL:
            return Reads.STALE
        if self.visibility is Visibility.ON_APPLY or self.mode is Mode.ASYNC:
            return Reads.RECENT
        return Reads.LINEARIZABLE

    @property
    def replica_reads(self) -> Reads:
        """What reads of a named replica promise: how far it is behind, it can only know from a primary."""
        return Reads.STALE if self.failover is Failover.MANUAL else Reads.BOUNDED

    def enough(self, *, primary: str, on_disk: Collection[str], in_memory: Collection[str] = ()) -> bool:
        """Tell whether these copies are what an undegraded acknowledgement by `primary` promises.

        `in_memory` are nodes that hold the write in their page cache at least; those in `on_disk` count as
        well. The primary must hold it on disk under every mode.
        """
        held = set(on_disk)
        if self.medium is Medium.MEMORY:
            held |= set(in_memory)
        return primary in set(on_disk) and len(held) >= self.copies and held.issuperset(self.members)


def contract_for(
    mode: Mode,
    nodes: tuple[str, ...],
    *,
    k: int = 1,
    members: tuple[str, ...] = (),
    degrades: bool = False,
    visibility: Visibility = Visibility.ON_ACK,
    failover: Failover = Failover.AUTOMATIC,
) -> Contract:
    """Return the contract of `mode` on data nodes `nodes`.

    `k` is how many replicas confirm in the semi-sync modes; `members` is the sync set of `sync` (default:
    all nodes) or the pair of `hybrid` (default: the first two).
    """
    permits: tuple[Permit, ...]
    match mode:
        case Mode.ASYNC:
            copies, members, permits = 1, (), (Permit.FAILOVER_SUFFIX, Permit.PRIMARY_DISK_LOST)
            promise = "on the primary's own disk"
        case Mode.SEMI_SYNC:
            copies, members, permits = k + 1, (), (Permit.HOLDERS_DISKS_LOST,)
            promise = f"on the disks of the primary and any {k} of its replicas"
        case Mode.SEMI_SYNC_MEMORY:
            copies, members = k + 1, ()
            permits = (Permit.HOLDERS_DISKS_LOST, Permit.UNFLUSHED_COPIES_LOST)
            promise = f"on the primary's disk and in the page cache of any {k} of its replicas"
        case Mode.SYNC:
            members = members or nodes
            copies, permits = len(members), (Permit.HOLDERS_DISKS_LOST,)
            promise = f"on the disks of the primary and of the whole sync set ({', '.join(members)})"
        case Mode.QUORUM:
            copies, members, permits = len(nodes) // 2 + 1, (), (Permit.HOLDERS_DISKS_LOST,)
            promise = (
                f"on the disks of a majority ({len(nodes) // 2 + 1} of {len(nodes)}), the primary's included"
            )
        case Mode.HYBRID:
            members = members or nodes[:2]
            copies, permits = 2, (Permit.HOLDERS_DISKS_LOST,)
            promise = f"on both disks of the pair ({', '.join(members)})"
    return Contract(
        mode=mode,
        nodes=nodes,
        copies=copies,
        members=members,
        medium=Medium.MEMORY if mode is Mode.SEMI_SYNC_MEMORY else Medium.DISK,
        degrades=degrades,
        visibility=visibility,
        failover=failover,
        permits=(*permits, Permit.OPERATOR_PROMOTED_NON_HOLDER),
        promise=promise,
    )
