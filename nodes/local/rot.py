"""Flips bits of what a file system has made durable, beneath it: in the image that is its disk.

The file system is asked where on the disk its files are (FIEMAP), and one byte is changed there. Its page cache
knows nothing of that, so it is told to forget the file: what it has not written yet it keeps, and writes over the
damage, as on a real disk.
"""

import fcntl
import os
import struct
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from harness.draws import Draws

_FIEMAP = 0xC020_660B
_HEAD = struct.Struct("=QQLLLL")
_EXTENT = struct.Struct("=QQQQQLLLL")
_MOST_EXTENTS = 64
_NOT_THERE = 0x2 | 0x4 | 0x8 | 0x200 | 0x400 | 0x800
"""Flags of extents that have no place on the disk, or nothing in it yet: unknown, delayed, encoded, inline, tail,
unwritten."""


class Piece(Struct, frozen=True, kw_only=True):
    """Bytes of a file that are durable: where they are in the file and on the disk, without zeros at the end."""

    path: Path
    at: int
    disk_at: int
    data: bytes


def rot(folder: Path, image: Path, bits: int, draws: Draws) -> int:
    """Flip bits of the files in a folder, whose file system is in an image; return how many files show it.

    Each bit is drawn among all that is durable; it counts if the file then reads so. Blocks.
    """
    with image.open("r+b", buffering=0) as disk:
        pieces = [piece for path in _files(folder) for piece in _pieces(path, disk.fileno())]
        total = sum(len(piece.data) for piece in pieces)
        return sum(_flip(pieces, disk.fileno(), draws, total) for _ in range(bits)) if total else 0


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _pieces(path: Path, disk: int) -> Iterator[Piece]:
    with path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        for at, disk_at, length in _extents(file.fileno()):
            data = os.pread(disk, max(0, min(length, size - at)), disk_at).rstrip(b"\0")
            if data:
                yield Piece(path=path, at=at, disk_at=disk_at, data=data)


def _extents(file: int) -> Iterator[tuple[int, int, int]]:
    """Yield where a file's durable parts are: in the file, on the disk, and how long."""
    request = bytearray(
        _HEAD.pack(0, 2**64 - 1, 0, 0, _MOST_EXTENTS, 0) + bytes(_EXTENT.size * _MOST_EXTENTS)
    )
    fcntl.ioctl(file, _FIEMAP, request)
    for number in range(_HEAD.unpack_from(request)[3]):
        at, disk_at, length, _, _, flags, *_ = _EXTENT.unpack_from(
            request, _HEAD.size + number * _EXTENT.size
        )
        if not flags & _NOT_THERE:
            yield at, disk_at, length


def _flip(pieces: list[Piece], disk: int, draws: Draws, total: int) -> bool:
    place = draws.below(total)
    for piece in pieces:
        if place < len(piece.data):
            break
        place -= len(piece.data)
    before = os.pread(disk, 1, piece.disk_at + place)
    after = bytes([before[0] ^ 1 << draws.below(8)])
    os.pwrite(disk, after, piece.disk_at + place)
    with piece.path.open("rb", buffering=0) as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return os.pread(file.fileno(), 1, piece.at + place) == after
