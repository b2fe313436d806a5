"""What a process prints, as it is kept: a log, whole lines for whoever listens, and its last words."""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from harness.errors import FolderError
from nodes.linux.lines import LineBuffer

OnLine = Callable[[int, bytes], None]
"""Receives each whole line with the time at which it was read."""

_TAIL_BYTES = 1 << 10
"""How much is kept in memory of the end of an output, for the last words of a process."""


class Output:
    """One stream of a process: appended to `log` (closed at the end), and passed on line by line."""

    def __init__(self, log: int, log_path: Path, on_line: OnLine | None) -> None:
        self._log: int | None = log
        self._log_path = log_path
        self._on_line = on_line
        self._buffer = LineBuffer()
        self._tail = b""
        self._loop = asyncio.get_running_loop()

    @property
    def last_line(self) -> str:
        """The last line that has come, be it whole or not, that is not blank; as text that is safe to show."""
        lines = self._tail.decode(errors="replace").strip().splitlines()
        return "".join(letter if letter.isprintable() else "?" for letter in lines[-1]) if lines else ""

    def take(self, at_ns: int, chunk: bytes) -> None:
        """Take what was read at `at_ns`."""
        self._tail = (self._tail + chunk[-_TAIL_BYTES:])[-_TAIL_BYTES:]
        block, lines = self._buffer.feed(chunk)
        self._write(block)
        if self._on_line is not None:
            for line in lines:
                self._on_line(at_ns, line)

    def end(self) -> None:
        """Take note that nothing will come any more. Safe to call twice."""
        self._write(self._buffer.rest())
        self._close()

    def _write(self, block: bytes) -> None:
        """Append to the log; when that fails, say so once and go on, or the process would block."""
        if self._log is None:
            return
        try:
            while block:
                block = block[os.write(self._log, block) :]
        except OSError as error:
            self._close()
            self._loop.call_exception_handler(
                {"message": f"{self._log_path}: the log ends here", "exception": error}
            )

    def _close(self) -> None:
        if self._log is not None:
            os.close(self._log)
            self._log = None


def outputs(name: str, log: Path, on_line: OnLine | None) -> tuple[Output, Output]:
    """Return what keeps the standard output and error of the process `name` in `log`, behind what is there.

    Raises FolderError when the log can't be written.
    """
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise FolderError(f"no log: {error}") from error
    if os.fstat(fd).st_size > 0:
        with suppress(OSError):  # the disk is full: the first line that is lost will be complained of
            os.write(fd, f"--- {name} started again, {datetime.now(UTC):%F %T} UTC\n".encode())
    return Output(os.dup(fd), log, on_line), Output(fd, log, None)


def to_all(*receivers: OnLine | None) -> OnLine:
    """Return a receiver of lines that passes each on to all of `receivers` that there are."""
    present: list[OnLine] = [one for one in receivers if one is not None]

    def pass_on(at_ns: int, line: bytes) -> None:
        for receiver in present:
            receiver(at_ns, line)

    return pass_on
