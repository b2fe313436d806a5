"""Where on its disk a file's data are, as its file system tells (FIEMAP): what is beneath the page cache."""

import fcntl
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

BLOCK = 4096
"""The size of a file system's blocks, in bytes; all those that are made here have this one."""

_FIEMAP = 0xC020_660B
_HEAD = struct.Struct("=QQLLLL")
_EXTENT = struct.Struct("=QQQ16xL12x")
_MOST = 256
_LAST = 0x1
_NOT_THERE = 0x2 | 0x4 | 0x8 | 0x200 | 0x400 | 0x800
"""Flags of extents that have no place on the disk, or nothing in it yet: unknown, delayed, encoded, inline, tail,
unwritten."""
_OURS = ".acked-"
"""What the names of files begin with that no system has made."""


class Place(NamedTuple):
    """A block of a file: where it is in the file, and on the disk, in bytes."""

    logical: int
    physical: int


class Blocks(Protocol):
    """A disk, read and written by blocks beneath the file system on it."""

    def read(self, physical: int) -> bytes:
        """Return a block."""

    def write(self, physical: int, content: bytes) -> None:
        """Replace a block."""


def files(folder: Path) -> list[Path]:
    """Return the system's files in a folder and all below it."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and not path.name.startswith(_OURS)
    )


def blocks(path: Path) -> list[Place]:
    """Return the blocks of a file that are on the disk now; what was not yet written out is left out."""
    with path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        return [
            Place(logical + offset, physical + offset)
            for logical, physical, length in _extents(file.fileno())
            for offset in range(0, length, BLOCK)
            if logical + offset < size
        ]


def forget_cached(path: Path) -> None:
    """Have the kernel read a file from the disk again, as far as it has written it there."""
    with path.open("rb", buffering=0) as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _extents(file: int) -> Iterator[tuple[int, int, int]]:
    """Yield where a file's durable parts are: in the file, on the disk, and how long."""
    begin, over = 0, False
    while not over:
        request = bytearray(_HEAD.pack(begin, (1 << 64) - 1 - begin, 0, 0, _MOST, 0))
        request += bytes(_EXTENT.size * _MOST)
        fcntl.ioctl(file, _FIEMAP, request)
        found = _HEAD.unpack_from(request)[3]
        over = not found
        for number in range(found):
            logical, physical, length, flags = _EXTENT.unpack_from(
                request, _HEAD.size + number * _EXTENT.size
            )
            if not flags & _NOT_THERE:
                yield logical, physical, length
            begin, over = logical + length, bool(flags & _LAST)
