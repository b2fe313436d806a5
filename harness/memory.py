"""How much this process may still allocate, kept by the kernel, so that no history takes the machine down.

Beyond it whatever allocates raises MemoryError, in C as in Python, and the process goes on.
"""

import contextlib
import errno
import importlib
import resource
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

LATE = ("scipy.sparse.csgraph",)
"""Libraries that checkers load when they need them. They are no part of a history, and one that the limit cuts off
half-way may end the process, so they are loaded before it holds."""


@contextlib.contextmanager
def at_most(limit_mb: float | None) -> Iterator[None]:
    """Let this process allocate so much (1,000,000 bytes each) on top of what it holds now; None: as before.

    Counted is private memory that can be written, whether it was touched yet or not. Processes that are started
    meanwhile inherit the limit, each for itself. A lower limit that is there already stays.
    """
    if limit_mb is None:
        yield
        return
    for name in LATE:
        with contextlib.suppress(ImportError):  # who needs it says that it is missing
            importlib.import_module(name)
    before, most = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = _held_bytes() + int(limit_mb * 1e6)
    limits = [each for each in (before, most) if each != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min([wanted, *limits]), most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (before, most))


def ran_out(error: BaseException) -> bool:
    """Tell whether an error means that there was not enough memory, for us or for a process that we started."""
    match error:
        case MemoryError() | BrokenProcessPool():
            return True
        case OSError():
            return error.errno == errno.ENOMEM
        case RuntimeError():
            return "can't start new thread" in str(error)
    return False


def shortage(limit_mb: float | None) -> str:
    """Return in words why there is no verdict."""
    within = "the memory of this machine" if limit_mb is None else f"{limit_mb:g} MB"
    return f"no verdict within {within}"


def _held_bytes() -> int:
    """Return what RLIMIT_DATA counts of this process now."""
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "VmData":
            return 1024 * int(value.split()[0])
    raise RuntimeError("/proc/self/status has no VmData")
