"""Where on its device a file's data are, and how to read and write them there, past the page cache."""

import fcntl
import mmap
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

BLOCK = 4096
_FIEMAP = 0xC020_660B
_HEADER = struct.Struct("=QQLLLL")
_EXTENT = struct.Struct("=QQQ16xL12x")
_MOST = 256
_NOT_THERE = 0x2 | 0x4 | 0x8 | 0x200 | 0x800
"""Flags of extents whose data are at no place of their own: unknown, delayed, encoded, inline, unwritten."""


class Place(NamedTuple):
    """A block of a file: where it is in the file, and on the device, in bytes."""

    logical: int
    physical: int


def files(folder: str) -> Iterator[Path]:
    """Yield the system's files in a folder and all below it; ours have a dot before their names."""
    for path in sorted(Path(folder).rglob("[!.]*")):
        if path.is_file() and not path.is_symlink():
            yield path


def blocks(path: Path) -> list[Place]:
    """Return the blocks of a file that are on the device now; what was not yet written out is left out."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        request = bytearray(_HEADER.pack(0, (1 << 64) - 1, 0, 0, _MOST, 0) + bytes(_EXTENT.size * _MOST))
        fcntl.ioctl(file.fileno(), _FIEMAP, request)
    found = _HEADER.unpack_from(request)[3]
    return [
        Place(logical + offset, physical + offset)
        for number in range(found)
        for logical, physical, length, flags in [
            _EXTENT.unpack_from(request, _HEADER.size + number * _EXTENT.size)
        ]
        if not flags & _NOT_THERE
        for offset in range(0, length, BLOCK)
        if logical + offset < size
    ]


class Device:
    """A block device, read and written directly."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_DIRECT)
        self._buffer = mmap.mmap(-1, BLOCK)  # aligned, as direct input and output must be

    def __enter__(self) -> "Device":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)
        self._buffer.close()

    def read(self, physical: int) -> bytes:
        """Return a block."""
        try:
            os.preadv(self._fd, [self._buffer], physical)
        except OSError:
            # The kernel tells the first reader of a write of its own that failed some time ago; only once.
            os.preadv(self._fd, [self._buffer], physical)
        return self._buffer[:]

    def write(self, physical: int, content: bytes) -> None:
        """Replace a block."""
        self._buffer[:] = content
        os.pwritev(self._fd, [self._buffer], physical)


def forget_cached(path: Path) -> None:
    """Have the kernel read a file from the device again, as far as it has written it there."""
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
