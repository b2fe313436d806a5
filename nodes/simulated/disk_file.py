"""One file of a simulated disk: what processes see, what is durable, and what became of it when power was lost.

Between the two stand the changes that were not flushed, in order. The page cache writes a file back sector by
sector, each at any time and in any order, so a power cut leaves each sector in one of the states that it has had
since the last flush: a write may be lost, kept, torn where a sector ends, or overtaken by a later one. Within a
sector there is no tearing and no overtaking, because disks write whole sectors and the page cache is always as
new as the last write. The length is, likewise, one of those that the file has had; a write that makes it longer
may do so up to any sector.

Contents end with the last byte that was written; up to the length follow zeros that cost nothing.
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from nodes.simulated.disk_choices import Choices

SECTOR_BYTES = 512

Change = tuple[int, bytes | None, int]
"""Something not flushed: an offset, the bytes written there (None: all from there on was cut off), and the
file's length after it."""

Ranges = Sequence[tuple[int, int]]
"""Stretches of a file: where each begins and where it ends."""


class File:
    """A file, whatever names it has. `path` is the one that processes see, `durable_path` the durable one."""

    __slots__ = (
        "base", "cached", "durable", "durable_path", "durable_size", "locked_by", "opened", "path", "size",
        "unflushed",
    )  # fmt: skip

    def __init__(self) -> None:
        self.path: Path | None = None
        self.durable_path: str | None = None
        self.opened = 0
        self.locked_by: int | None = None
        self.cached = bytearray()
        self.size = 0
        self.durable = bytearray()
        self.durable_size = 0
        self.unflushed: list[Change] = []
        self.base = 0
        """How many changes were flushed, or lost, before those in `unflushed`."""

    def copy(self) -> "File":
        """Return a file in the same state that nobody has open."""
        other = File()
        other.path, other.durable_path = self.path, self.durable_path
        other.cached, other.size = self.cached[:], self.size
        other.durable, other.durable_size = self.durable[:], self.durable_size
        other.unflushed, other.base = self.unflushed[:], self.base
        return other

    # What processes do

    def read(self, size: int, offset: int) -> bytes:
        """Return what processes see."""
        return _cut_out(self.cached, self.size, offset, offset + size)

    def write(self, data: bytes, offset: int, *, landing: int | None) -> None:
        """Write into the page cache; what goes to the disk will go to `landing`, or nowhere if that is None."""
        cached, end = self.cached, offset + len(data)
        if offset > len(cached):
            cached.extend(bytes(offset - len(cached)))
        if offset == len(cached):
            cached += data
        else:
            cached[offset:end] = data
        self.size = max(self.size, end)
        self.unflushed.append((offset, b"", self.size) if landing is None else (landing, data, self.size))

    def allocate(self, size: int) -> None:
        """Make it longer."""
        self.size = size
        self.unflushed.append((size, b"", size))

    def truncate(self) -> None:
        """Make it empty."""
        self.cached.clear()
        self.size = 0
        self.unflushed.append((0, None, 0))

    # What becomes durable

    def flush(self, count: int) -> None:
        """Make the first `count` unflushed changes durable."""
        durable, unflushed = self.durable, self.unflushed
        for offset, data, _ in unflushed if count == len(unflushed) else unflushed[:count]:
            _apply(durable, offset, data)
        self.durable_size = unflushed[count - 1][2]
        self.drop(count)

    def drop(self, count: int) -> None:
        """Take the first `count` unflushed changes for clean, without writing them."""
        del self.unflushed[:count]
        self.base += count

    def ranges(self, count: int) -> list[tuple[int, int]]:
        """Return what the first `count` unflushed changes have written."""
        return [(offset, offset + len(data)) for offset, data, _ in self.unflushed[:count] if data]

    def content(self, start: int = 0) -> bytes:
        """Return what is durable from `start` on."""
        return _cut_out(self.durable, self.durable_size, start, self.durable_size)

    def written(self, start: int) -> bytes:
        """Return what is durable from `start` on, without the zeros that were never written."""
        return bytes(self.durable[start : self.durable_size])

    # What a power cut leaves

    def lose_power(self, choices: Choices) -> int:
        """Choose a fate for every sector and the length; return how many of them did not keep their last state."""
        lost = 0
        if self.unflushed:
            lengths = self._lengths()
            kept = choices.below(f"{self.durable_path} length", len(lengths)) if len(lengths) > 1 else 0
            lost += lengths[kept] != self.size
            for sector, versions in self._versions(lengths[kept]):
                version = versions[choices.below(f"{self.durable_path} sectors", len(versions))]
                lost += version != _sector(self.cached, sector * SECTOR_BYTES)
                _apply(self.durable, sector * SECTOR_BYTES, version)
            self.durable_size = lengths[kept]
            self.drop(len(self.unflushed))
        del self.durable[self.durable_size :]
        self.cached, self.size = self.durable[:], self.durable_size
        self.path = None if self.durable_path is None else Path(self.durable_path)
        return lost

    def states(self) -> int:
        """Return how many states a power cut can leave; some of them may look the same."""
        return sum(
            math.prod(len(versions) for _, versions in self._versions(length)) for length in self._lengths()
        )

    def _lengths(self) -> list[int]:
        """Return the lengths since the last flush, the durable one first."""
        lengths = {self.durable_size: None}
        size = self.durable_size
        for _, data, after in self.unflushed:
            if data:
                lengths |= dict.fromkeys(range(_round_down(size) + SECTOR_BYTES, after, SECTOR_BYTES))
            size = after
            lengths[size] = None
        return list(lengths)

    def _versions(self, length: int) -> Iterator[tuple[int, list[bytes]]]:
        """Yield the sectors that begin before `length` and have changed, each with its states, in order."""
        content = self.durable[:]
        found: dict[int, dict[bytes, None]] = {}
        for offset, data, _ in self.unflushed:
            end = len(content) if data is None else offset + len(data)
            first = _round_down(offset)
            for start in range(first, min(end, length), SECTOR_BYTES):
                found.setdefault(start, {_sector(content, start): None})
            _apply(content, offset, data)
            for start in range(first, min(end, length), SECTOR_BYTES):
                found[start][_sector(content, start)] = None
        for start in sorted(found):
            if len(found[start]) > 1:
                yield start // SECTOR_BYTES, list(found[start])

    # Damage

    def elsewhere(self, data: bytes, offset: int, choices: Choices) -> int | None:
        """Choose another place for a write, a number of sectors away; None if there is none in the file."""
        within = offset % SECTOR_BYTES
        places = (self.size - len(data) - within) // SECTOR_BYTES + 1
        if places < 2:
            return None
        place = choices.below("misdirected to", places - 1)
        return within + (place + (place >= offset // SECTOR_BYTES)) * SECTOR_BYTES

    def rot(self, choices: Choices) -> int | None:
        """Flip a durable bit, and the cached one unless it waits to be written; return in which byte, if any.

        Zeros behind all that was written are left alone, unless there is nothing else: nobody minds what becomes
        of space that is only reserved.
        """
        if not self.durable:
            return None
        size = len(self.durable.rstrip(b"\0")) or len(self.durable)
        at, bit = divmod(choices.below(f"{self.durable_path} rotten bit", size * 8), 8)
        self.durable[at] ^= 1 << bit
        dirty = any(
            offset <= at and (data is None or at < offset + len(data)) for offset, data, _ in self.unflushed
        )
        if not dirty and at < len(self.cached):
            self.cached[at] ^= 1 << bit
        return at


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
    elif data:
        if offset > len(content):
            content.extend(bytes(offset - len(content)))
        if offset == len(content):
            content += data
        else:
            content[offset : offset + len(data)] = data


def _cut_out(content: bytearray, size: int, start: int, end: int) -> bytes:
    end = min(end, size)
    found = bytes(content[start:end])
    return found + bytes(end - start - len(found)) if len(found) < end - start else found


def _sector(content: bytearray, start: int) -> bytes:
    return bytes(content[start : start + SECTOR_BYTES]).ljust(SECTOR_BYTES, b"\0")


def _round_down(offset: int) -> int:
    return offset - offset % SECTOR_BYTES
