"""What this host can do for a verification, and what to install for the rest."""

import importlib.util
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from nodes.local.host import Check, probe_host

ENOUGH_FREE_BYTES = 1 << 30
FEW_FLUSHES_PER_SECOND = 100
_MEASURE_S = 0.3

NEEDED = frozenset({"Python", "ip", "nft", "unshare", "mount", "setpriv", "namespaces", "machines"})
"""Without these `acked verify` can't run at all; the rest costs cells, speed or tests."""


def examine(folder: Path) -> Iterator[Check]:
    """Yield what was found, one after the other; takes a few seconds.

    `folder` is where runs will be kept: its disk is the one that is measured.
    """
    yield _python()
    yield _program("setpriv", "util-linux", "cells end with the verification that started them")
    yield from probe_host()
    yield _device("FUSE", Path("/dev/fuse"), "the kernel's fuse module is not there")
    yield _module("uvloop", "pip install 'acked[fast]': clients cost a quarter of the time")
    yield _program("redis-server", "redis-server", "the tests of the Redis example; nothing else needs it")
    yield _flushes(folder)
    yield _space(folder)


def can_verify(checks: Iterable[Check]) -> bool:
    """Tell whether `acked verify` can run here, be it with skipped cells."""
    return all(check.ok for check in checks if check.what in NEEDED)


def _python() -> Check:
    ok = sys.version_info >= (3, 11)
    return Check("Python", ok, platform.python_version() + ("" if ok else ": 3.11 is needed"))


def _program(name: str, package: str, purpose: str) -> Check:
    path = shutil.which(name)
    remedy = f"for {purpose}: apt-get install {package}"
    return Check(name, path is not None, path or remedy)


def _module(name: str, remedy: str) -> Check:
    ok = importlib.util.find_spec(name) is not None
    return Check(name, ok, "installed" if ok else remedy)


def _device(what: str, path: Path, remedy: str) -> Check:
    ok = os.access(path, os.R_OK | os.W_OK)
    return Check(what, ok, str(path) if ok else remedy)


def _flushes(folder: Path) -> Check:
    rate = flushes_per_second(folder)
    ok = rate >= FEW_FLUSHES_PER_SECOND
    note = "" if ok else ": verdicts stay right, but latencies say little; use a quicker disk or fewer --jobs"
    return Check("disk flushes", ok, f"{rate:.0f} a second{note}")


def _space(folder: Path) -> Check:
    free_bytes = shutil.disk_usage(_existing(folder)).free
    ok = free_bytes >= ENOUGH_FREE_BYTES
    note = "" if ok else ": free some, or name another place with --results"
    return Check("free space", ok, f"{free_bytes / 2**30:.1f} GiB at {_existing(folder)}{note}")


def flushes_per_second(folder: Path) -> float:
    """Return how many 4 KiB writes a second reach the disk of `folder`, each with a flush of its own."""
    with tempfile.TemporaryFile(dir=_existing(folder)) as file:
        begun = time.monotonic()
        number = 0
        while (taken := time.monotonic() - begun) < _MEASURE_S:
            file.write(b"\0" * 4096)
            file.flush()
            os.fdatasync(file.fileno())
            number += 1
    return number / taken


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists."""
    path = folder.resolve()
    return next(each for each in (path, *path.parents) if each.is_dir())
