"""What the node asks its surroundings to do, in order. The server carries these out; so may a simulator.

An effect must be complete before the next one is begun, except for those said to end in an event later. If the
machine dies between two effects, the first has happened and the second has not.
"""

from typing import Any

from nodes.reference.fixed import fixed, fixed_by_name
from nodes.reference.log import Range
from nodes.reference.messages import Message
from nodes.reference.rules import Record


@fixed_by_name
class Meta:
    """What a node must never forget, besides its log.

    `promised` is the newest epoch that it takes orders from, voted in, or led.
    """

    identity: str
    promised: int = 0
    record: Record | None = None


@fixed
class SaveMeta:
    """Make `meta` durable before anything that follows."""

    meta: Meta


@fixed
class Write:
    """Append frames to the log's file: in the page cache, not yet durable."""

    frames: tuple[bytes, ...]


@fixed
class Flush:
    """Make all that was written durable; ends in `Node.flushed_to(upto, generation)`."""

    upto: int
    generation: int


@fixed
class Cut:
    """Cut the log after `after`, durably, and keep the removed frames aside."""

    after: int
    frames: tuple[bytes, ...]


@fixed
class Send:
    """Send a message to a member, if it is connected; nothing tells whether it arrives."""

    to: str
    message: Message
    blob: bytes = b""


@fixed
class Reply:
    """Answer a client's request, unless the clock has passed `until_ns` (0: no limit).

    The limit is the primary's lease: an acknowledgement must not leave after it, even if this very process was
    paused since the decision. Then the answer is that the outcome is unknown.
    """

    request: int
    body: dict[str, Any]
    until_ns: int = 0


@fixed
class Report:
    """Tell an observer what has happened here; comes before the effects that act on it."""

    event: dict[str, Any]


@fixed
class SnapshotBegin:
    """Start to write a snapshot of the state up to `index`, reached through these stretches of the log."""

    index: int
    history: tuple[Range, ...]


@fixed
class SnapshotRows:
    """Add rows to the snapshot that is being written."""

    rows: tuple[list[Any], ...]


@fixed
class SnapshotEnd:
    """Make the snapshot durable and current; ends in `Node.snapshot_saved(index)` or `Node.snapshot_failed()`."""


@fixed
class Compact:
    """Remove files of the log that hold nothing behind `upto`."""

    upto: int


@fixed
class ReadPart:
    """Read a part of the current snapshot's file; ends in `Node.part_read(...)`."""

    to: str
    stream: int
    index: int
    offset: int


@fixed
class WritePart:
    """Keep a part of a snapshot that another node sends; the part at offset 0 starts it afresh."""

    offset: int
    data: bytes


@fixed
class InstallSnapshot:
    """Make the received snapshot current and start the log anew behind it with `frames`, all in one step.

    The old log is kept aside. Ends in `Node.installed(...)` or, if what came is not sound, in
    `Node.install_failed()`.
    """

    index: int
    frames: tuple[bytes, ...]


@fixed
class Reload:
    """Read the state of the current snapshot again; ends in `Node.reloaded(state)`."""


Effect = (
    SaveMeta
    | Write
    | Flush
    | Cut
    | Send
    | Reply
    | Report
    | SnapshotBegin
    | SnapshotRows
    | SnapshotEnd
    | Compact
    | ReadPart
    | WritePart
    | InstallSnapshot
    | Reload
)
