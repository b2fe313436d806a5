"""JSON as it travels and is kept: compact, by an encoder and a decoder that are made once.

`json.dumps` with options and `json.loads` of bytes make or look up more for each call than these small texts cost.
"""

import json
from typing import Any

_encode = json.JSONEncoder(separators=(",", ":")).encode
_decode = json.JSONDecoder().decode


def to_json(value: Any) -> bytes:
    """Return a value as compact JSON; raises TypeError or ValueError for what JSON does not have."""
    return _encode(value).encode()


def from_json(data: bytes | bytearray) -> Any:
    """Return the value of a JSON text in UTF-8; raises ValueError (or RecursionError) if it is none."""
    return _decode(data.decode())
