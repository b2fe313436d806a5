"""What a node's process asks of the machine that it runs on, beside connections, which are asyncio's.

The node runs on any machine that offers this: `ThreadedHost` is the real one.
"""

import asyncio
import random
import sys
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from nodes.reference.files import Files, HostFiles

T = TypeVar("T")


class Host(Protocol):
    """A machine, as a process sees it."""

    @property
    def files(self) -> Files:
        """Return its file system."""

    @property
    def rng(self) -> random.Random:
        """Return its source of randomness."""

    def now_ns(self) -> int:
        """Return its monotonic time."""

    def wall_ns(self) -> int:
        """Return the time of day, in nanoseconds since 1970; it may be wrong, and may be set back."""

    def new_identity(self) -> str:
        """Return a name that no other disk has."""

    def flush(self, descriptor: int, then: Callable[[BaseException | None], None]) -> None:
        """Make what was written to a file so far durable, beside other work; `then` gets its OSError, or None."""

    def work(self, job: Callable[[], T], then: Callable[[T | None, BaseException | None], None]) -> None:
        """Do blocking work beside the event loop, behind all earlier such work; `then` gets what came of it."""

    def report(self, lines: bytes) -> None:
        """Tell events to whoever observes the node; they are out when this returns."""

    def log(self, line: str) -> None:
        """Tell a person something."""

    def close(self) -> None:
        """Finish the work under way."""


class ThreadedHost:
    """The machine that this process runs on: flushes in one thread, other blocking work in another."""

    def __init__(self, report: Callable[[bytes], None]) -> None:
        self.files: Files = HostFiles()
        self.rng = random.Random()
        self.report = report
        self._flusher = ThreadPoolExecutor(1, "flush")
        self._worker = ThreadPoolExecutor(1, "work")

    def now_ns(self) -> int:
        """Return CLOCK_MONOTONIC."""
        return time.monotonic_ns()

    def wall_ns(self) -> int:
        """Return CLOCK_REALTIME."""
        return time.time_ns()

    def new_identity(self) -> str:
        """Return a random name."""
        return uuid.uuid4().hex[:12]

    def flush(self, descriptor: int, then: Callable[[BaseException | None], None]) -> None:
        """Flush in the thread that is for that."""
        _in_thread(self._flusher, lambda: self.files.sync_data(descriptor), lambda _, error: then(error))

    def work(self, job: Callable[[], T], then: Callable[[T | None, BaseException | None], None]) -> None:
        """Work in the other thread."""
        _in_thread(self._worker, job, then)

    def log(self, line: str) -> None:
        """Write to standard error."""
        sys.stderr.write(f"{line}\n")

    def close(self) -> None:
        """Wait for the threads."""
        self._flusher.shutdown()
        self._worker.shutdown()


def _in_thread(
    thread: ThreadPoolExecutor, job: Callable[[], T], then: Callable[[T | None, BaseException | None], None]
) -> None:
    def finish(future: "asyncio.Future[T]") -> None:
        if not future.cancelled():
            error = future.exception()
            then(None if error is not None else future.result(), error)

    asyncio.get_running_loop().run_in_executor(thread, job).add_done_callback(finish)
