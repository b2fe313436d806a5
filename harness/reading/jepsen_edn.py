"""Jepsen's histories as it stores them: EDN, an operation's map a line or all of them in a vector."""

import re
from collections.abc import Mapping
from typing import Any

from harness.reading import edn, scanned
from harness.reading.edn import EdnError
from harness.reading.events import Events
from harness.reading.jepsen import Intake
from harness.reading.piece import Cut, MalformedError

_FIELDS = {
    "index": r"\d+",
    "time": r"(?P<time>\d+)",
    "type": r":(?P<type>[a-z]+)",
    "process": r"(?P<process>\d+)",
    "f": r":(?P<f>[^\s,;\"()\[\]{}]+)",
    "value": r"(?P<value>.*)",
}
"""What each field of an ordinary operation looks like; the value is whatever is left."""

_REMEMBERED = 10_000
"""How many values are remembered by their text."""


class JepsenEdn:
    """`history.edn`, and every other file of EDN operation maps."""

    name = "edn"
    title = "Jepsen's EDN (an operation's map a line, or a vector of them)"
    cut = Cut.OPERATIONS

    def scan(self, piece: bytes) -> Events | None:
        """Return the events of an ordinary piece, None for any other."""
        return scanned.jepsen_events(piece, edn=True)

    def parse(self, piece: bytes) -> Events:
        """Return the events of a piece."""
        return _parsed(piece)


def _parsed(piece: bytes) -> Events:
    try:
        text = piece.decode()
    except UnicodeDecodeError as error:
        line = piece.count(b"\n", 0, error.start)
        raise MalformedError(f"UTF-8 was expected: {error.reason}", line) from error
    return _by_lines(text) or _by_forms(text)


def _by_lines(text: str) -> Events | None:
    """Return the events where each line is an operation, most of them alike; None where that is not so.

    A line that looks like the first one is taken apart by one regular expression, five times as fast as EDN in
    general is read.
    """
    lines = text.split("\n")
    first = next((line for line in lines if line.strip(" \r\t,")), "")
    try:
        alike = _like(edn.forms(first))
        if alike is None:
            return None
        intake, remembered = Intake(), dict[str, Any]()
        for line in lines:
            found = alike(line)
            if found is None:
                for op in edn.forms(line):
                    intake.take(op)
                continue
            fields = found.groupdict()
            text_of_value = fields.get("value", "nil")
            if text_of_value in remembered:
                value = remembered[text_of_value]
            else:
                value = edn.parse(text_of_value)
                if len(remembered) < _REMEMBERED:
                    remembered[text_of_value] = value
            intake.event(
                fields["type"],
                process=int(fields["process"]),
                f=fields["f"],
                value=value,
                time_ns=int(fields["time"]) if "time" in fields else None,
            )
    except ValueError:
        return None  # the slow way tells what is wrong, and where
    return intake.events()


def _like(forms: list[Any]) -> Any:
    """Return what matches lines that have the fields of this operation in the same order, if it is ordinary."""
    if len(forms) != 1 or not isinstance(forms[0], Mapping):
        return None
    fields = tuple(forms[0])
    if not {"type", "process", "f"} <= set(fields) <= set(_FIELDS):
        return None
    inner = r"[\s,]+".join(f":{field}\\s+{_FIELDS[field]}" for field in fields)
    return re.compile(rf"[\s,]*(?:#[\w.]+)?\{{{inner}\}}[\s,]*\Z").match


def _by_forms(text: str) -> Events:
    intake = Intake()
    try:
        for op in edn.forms(text):
            intake.take(op)
        return intake.events()
    except EdnError as error:
        line = text.count("\n", 0, error.at)
        raise MalformedError(str(error), line, incomplete=error.incomplete) from error
    except (ValueError, TypeError) as error:
        raise MalformedError(str(error), text.count("\n", 0, edn.starts(text)[intake.taken])) from error
