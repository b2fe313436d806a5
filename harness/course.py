"""How a run went, apart from its history, episodes and evidence: what `acked check` must know to judge it."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from harness.errors import DamagedError
from harness.machine import Death

FILE = "course.json"


class Course(Struct, frozen=True, kw_only=True):
    """The course that a run took. Times are nanoseconds since the history's origin; None: not reached.

    `started_ns` is when the clients began, `stopped_ns` when they had stopped. `recovered` tells whether a
    write was acknowledged after the last heal, and `survivor` by whom; it is False only when writes were tried
    for as long as the scenario allows, and None when the run did not come so far. `protected` tells, of a
    system that may degrade, whether a write was then acknowledged that is not degraded. `settled` tells that all
    nodes were seen to have applied the same before the final reads; `unsettled` says what was amiss with them
    when the run gave up waiting. `error` is what ended the run early, `warnings` are failures that cost
    nothing. `deaths` are the processes that died by themselves. `sealed` tells that all disks are
    `harness.machine.SealedDisk`. `seconds` is how long each phase took.
    """

    started_ns: int | None = None
    stopped_ns: int | None = None
    recovered: bool | None = None
    protected: bool | None = None
    survivor: str | None = None
    settled: bool = False
    unsettled: str | None = None
    skipped: str | None = None
    interrupted: bool = False
    error: str | None = None
    warnings: tuple[str, ...] = ()
    deaths: tuple[Death, ...] = ()
    sealed: bool = False
    seconds: Mapping[str, float] = {}


def read(folder: Path) -> Course | None:
    """Return the course of a recorded run; None when its harness was killed before it could write it."""
    path = folder / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Course)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise DamagedError(f"{path}: damaged: {error}") from error
