"""Files that grow by lines while a run goes on, written by a thread so that a slow disk delays no client.

What was appended reaches the kernel within `FLUSH_S`, and so outlives a crash of the harness (not of the
host: nothing is fsynced). When a file can't be written any more (the disk is full) nothing is added to it
from then on, so that only its last line can be incomplete, and the next append raises.
"""

import threading
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from harness.errors import FolderError

FLUSH_S = 0.05
"""How long a line may wait in memory."""


class ByteFile(Protocol):
    """An unbuffered binary file; `write` returns how much it took."""

    def write(self, data: bytes | memoryview, /) -> int | None:
        """Write some of the data."""

    def close(self) -> None:
        """Close the file."""


class LineFile:
    """A file that lines are appended to, from one thread or several; made by `Spool.open`."""

    def __init__(self, path: Path, file: ByteFile) -> None:
        self.path = path
        self._file = file
        self._writing = threading.Lock()
        self._pending: deque[bytes] = deque()  # both its ends may be used by several threads at a time
        self._error: OSError | None = None

    def append(self, line: bytes) -> None:
        """Add a line (without its end); raises FolderError when the file can't be written any more."""
        if self._error is not None:
            raise self._failure(self._error)
        self._pending.append(line)

    def check(self) -> None:
        """Raise FolderError when the file can't be written any more."""
        if self._error is not None:
            raise self._failure(self._error)

    def drain(self) -> None:
        """Hand everything pending to the kernel; a failure shows at the next `append` or `check`."""
        with self._writing:
            lines = [self._pending.popleft() for _ in range(len(self._pending))]
            if not lines or self._error is not None:
                return
            rest = memoryview(b"\n".join((*lines, b"")))
            try:
                while rest:
                    rest = rest[self._file.write(rest) or 0 :]
            except OSError as error:
                self._error = error

    def close(self) -> None:
        """Write what is pending and close the file; raises FolderError when that failed."""
        self.drain()
        try:
            self._file.close()
        except OSError as error:
            self._error = self._error or error
        self.check()

    def _failure(self, error: OSError) -> FolderError:
        return FolderError(f"{self.path}: {error.strerror or error}; what was recorded before stays readable")


class Spool:
    """The thread that writes several `LineFile`s; a context manager that closes them all at its end.

    Without a thread (`threaded`) lines stay in memory until a file is drained or closed: for simulations, which
    are over in no time.
    """

    def __init__(self, *, threaded: bool = True) -> None:
        self._files: list[LineFile] = []
        self._stop = threading.Event()
        self._thread = (
            threading.Thread(target=self._run, name="acked-spool", daemon=True) if threaded else None
        )

    def __enter__(self) -> Self:
        if self._thread is not None:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self, path: Path) -> LineFile:
        """Create a file and return it; raises FolderError when it can't be created."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return self.adopt(path, path.open("wb", buffering=0))
        except OSError as error:
            raise FolderError(f"{path}: {error.strerror or error}") from error

    def adopt(self, path: Path, file: ByteFile) -> LineFile:
        """Return a line file that writes to `file`; `path` is how messages call it."""
        lines = LineFile(path, file)
        self._files.append(lines)
        return lines

    def close(self) -> None:
        """Write what is pending and close every file; raises the first FolderError after all are closed."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        errors = []
        for file in self._files:
            try:
                file.close()
            except FolderError as error:
                errors.append(error)
        self._files.clear()
        if errors:
            raise errors[0]

    def _run(self) -> None:
        while not self._stop.wait(FLUSH_S):
            for file in tuple(self._files):
                file.drain()
