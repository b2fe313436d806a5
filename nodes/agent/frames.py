"""Messages on a stream of bytes: a JSON object and raw bytes behind it, both with their length in front."""

import json
import struct
from typing import Any, NamedTuple

_LENGTHS = struct.Struct("!II")
MOST_HEAD_BYTES = 1 << 20
MOST_BODY_BYTES = 1 << 22

Head = dict[str, Any]


class FrameError(Exception):
    """What arrived is not a message."""


class Frame(NamedTuple):
    """One message: its head, and the bytes that come with it."""

    head: Head
    body: bytes


def encode(head: Head, body: bytes = b"") -> bytes:
    """Return a message as bytes; raises FrameError when it is too long."""
    text = json.dumps(head, separators=(",", ":")).encode()
    if len(text) > MOST_HEAD_BYTES or len(body) > MOST_BODY_BYTES:
        raise FrameError(f"a message of {len(text)} and {len(body)} bytes is too long")
    return _LENGTHS.pack(len(text), len(body)) + text + body


class Decoder:
    """Puts messages together again from what arrives, in whatever pieces that is."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, chunk: bytes) -> list[Frame]:
        """Take what was read and return the messages that it completes; raises FrameError."""
        self._data += chunk
        frames = []
        while len(self._data) >= _LENGTHS.size:
            head_bytes, body_bytes = _LENGTHS.unpack_from(self._data)
            if head_bytes > MOST_HEAD_BYTES or body_bytes > MOST_BODY_BYTES:
                raise FrameError(f"a message says that it has {head_bytes} and {body_bytes} bytes")
            begin, end = _LENGTHS.size, _LENGTHS.size + head_bytes + body_bytes
            if len(self._data) < end:
                break
            try:
                head = json.loads(self._data[begin : begin + head_bytes])
            except ValueError as error:
                raise FrameError(f"a message that is no JSON: {error}") from error
            if not isinstance(head, dict):
                raise FrameError("a message that is no object")
            frames.append(Frame(head, bytes(self._data[begin + head_bytes : end])))
            del self._data[:end]
        return frames
