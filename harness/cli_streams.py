"""Standard output and error that no reader's end, closed terminal or full disk can turn into a wrong exit code.

`acked run … | head` closes our standard output early, and so does a terminal that is closed. The verdict must
still be told by the exit code, and the usual ends of such a program, status 1 or a traceback, would be wrong.
All that is printed passes here, be it by click, rich, argparse or the interpreter itself.
"""

import errno
import io
import os
import select
import stat
import sys
from typing import TextIO

from harness.verdict import ExitCode

_GONE = {errno.EPIPE, errno.ECONNRESET}
_HUNG_UP = {errno.EIO, errno.ENXIO}


class Output(io.FileIO):
    """A descriptor to print to. After the first failure all is dropped, and `failure` tells why.

    A reader that went away, a hung-up terminal included, is no failure: he has seen what he wanted.
    """

    def __init__(self, fd: int) -> None:
        super().__init__(fd, "wb", closefd=False)
        self.failure: OSError | None = None
        self._dropping = False
        self._gone = _GONE | (_HUNG_UP if stat.S_ISCHR(os.fstat(fd).st_mode) else set())

    def write(self, data, /) -> int:  # type: ignore[no-untyped-def]  # any buffer; no type for it before 3.12
        """Write some of the data, or drop it."""
        while not self._dropping:
            try:
                written = super().write(data)
            except OSError as error:
                self._dropping = True
                if error.errno not in self._gone:
                    self.failure = error
            else:
                if written is not None:
                    return written
                select.select([], [self], [])  # somebody made the other end non-blocking
        return memoryview(data).nbytes


def install() -> Output:
    """Let the process print this way from now on; returns its standard output."""
    for fd in (0, 1, 2):
        _occupy(fd)
    output, complaints = Output(1), Output(2)
    sys.stdout, sys.stderr = _text(output, sys.stdout), _text(complaints, sys.stderr)
    return output


def settled(code: int, output: Output) -> int:
    """Print what is left; return the exit code, or 3 for a pass whose output could not be delivered."""
    sys.stdout.flush()
    if output.failure is None:
        return code
    sys.stderr.write(f"acked: standard output can't be written: {output.failure.strerror}\n")
    return ExitCode.ERROR if code in (ExitCode.HOLDS, ExitCode.INCONCLUSIVE) else code


def _occupy(fd: int) -> None:
    """Open /dev/null where the process was started without: else the next file opened would be printed to."""
    try:
        os.fstat(fd)
    except OSError:
        os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free


def _text(output: Output, former: TextIO | None) -> TextIO:
    return io.TextIOWrapper(
        io.BufferedWriter(output),
        encoding=former.encoding if former else "utf-8",
        errors="backslashreplace",
        line_buffering=output.isatty() or output.fileno() == 2,
    )
