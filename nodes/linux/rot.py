"""Flips bits of what a file system has made durable, beneath it: on its disk.

The file system is asked where its files are there, and one byte is changed. Its page cache knows nothing of that,
so it is told to forget the file: what it has not written yet it keeps, and writes over the damage, as on a real
disk.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from nodes.linux import extents
from nodes.linux.extents import BLOCK, Blocks, Place


class _Piece(NamedTuple):
    """A block of a file that holds something durable: its first `used` bytes, without zeros at the end."""

    path: Path
    place: Place
    used: int


def rot(folder: Path, disk: Blocks, bits: int, below: Callable[[int], int]) -> int:
    """Flip bits of the files in a folder, whose file system is on a disk; return how many files show it.

    Each bit is drawn among all that is durable, by `below`, which draws a number below its argument; it counts if
    the file then reads so. Blocks.
    """
    pieces = [piece for path in extents.files(folder) for piece in _pieces(path, disk)]
    total = sum(piece.used for piece in pieces)
    return sum(_flip(pieces, disk, below, total) for _ in range(bits)) if total else 0


def _pieces(path: Path, disk: Blocks) -> list[_Piece]:
    size = path.stat().st_size
    found = [
        _Piece(path, place, len(disk.read(place.physical)[: min(BLOCK, size - place.logical)].rstrip(b"\0")))
        for place in extents.blocks(path)
        if place.logical < size
    ]
    return [piece for piece in found if piece.used]


def _flip(pieces: list[_Piece], disk: Blocks, below: Callable[[int], int], total: int) -> bool:
    at = below(total)
    for piece in pieces:
        if at < piece.used:
            break
        at -= piece.used
    content = bytearray(disk.read(piece.place.physical))
    content[at] ^= 1 << below(8)
    disk.write(piece.place.physical, bytes(content))
    extents.forget_cached(piece.path)
    with piece.path.open("rb", buffering=0) as file:
        return os.pread(file.fileno(), 1, piece.place.logical + at) == content[at : at + 1]
