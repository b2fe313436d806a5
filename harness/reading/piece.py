"""What a format is: a way to cut a file into pieces, and parsers of one piece, which may run in any process."""

import enum
from typing import Protocol

from harness.reading.events import Events


class MalformedError(Exception):
    """A piece can't be read. `line` counts from 0 within the piece; `incomplete`: it only ends too early."""

    def __init__(self, message: str, line: int, *, incomplete: bool = False) -> None:
        super().__init__(message, line, incomplete)
        self.message = message
        self.line = line
        self.incomplete = incomplete

    def __reduce__(self) -> tuple[object, ...]:
        return (_again, (self.message, self.line, self.incomplete))


def _again(message: str, line: int, incomplete: bool) -> MalformedError:
    return MalformedError(message, line, incomplete=incomplete)


class Cut(enum.Enum):
    """Where a file may be cut into pieces."""

    LINES = enum.auto()
    """After any line."""
    OPERATIONS = enum.auto()
    """Where one operation's braces close and the next one's open, be it on one line or on many."""


class Format(Protocol):
    """One of the formats in which histories are written."""

    name: str
    title: str
    cut: Cut

    def scan(self, piece: bytes) -> Events | None:
        """Return the events of a piece if it is ordinary: fast, and threads scan side by side."""

    def parse(self, piece: bytes) -> Events:
        """Return the events of any piece; raises MalformedError."""
