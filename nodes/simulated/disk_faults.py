"""What can be wrong with a simulated disk, and the count of how often it was."""

import enum
from collections import Counter
from dataclasses import dataclass, field


class Bite(enum.StrEnum):
    """A kind of fault, counted each time that it has changed what happened."""

    LYING_FLUSH = "lying flush"
    SYNC_ERROR = "sync error"
    NO_SPACE = "no space"
    STALL = "stall"
    BIT_ROT = "bit rot"
    LOST_WRITE = "lost write"
    MISDIRECTED_WRITE = "misdirected write"


class Mishap(enum.Enum):
    """What can become of one write on its way to the disk; the page cache has it right until it is dropped."""

    LOST = Bite.LOST_WRITE
    """It never gets there."""
    MISDIRECTED = Bite.MISDIRECTED_WRITE
    """It gets to another place of the file, a number of sectors away, and damages what is there."""


@dataclass(slots=True, kw_only=True)
class Faults:
    """The faults that are switched on; set and reset the fields at any time.

    Those that strike once (`sync_error`, `next_write`) wait for an occasion where they make a difference, and
    reset themselves.
    """

    lying: bool = False
    """Flushes of files and of folders return, but nothing becomes durable by them; what is unflushed stays so,
    and a flush after the end of the fault makes it durable."""
    sync_error: bool = False
    """The next flush of a file raises EIO. What it should have flushed stays visible, but is taken for clean
    and never written, as Linux does: later flushes succeed (Rebello and others 2020, "Can applications recover
    from fsync failures?")."""
    next_write: Mishap | None = None
    """What becomes of the next write."""
    stall_ns: int = 0
    """How much longer each flush takes."""
    capacity_bytes: int | None = None
    """The room for the lengths of all files; what would need more raises ENOSPC and changes nothing."""
    bites: Counter[Bite] = field(default_factory=Counter)
    """How often each kind of fault has made a difference."""
