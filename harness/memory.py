"""How much memory a process may take: past that it is refused more, and says so; the machine does not suffer.

The kernel refuses it (RLIMIT_DATA), so the limit holds for numpy and compiled code as well: what needs more
gets a MemoryError, which ends as an inconclusive check.
"""

import contextlib
import resource
from collections.abc import Iterator
from pathlib import Path

MB = 1_000_000

WORKER_MB = 120
"""About what one process takes that parses pieces of a file."""


@contextlib.contextmanager
def limited(limit_mb: int) -> Iterator[None]:
    """Refuse this process more than so much memory, and the processes that it starts meanwhile, each."""
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limits = [limit_mb * MB, *(each for each in (soft, hard) if each != resource.RLIM_INFINITY)]
    resource.setrlimit(resource.RLIMIT_DATA, (min(limits), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def used_mb() -> int:
    """Return how much of a limit this process has taken."""
    return _kilobytes(Path("/proc/self/status"), "VmData:") * 1024 // MB


def left_mb() -> int | None:
    """Return how much more memory this process may take, None where nothing limits it."""
    soft, _ = resource.getrlimit(resource.RLIMIT_DATA)
    return None if soft == resource.RLIM_INFINITY else soft // MB - used_mb()


def available_mb() -> int:
    """Return how much memory the machine has left for one more process, as far as the kernel knows."""
    return _kilobytes(Path("/proc/meminfo"), "MemAvailable:") * 1024 // MB + used_mb()


def workers(jobs: int, limit_mb: int) -> int:
    """Return how many of `jobs` processes may parse a file, if they take a quarter of the limit at most."""
    return max(1, min(jobs, limit_mb // 4 // WORKER_MB))


def _kilobytes(path: Path, name: str) -> int:
    with path.open() as file:
        for line in file:
            if line.startswith(name):
                return int(line.split()[1])
    raise OSError(f"{path} does not tell {name}")
