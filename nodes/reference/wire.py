"""Frames on a TCP connection, between nodes and with clients.

A frame is `size u32 | header size u32 | header | blob`: `size` counts what follows it, the header is a JSON
object, the blob bytes (entries, or a part of a snapshot). A client's request has an `id` that its answer repeats.
"""

import struct
from typing import Any

from nodes.reference.text import from_json, to_json

_SIZES = struct.Struct(">II")
_SIZES_BYTES = _SIZES.size
MAX_FRAME = 8 << 20
"""No frame is larger (bytes); whoever announces one is cut off."""


class GarbageError(Exception):
    """What came in is not a frame."""


def pack(header: bytes, blob: bytes = b"") -> bytes:
    """Return a frame."""
    return _SIZES.pack(4 + len(header) + len(blob), len(header)) + header + blob


def pack_json(header: dict[str, Any]) -> bytes:
    """Return a frame with a header, whatever is in it, and no blob; raises what `to_json` does."""
    return pack(to_json(header))


class Splitter:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def feed(self, data: bytes) -> list[tuple[dict[str, Any], bytes]]:
        """Take in bytes and return the frames that are complete now; raises GarbageError."""
        kept = self._kept
        if kept:
            kept += data
        buffer = kept or data
        frames: list[tuple[dict[str, Any], bytes]] = []
        start, length = 0, len(buffer)
        while length - start >= _SIZES_BYTES:
            size, header_size = _SIZES.unpack_from(buffer, start)
            if not 4 + header_size <= size <= MAX_FRAME:
                raise GarbageError(f"impossible frame sizes {size} and {header_size}")
            end = start + 4 + size
            if length < end:
                break
            middle = start + _SIZES_BYTES + header_size
            try:
                header = from_json(buffer[start + _SIZES_BYTES : middle])
            except (ValueError, RecursionError) as error:
                raise GarbageError(f"a header that is no JSON: {error}") from error
            if not isinstance(header, dict):
                raise GarbageError("a header that is no JSON object")
            frames.append((header, bytes(buffer[middle:end])))
            start = end
        if kept:
            del kept[:start]
        elif start < length:
            kept += data[start:]
        return frames
