"""Snapshots on disk: the state up to an index, as rows in frames with a checksum each.

A snapshot is written under another name, flushed, and renamed, so that there is always one whole snapshot or
none.
"""

import contextlib
import json
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from nodes.reference.durable import sync_folder
from nodes.reference.log import Range
from nodes.reference.state import State

_HEAD = struct.Struct(">II")


class UnsoundError(Exception):
    """The file is no whole snapshot."""


def chunk(value: Any) -> bytes:
    """Return the frame of one header, of some rows, or of the end."""
    body = json.dumps(value, separators=(",", ":")).encode()
    return _HEAD.pack(len(body), zlib.crc32(body)) + body


class SnapshotWriter:
    """A snapshot in the making."""

    def __init__(self, folder: Path, index: int, history: Sequence[Range]) -> None:
        self._path = folder / "snapshot"
        self._making = folder / "snapshot.new"
        self._count = 0
        self._file = self._making.open("wb")
        self._file.write(chunk({"index": index, "history": list(history)}))

    def rows(self, rows: Sequence[list[Any]]) -> None:
        """Add rows."""
        self._file.write(chunk(list(rows)))
        self._count += len(rows)

    def finish(self) -> None:
        """Make the snapshot durable and current."""
        self._file.write(chunk({"rows": self._count}))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        adopt(self._making, self._path)

    def abandon(self) -> None:
        """Remove what was written."""
        with contextlib.suppress(OSError):  # what can't be written any more is not wanted any more
            self._file.close()
        self._making.unlink(missing_ok=True)


def adopt(made: Path, path: Path) -> None:
    """Give a durable file its final name, durably."""
    made.rename(path)
    sync_folder(path.parent)


def read(path: Path, state: State) -> tuple[int, list[Range]]:
    """Load a snapshot into an empty state; return its index and the history of epochs up to it.

    Raises UnsoundError unless the file is whole and every checksum right.
    """
    chunks = _chunks(path)
    head = next(chunks, None)
    if not isinstance(head, dict) or "history" not in head:
        raise UnsoundError(f"{path.name} has no head")
    count = 0
    for rows in chunks:
        if isinstance(rows, dict):
            if rows != {"rows": count} or next(chunks, None) is not None:
                raise UnsoundError(f"{path.name} does not end where it should")
            return int(head["index"]), [(epoch, first, last) for epoch, first, last in head["history"]]
        for row in rows:
            state.load(row)
        count += len(rows)
    raise UnsoundError(f"{path.name} is cut short")


def _chunks(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:
        while head := file.read(_HEAD.size):
            if len(head) < _HEAD.size:
                raise UnsoundError(f"{path.name} is cut short")
            length, crc = _HEAD.unpack(head)
            body = file.read(length)
            if len(body) != length or zlib.crc32(body) != crc:
                raise UnsoundError(f"{path.name} is damaged {file.tell() - len(body)} bytes from its start")
            yield json.loads(body)
