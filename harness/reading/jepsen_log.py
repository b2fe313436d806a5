r"""Jepsen's log, in which it prints each operation as it begins and as it ends.

    INFO  jepsen.util - 3	:invoke	:write	4
    INFO [2020-01-31 10:15:00,528] jepsen worker 3 - jepsen.util 3	:ok	:read	nil

Process, type, name, value, and then perhaps an error. Whatever else stands in the log is skipped and counted. The
times of a log are those of its printing and too coarse to order operations, so the order of lines does.
"""

import re

from harness.reading import edn
from harness.reading.edn import EdnError
from harness.reading.events import Events
from harness.reading.jepsen import Intake, told
from harness.reading.piece import Cut, MalformedError

LINE = re.compile(
    r"[^\n]*?\bjepsen\.util\s+(?:-\s+)?(?P<process>:?[\w-]+)\s+:(?P<type>invoke|ok|fail|info)\s+:?(?P<f>\S+)"
    r"(?:\s+(?P<rest>[^\n]*))?\Z"
)
"""A line that tells of an operation."""


class JepsenLog:
    """`jepsen.log`, and what Jepsen prints on its standard output."""

    name = "log"
    title = "Jepsen's log (INFO jepsen.util - 3 :invoke :write 4)"
    cut = Cut.LINES

    def scan(self, piece: bytes) -> Events | None:
        """Return None: the scanner knows maps only."""
        return None

    def parse(self, piece: bytes) -> Events:
        """Return the events of a piece."""
        intake = Intake()
        for number, line in enumerate(piece.decode("utf-8", "replace").splitlines()):
            found = LINE.match(line)
            if found is None or not found["process"].isdigit():
                if line.strip():
                    intake.skip()
                continue
            try:
                _take(intake, found)
            except EdnError as error:
                cut_off = number == piece.count(b"\n")
                raise MalformedError(
                    f"a value in EDN was expected: {error}", number, incomplete=cut_off
                ) from error
        return intake.events()


def _take(intake: Intake, found: re.Match[str]) -> None:
    parts = edn.forms(found["rest"] or "nil")
    value, error = parts[0] if parts else None, parts[1] if len(parts) > 1 else None
    if found["type"] in ("fail", "info") and error is None and isinstance(value, str):
        error = value  # `:info :write :timed-out`: it tells why instead of what
    intake.event(found["type"], process=int(found["process"]), f=found["f"], value=value, error=told(error))
