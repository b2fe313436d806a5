"""Snapshots on disk: the state up to an index, as rows in frames with a checksum each.

A snapshot is written under another name, flushed, and renamed, so that there is always one whole snapshot or
none.
"""

import contextlib
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from nodes.reference.files import Files, read_whole
from nodes.reference.log import Range
from nodes.reference.state import State
from nodes.reference.text import from_json, own_json

_HEAD = struct.Struct(">II")


class UnsoundError(Exception):
    """The file is no whole snapshot."""


def chunk(value: Any) -> bytes:
    """Return the frame of one header, of some rows, or of the end."""
    body = own_json(value)
    return _HEAD.pack(len(body), zlib.crc32(body)) + body


class SnapshotWriter:
    """A snapshot in the making."""

    def __init__(self, folder: Path, index: int, history: Sequence[Range], *, files: Files) -> None:
        self._files = files
        self._path = folder / "snapshot"
        self._making = folder / "snapshot.new"
        self._count = 0
        self._offset = 0
        self._descriptor = files.open(self._making, create=True, truncate=True)
        self._write({"index": index, "history": list(history)})

    def rows(self, rows: Sequence[list[Any]]) -> None:
        """Add rows."""
        self._write(list(rows))
        self._count += len(rows)

    def finish(self) -> None:
        """Make the snapshot durable and current."""
        self._write({"rows": self._count})
        self._files.sync(self._descriptor)
        self._files.close(self._descriptor)
        adopt(self._making, self._path, files=self._files)

    def abandon(self) -> None:
        """Remove what was written."""
        with contextlib.suppress(OSError):  # what can't be written any more is not wanted any more
            self._files.close(self._descriptor)
        with contextlib.suppress(FileNotFoundError):
            self._files.unlink(self._making)

    def _write(self, value: Any) -> None:
        data = chunk(value)
        self._files.write(self._descriptor, data, self._offset)
        self._offset += len(data)


def adopt(made: Path, path: Path, *, files: Files) -> None:
    """Give a durable file its final name, durably."""
    files.rename(made, path)
    files.sync_folder(path.parent)


def read(path: Path, state: State, *, files: Files) -> tuple[int, list[Range]]:
    """Load a snapshot into an empty state; return its index and the history of epochs up to it.

    Raises UnsoundError unless the file is whole and every checksum right.
    """
    chunks = _chunks(path.name, read_whole(files, path))
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


def _chunks(name: str, data: bytes) -> Iterator[Any]:
    offset = 0
    while offset < len(data):
        if offset + _HEAD.size > len(data):
            raise UnsoundError(f"{name} is cut short")
        length, crc = _HEAD.unpack_from(data, offset)
        offset += _HEAD.size
        body = data[offset : offset + length]
        if not length or len(body) != length or zlib.crc32(body) != crc:  # zeros have the right one
            raise UnsoundError(f"{name} is damaged {offset} bytes from its start")
        yield from_json(body)
        offset += length
