"""What a power cut leaves of writes that nobody had flushed: some of them, torn where a sector ends, in any order.

A kernel writes out what it likes when it likes, and a disk keeps what it was given sector by sector. So before
the file system is cut off it is looked which sectors show other bytes in the page cache than on the disk; once
nothing can be written any more, some of them are put there, beneath the file system. Only blocks that their file
has on the disk are looked at: what was never given a place is lost, as names are that were not flushed.
"""

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from harness.draws import Draws
from nodes.linux import extents
from nodes.linux.extents import BLOCK, Blocks

SECTOR = 512
"""What a disk writes whole or not at all, in bytes."""

RECENT_S = 120.0
"""A file that nobody has written to for so long has nothing unflushed: the kernel writes out what is 30 s old."""


class Sector(NamedTuple):
    """A sector whose content in the page cache, `fresh`, is not what the disk holds, `stale`."""

    physical: int
    stale: bytes
    fresh: bytes


def unflushed(folder: Path, disk: Blocks) -> list[list[Sector]]:
    """Return the sectors of each file in a folder that are not on the disk yet, in the file's order. Blocks."""
    recent, found = time.time() - RECENT_S, []
    for path in extents.files(folder):
        with suppress(FileNotFoundError):  # whoever was about to remove it has done so
            if path.stat().st_mtime >= recent and (sectors := _of_file(path, disk)):
                found.append(sectors)
    return found


def drawn(files: Iterable[list[Sector]], draws: Draws) -> list[Sector]:
    """Draw which sectors reach the disk: of every third power cut none, else of each file the first, or any."""
    if not draws.below(3):
        return []
    kept: list[Sector] = []
    for sectors in files:
        if draws.chance(0.5):
            kept += sectors[: draws.below(len(sectors))]
        else:
            kept += [sector for sector in sectors if draws.chance(0.5)]
    return kept


def put(sectors: Iterable[Sector], disk: Blocks) -> None:
    """Write sectors to the disk, except where it has got other content since they were looked at. Blocks."""
    for sector in sectors:
        place = sector.physical % BLOCK
        block = disk.read(sector.physical - place)
        if block[place : place + SECTOR] == sector.stale:
            disk.write(sector.physical - place, block[:place] + sector.fresh + block[place + SECTOR :])


def _of_file(path: Path, disk: Blocks) -> list[Sector]:
    places = extents.blocks(path)
    with path.open("rb", buffering=0) as file:
        return [
            Sector(place.physical + at, stale[at : at + SECTOR], fresh[at : at + SECTOR])
            for place in places
            if (fresh := os.pread(file.fileno(), BLOCK, place.logical).ljust(BLOCK, b"\0"))
            != (stale := disk.read(place.physical))
            for at in range(0, BLOCK, SECTOR)
            if fresh[at : at + SECTOR] != stale[at : at + SECTOR]
        ]
