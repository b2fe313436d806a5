"""JSON as it travels and is kept: compact, by an encoder and a decoder that are made once.

`json.dumps` with options and `json.loads` of bytes make or look up more for each call than these small texts cost.
Where msgspec is installed it reads them, and writes what a node says, several times faster. What it would read
or write as another value is left to `json`: with it and without it, values are the same, and so are the texts
but for numbers with an exponent.

NaN and the infinities are refused, both ways: JSON does not have them.
"""

import json
import math
from collections.abc import Callable
from json import encoder
from typing import Any

_encoder = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
_pieces: Callable[[Any, int], tuple[str, ...]] | None = None
if make := getattr(encoder, "c_make_encoder", None):
    # What `encode` makes anew for each call, but for its memo of the containers that it is in.
    _pieces = make(
        None, _encoder.default, encoder.encode_basestring_ascii, None, ":", ",", False, False, False
    )


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _no_number(text)


_decode = json.JSONDecoder(parse_float=_finite, parse_constant=_no_number).decode
_DELETE = 0x7F
"""The one ASCII character that is no control character and that `json` escapes."""

_decode_most: Callable[[bytes | bytearray], Any] | None = None
_encode_most: Callable[[Any], bytes] | None = None

try:
    from msgspec import MsgspecError
    from msgspec.json import Decoder, Encoder
except ImportError:
    pass
else:
    _decode_most, _encode_most = Decoder().decode, Encoder().encode


def to_json(value: Any) -> bytes:
    """Return a value, whatever it is, as compact JSON.

    Raises TypeError, ValueError or, for what holds itself, RecursionError: JSON does not have that.
    """
    text = _encoder.encode(value) if _pieces is None else "".join(_pieces(value, 0))
    return text.encode()


def own_json(value: Any) -> bytes:
    """Return what `to_json` does, for what a node says: what it has read from JSON, and what is as plain.

    Not for what clients come with: msgspec makes something of bytes and dates too.
    """
    if _encode_most is not None:
        try:
            data = _encode_most(value)
        except (MsgspecError, UnicodeError, OverflowError):
            return to_json(value)  # half a surrogate pair, or a number of more than 64 bits
        if data.isascii() and _DELETE not in data:
            return data
    return to_json(value)


def from_json(data: bytes | bytearray) -> Any:
    """Return the value of a JSON text in UTF-8; raises ValueError (or RecursionError) if it is none."""
    if _decode_most is not None:
        try:
            return _decode_most(data)
        except (MsgspecError, UnicodeError):
            pass  # half a surrogate pair, or no JSON at all
    return _decode(data.decode())


def is_deeper(value: Any, levels: int) -> bool:
    """Tell whether a value is nested in more than so many levels of lists and objects."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(levels):
        if not level:
            return False
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
    return bool(level)
