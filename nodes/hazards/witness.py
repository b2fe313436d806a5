"""Counts, by the kernel's own tracing, which system calls of whom failed with which error."""

import errno
import re
from collections.abc import Collection, Mapping
from pathlib import Path

from nodes.hazards.programs import call

_TRACING = Path("/sys/kernel/tracing/events/syscalls")
_FLUSHES = ("fsync", "fdatasync", "sync_file_range", "msync", "syncfs")
_WRITES = ("write", "pwrite64", "writev", "pwritev2", "fallocate", "openat", "rename", "renameat2", "mkdir")

CALLS: Mapping[int, Collection[str]] = {errno.EIO: _FLUSHES, errno.ENOSPC: _WRITES}
"""The system calls in which each error is looked for."""

_COUNT = re.compile(r"common_pid:\s*(\d+).*hitcount:\s*(\d+)")


def begin(error: int) -> None:
    """Count an error from now on, from zero."""
    if not _TRACING.is_dir():
        call("mount", "-t", "tracefs", "tracefs", "/sys/kernel/tracing")
    for each in CALLS[error]:
        _trigger(each).write_text(_histogram(error))


def end(error: int) -> None:
    """Count it no longer, and forget the counts. Safe to call twice."""
    for each in CALLS[error]:
        if f"ret == -{error} " in _trigger(each).read_text():
            _trigger(each).write_text(f"!{_histogram(error)}")


def count(error: int, *, without: Collection[int] = ()) -> int:
    """Return how often it was counted; `without` are processes that do not matter."""
    return sum(
        hits
        for each in CALLS[error]
        for pid, hits in read((_TRACING / f"sys_exit_{each}" / "hist").read_text())
        if pid not in without
    )


def read(histogram: str) -> list[tuple[int, int]]:
    """Return process and count of each line of a histogram."""
    return [(int(pid), int(hits)) for pid, hits in _COUNT.findall(histogram)]


def _trigger(name: str) -> Path:
    return _TRACING / f"sys_exit_{name}" / "trigger"


def _histogram(error: int) -> str:
    return f"hist:keys=common_pid if ret == -{error}"
