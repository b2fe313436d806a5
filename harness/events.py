"""What nodes report about themselves while they run: the evidence behind copies, holders and elections.

A system with the `Reports` ability turns each line that its processes print into one of these. They are kept
off the machine as they arrive, so a wiped disk takes no proof along. A node prints its report *before* it
acts on it (before an acknowledgement leaves), so that whatever was acknowledged has been reported.

`at_ns` is the node's own reading of CLOCK_MONOTONIC shifted to the history's origin; on machines with a
clock of their own it carries that machine's measured error.
"""

import enum

from msgspec import Struct


class Medium(enum.StrEnum):
    """Where a copy lives: `memory` is the page cache, gone with the power."""

    MEMORY = "memory"
    DISK = "disk"


class Cause(enum.StrEnum):
    """How a node became primary."""

    BOOTSTRAP = "bootstrap"
    ELECTION = "election"
    OPERATOR = "operator"


class NodeEvent(Struct, frozen=True, kw_only=True, tag=True, tag_field="event"):
    """Base of all reports."""

    node: str
    at_ns: int


class Stored(NodeEvent, frozen=True, kw_only=True):
    """Entries `first` to `last` (offsets, inclusive) of `epoch` are now on this node's `medium`."""

    epoch: int
    first: int
    last: int
    medium: Medium


class Elected(NodeEvent, frozen=True, kw_only=True):
    """The node became primary of `epoch`.

    `heard` are the nodes whose logs the election heard, itself included. (`log_epoch`, `log_offset`) was the
    last entry of its own log at that moment: longer logs of older epochs are cut off from then on.
    """

    epoch: int
    cause: Cause
    heard: tuple[str, ...]
    log_epoch: int
    log_offset: int


class SteppedDown(NodeEvent, frozen=True, kw_only=True):
    """The node ceased to be primary of `epoch`."""

    epoch: int
    reason: str


class Waiting(NodeEvent, frozen=True, kw_only=True):
    """The node knows of no primary and must not be one itself yet; `reason` says what it waits for."""

    epoch: int
    reason: str


class Truncated(NodeEvent, frozen=True, kw_only=True):
    """Entries `first` to `last` of this node's log diverged from the primary's: cut off, and kept aside."""

    epoch: int
    first: int
    last: int


class Started(NodeEvent, frozen=True, kw_only=True):
    """The node's process started and recovered its log up to (`log_epoch`, `log_offset`); 0, 0 is blank.

    `identity` changes when the disk was lost. `applied` is the offset of the state it started from.
    """

    identity: str
    log_epoch: int
    log_offset: int
    applied: int


class Applied(NodeEvent, frozen=True, kw_only=True):
    """The node's readable state now includes all entries up to `offset`."""

    offset: int


class Degraded(NodeEvent, frozen=True, kw_only=True):
    """The primary goes on with fewer copies: only `in_sync` hold what it acknowledges from now."""

    epoch: int
    in_sync: tuple[str, ...]


class Restored(NodeEvent, frozen=True, kw_only=True):
    """The primary is back to full protection."""

    epoch: int


class Damaged(NodeEvent, frozen=True, kw_only=True):
    """The node refused to go on because of what it found on its disk."""

    reason: str
