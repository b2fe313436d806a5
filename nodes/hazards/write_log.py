"""What was written to a disk, flush by flush, as the kernel's dm-log-writes keeps it; and how it is done again.

The kernel logs a write once it has been flushed: before each flush in the log are all writes that had been done
when it began. So the log up to its last flush is what a disk with a write cache would have kept; what follows, it
need not. The format is that of drivers/md/dm-log-writes.c: a superblock, then entries, each a sector with its data
behind it.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from nodes.hazards.mapper import SECTOR
from nodes.linux.extents import BLOCK, Blocks

_SUPER = struct.Struct("<QQQL")
_ENTRY = struct.Struct("<QQQQ")
_MAGIC = 0x6A_7366_7773_6872
_VERSION = 1
_FLUSH, _FUA, _DISCARD, _MARK = 0x1, 0x2, 0x4, 0x8


class Entry(NamedTuple):
    """A write, a flush, or both. `durable` tells whether all up to here is; `data` is to be at `physical`."""

    physical: int
    data: bytes
    durable: bool


class Replayed(NamedTuple):
    """How many writes were done again, up to how many flushes, and how many writes came later."""

    writes: int
    flushes: int
    forgotten: int


def entries(log: Path) -> Iterator[Entry]:
    """Yield what a log that was ended has; raises RuntimeError for one that is none."""
    with log.open("rb") as file:
        head = file.read(SECTOR)
        magic, version, count, sector = _SUPER.unpack_from(head.ljust(_SUPER.size, b"\0"))
        if (magic, version, sector) != (_MAGIC, _VERSION, SECTOR):
            raise RuntimeError(f"{log} is no log of writes: {head[: _SUPER.size].hex()}")
        for _ in range(count):
            start, sectors, flags, _ = _ENTRY.unpack_from(file.read(SECTOR))
            if flags & _MARK:
                continue
            data = b"" if flags & _DISCARD else file.read(sectors * SECTOR)
            yield Entry(start * SECTOR, data, bool(flags & (_FLUSH | _FUA)))


def replay(log: Path, disk: Blocks, *, without: int = 0) -> Replayed:
    """Do again on a disk, which is as it was when the log was begun, what the log has up to one of its flushes.

    That is the last one, or one before it: so many of the last flushes are left out.
    """
    done = list(entries(log))
    flushes = [number for number, entry in enumerate(done, start=1) if entry.durable]
    last = flushes[-1 - without] if len(flushes) > without else 0
    for entry in done[:last]:
        if len(entry.data) % BLOCK or entry.physical % BLOCK:
            raise RuntimeError(
                f"a write of {len(entry.data)} bytes at {entry.physical} is of no whole blocks"
            )
        for at in range(0, len(entry.data), BLOCK):
            disk.write(entry.physical + at, entry.data[at : at + BLOCK])
    return Replayed(
        writes=sum(bool(entry.data) for entry in done[:last]),
        flushes=sum(entry.durable for entry in done[:last]),
        forgotten=sum(bool(entry.data) for entry in done[last:]),
    )
