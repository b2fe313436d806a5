"""Entries of the log and the frames that carry them, on disk and on the wire alike.

A frame is `length u32 | crc32 u32 | body`, the CRC over the body; a body is `index u64 | epoch u64 | payload`,
the payload a JSON command, empty for the entry that opens an epoch.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Any

from nodes.reference.text import from_json

FRAME = struct.Struct(">II")
HEAD = struct.Struct(">QQ")
_HEAD_BYTES = HEAD.size
_BODY = FRAME.size
"""Where a frame's body begins."""

_PAYLOAD = _BODY + _HEAD_BYTES
"""Where its payload does."""

MAX_BODY = 2 << 20
"""No entry is larger (bytes)."""
MAX_PAYLOAD = MAX_BODY - HEAD.size


class DamageError(Exception):
    """Bytes that should be a frame are not one."""


def encode(index: int, epoch: int, payload: bytes) -> bytes:
    """Return the frame of an entry."""
    body = HEAD.pack(index, epoch) + payload
    return FRAME.pack(len(body), zlib.crc32(body)) + body


def command(frame: bytes) -> dict[str, Any] | None:
    """Return the command in a frame, or None if its entry only opens an epoch.

    The CRC was checked when the frame came in.
    """
    payload = frame[_PAYLOAD:]
    return from_json(payload) if payload else None


def position(frame: bytes) -> tuple[int, int]:
    """Return the index and the epoch of a frame, without touching its payload."""
    index, epoch = HEAD.unpack_from(frame, _BODY)
    return index, epoch


def frame_at(data: bytes | memoryview, offset: int) -> bytes | None:
    """Return the frame that starts at `offset`, or None where zeros or nothing mark the end.

    Raises DamageError when there is something, but not a whole and sound frame.
    """
    start = offset + _BODY
    if start > len(data):
        if any(data[offset:]):
            raise DamageError(f"{len(data) - offset} stray bytes at byte {offset}")
        return None
    length, crc = FRAME.unpack_from(data, offset)
    if length == 0 and crc == 0:
        return None
    end = start + length
    if not _HEAD_BYTES <= length <= MAX_BODY or end > len(data):
        raise DamageError(f"impossible length {length} at byte {offset}")
    if zlib.crc32(data[start:end]) != crc:
        raise DamageError(f"wrong checksum at byte {offset}")
    return bytes(data[offset:end])


def frames_in(data: bytes) -> Iterator[bytes]:
    """Yield the frames that lie end to end in `data`; raises DamageError if they do not fill it."""
    offset = 0
    while offset < len(data):
        frame = frame_at(data, offset)
        if frame is None:
            raise DamageError(f"a gap at byte {offset}")
        yield frame
        offset += len(frame)
