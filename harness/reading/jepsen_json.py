"""Operation maps as JSON, which elle-cli and its like read and write: objects a line, or in an array."""

import contextlib
import json
import re
from typing import Any

import msgspec

from harness.reading import scanned
from harness.reading.events import Events
from harness.reading.jepsen import Intake
from harness.reading.piece import Cut, MalformedError

_BLANKS = b" \t\r\n,"
_BOUNDARY = re.compile(rb"\}[\s,]*\{")
_LINE_END = re.compile(rb"\}[ \t]*,?[ \t\r]*\n[\s,]*\{")
_PLACE = re.compile(r"\(byte (\d+)\)")


class JepsenJson:
    """JSON objects with `type`, `process`, `f`, `value`."""

    name = "json"
    title = (
        'JSON operation maps ({"type":"invoke","process":0,"f":"write","value":3}), by line or in an array'
    )
    cut = Cut.OPERATIONS

    def scan(self, piece: bytes) -> Events | None:
        """Return the events of an ordinary piece, None for any other."""
        return scanned.jepsen_events(piece, edn=False)

    def parse(self, piece: bytes) -> Events:
        """Return the events of a piece."""
        return _parsed(piece)


def _parsed(piece: bytes) -> Events:
    intake = Intake()
    ops = _objects(piece)
    try:
        for op in ops:
            intake.take(op)
        return intake.events()
    except (ValueError, TypeError) as error:
        raise MalformedError(str(error), _line_of(piece, intake.taken)) from error


def _objects(piece: bytes) -> list[Any]:
    """Return the objects of a piece, which are separated by commas or by line ends."""
    bare = piece.strip(_BLANKS)
    boundary = _LINE_END.search(bare) or _BOUNDARY.search(bare)
    by_comma = boundary is None or b"," in boundary[0]
    try:
        return _listed(bare) if by_comma else _by_lines(bare)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
            return _by_lines(bare) if by_comma else _listed(bare)  # what was found was within an operation
        before = piece.count(b"\n", 0, piece.find(bare))
        raise _malformed(bare, before, by_comma=by_comma, error=error) from error


def _listed(bare: bytes) -> list[Any]:
    found: list[Any] = msgspec.json.decode(b"[" + bare + b"]")
    return found


def _by_lines(bare: bytes) -> list[Any]:
    return msgspec.json.Decoder().decode_lines(bare)


def _malformed(bare: bytes, before: int, *, by_comma: bool, error: Exception) -> MalformedError:
    """Return what is wrong, and on which line; `before` counts the lines before `bare`."""
    if by_comma:
        place = _PLACE.search(str(error))
        at = min(int(place[1]) - 1, len(bare)) if place else len(bare)
        return MalformedError(str(error), before + bare.count(b"\n", 0, at), incomplete=at >= len(bare))
    lines = bare.split(b"\n")
    for number, line in enumerate(lines):
        try:
            msgspec.json.decode(line or b"null")
        except (msgspec.DecodeError, UnicodeDecodeError) as told:
            return MalformedError(str(told), before + number, incomplete="truncated" in str(told))
    return MalformedError(str(error), before)


def _line_of(piece: bytes, number: int) -> int:
    """Return the line on which an object begins; the piece is sound up to there."""
    text, decoder = piece.decode(), json.JSONDecoder()
    at = 0
    for left in range(number, -1, -1):
        at += len(text[at:]) - len(text[at:].lstrip(" \t\r\n,"))
        if left:
            at = decoder.raw_decode(text, at)[1]
    return text.count("\n", 0, at)
