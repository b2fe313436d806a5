"""The folders in which runs are kept, and what they say about where and how they were made.

runs/20260131T101500Z-async-failover-s7/    one run, never overwritten
    run.json        command line, versions, host, start and end
    scenario.yaml   the scenario: run it again to reproduce
    …               what the run itself records, its results and reports
runs/latest         a link to the newest
"""

import contextlib
import errno
import os
import platform
import secrets
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import msgspec
from msgspec import Struct

from harness.errors import FolderError, UsageError

LATEST = "latest"
ERROR_FILE = "error.txt"
"""The file of a run's folder that holds the tracebacks of what went wrong."""

RESULTS_FILE = "results.json"
"""The file of a run's folder that holds its verdict: a `harness.result.RunResult`."""

PACKAGES = ("click", "jinja2", "msgspec", "networkx", "numpy", "pyyaml", "rich", "uvloop")

_FULL = {errno.ENOSPC, errno.EDQUOT}
_ELSEWHERE = "; name another place with --results"


class RunInfo(Struct, frozen=True, kw_only=True):
    """Where and how a run was made: the content of `run.json`. Times are UTC, ISO 8601."""

    acked: str
    python: str
    kernel: str
    distribution: str
    packages: Mapping[str, str]
    cores: int
    seed: int
    command: tuple[str, ...]
    started: str
    ended: str | None = None


@contextlib.contextmanager
def storing(path: Path, remedy: str = "") -> Iterator[None]:
    """Turn a failure to write below `path` into one clear line, which ends with the remedy.

    Raises FolderError when the disk is full, and UsageError when the place can't be written to.
    """
    try:
        yield
    except OSError as error:
        text = f"{error.filename or path}: can't be written: {error.strerror or error}{remedy}"
        raise (FolderError if error.errno in _FULL else UsageError)(text) from error


def create(root: Path, name: str, seed: int, now: datetime) -> Path:
    """Make a new, empty folder for a run below `root`, point `root/latest` at it and return it.

    Several may start at the same instant: each gets a folder of its own.
    """
    with storing(root, _ELSEWHERE):
        root.mkdir(parents=True, exist_ok=True)
        _refuse_real_latest(root)
        stem = f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{name}-s{seed}"
        folder = _unique(root, stem)
        point_latest(root, folder)
    return folder


def create_exactly(folder: Path) -> Path:
    """Make `folder` itself the run's; raises UsageError when there is something in it."""
    with storing(folder, "; name another place with --folder"):
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UsageError(f"{folder}: not empty; a run needs a folder of its own")
    return folder


def point_latest(root: Path, folder: Path) -> None:
    """Point `root/latest` at `folder`, in one step: at no moment is there no link."""
    _refuse_real_latest(root)
    link = root / f".{LATEST}-{os.getpid()}-{secrets.token_hex(4)}"
    link.symlink_to(folder.name, target_is_directory=True)
    try:
        link.replace(root / LATEST)
    except OSError:
        link.unlink()
        raise


def find(run: Path) -> Path:
    """Return the folder of a run that a user named; raises UsageError when it is none."""
    folder = run.resolve()
    if folder.is_file():
        folder = folder.parent
    if not folder.is_dir():
        raise UsageError(f"{run}: there is no such run folder")
    return folder


def describe(seed: int, command: Sequence[str], started: datetime) -> RunInfo:
    """Return what is to be known about this host and these versions."""
    return RunInfo(
        acked=metadata.version("acked"),
        python=platform.python_version(),
        kernel=f"{platform.system()} {platform.release()}",
        distribution=_distribution(),
        packages=dict(_versions()),
        cores=os.cpu_count() or 1,
        seed=seed,
        command=tuple(command),
        started=started.astimezone(UTC).isoformat(timespec="seconds"),
    )


def ended(info: RunInfo, now: datetime) -> RunInfo:
    """Return `info` with the end of the run."""
    return msgspec.structs.replace(info, ended=now.astimezone(UTC).isoformat(timespec="seconds"))


def write(path: Path, data: bytes) -> None:
    """Write a file so that a reader finds all of it or the former one; raises as `storing` does."""
    with storing(path):
        part = path.with_name(f".{path.name}.part")
        try:
            part.write_bytes(data)
            part.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink()
            error.filename = path  # what the reader knows
            raise


def write_json(path: Path, value: object) -> None:
    """Write a record or plain values as JSON, indented for people."""
    write(path, msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")


def _unique(root: Path, stem: str) -> Path:
    for attempt in range(1, 1000):
        folder = root / (stem if attempt == 1 else f"{stem}-{attempt}")
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
            return folder
    raise UsageError(f"{root}: a thousand runs called {stem} already; name another place with --results")


def _refuse_real_latest(root: Path) -> None:
    latest = root / LATEST
    if latest.exists() and not latest.is_symlink():
        raise UsageError(f"{latest}: not the link that runs keep there; move it or name another --results")


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        return "unknown"


def _versions() -> Iterator[tuple[str, str]]:
    for package in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            yield package, metadata.version(package)
