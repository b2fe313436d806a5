"""The machine's own clocks: read, set, and made to run at a wrong speed; and right again at the end.

Before they are touched for the first time it is noted how they are, in a file: so whoever cleans up can put them
right even if the agent was killed. The measure for that is the clock that the kernel's adjustments do not reach
(CLOCK_MONOTONIC_RAW). Services that would set the clock right meanwhile are stopped until then.
"""

import ctypes
import json
import os
import signal
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

MOST_PPM = 100_000
"""The kernel allows a tenth more or less."""
NOTE = "clocks"
"""The file, in the agent's folder."""

_ADJ_FREQUENCY, _ADJ_TICK = 0x0002, 0x4000
_MODES_AT, _FREQ_AT, _TICK_AT, _SIZE = 0, 16, 88, 208
"""Where in the kernel's struct timex for 64-bit machines these are."""

_RIGHT_NS = 10_000_000
"""A wall clock that is no further off than this is left alone: its own drift may have come to as much."""
_KEEPERS = frozenset({"chronyd", "ntpd", "openntpd", "systemd-timesyn", "phc2sys"})
"""Services that set the clock, by the name that the kernel has for them, which has up to 15 letters."""
_INITIAL = {"pid": 0xEFFF_FFFC, "uts": 0xEFFF_FFFE, "user": 0xEFFF_FFFD, "time": 0xEFFF_FFFA}
"""The kernel's numbers of its first namespaces (include/linux/proc_ns.h)."""
_CAP_SYS_TIME = 25


class _Speed(NamedTuple):
    """How fast the clocks run: the tick in microseconds, and the rest in 2**-16 millionths."""

    tick: int
    frequency: int


def why_not() -> str | None:
    """Return why the clocks can't be changed from here, or may not be, or None."""
    if any(Path("/proc/self/ns", name).stat().st_ino != number for name, number in _INITIAL.items()):
        return "it runs in namespaces, as a container does, and shares the clock of its host"
    effective = next(
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapEff:")
    )
    if not int(effective.split()[1], 16) >> _CAP_SYS_TIME & 1:
        return "only root may set the clock: log in as root, or allow sudo"
    return None


def read() -> dict[str, int]:
    """Return the monotonic and the wall clock, in nanoseconds."""
    return {"monotonic_ns": time.monotonic_ns(), "wall_ns": time.time_ns()}


def kernel() -> str:
    """Return what tells this start of this kernel from all others."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


class WrongClocks:
    """The clocks of this machine, wrong on purpose; `folder` is where it is noted how they were."""

    def __init__(self, folder: Path) -> None:
        self._note = folder / NOTE

    def jump(self, by_ns: int) -> None:
        """Set the wall clock forward, or back."""
        self._begin()
        time.clock_settime_ns(time.CLOCK_REALTIME, time.time_ns() + by_ns)

    def drift(self, ppm: int) -> None:
        """Let the clocks run so many millionths too fast (0: right again); beyond MOST_PPM raises OSError.

        The tick is exact to 100 millionths, the rest is the frequency's.
        """
        self._begin()
        right = _Speed(*json.loads(self._note.read_text())["speed"])
        ticks = round(ppm / 100)
        _adjust(_Speed(right.tick + ticks, right.frequency + ((ppm - ticks * 100) << 16)))

    def _begin(self) -> None:
        for keeper in _keepers():
            _signal(keeper, signal.SIGSTOP)
        if not self._note.exists():
            noted = {"kernel": kernel(), "ahead_ns": _ahead_ns(), "speed": _speed()}
            self._note.write_text(json.dumps(noted))


def restore(folder: Path) -> None:
    """Put right what was made wrong, as noted in a folder. Safe to call twice, and where nothing was.

    After a restart of the kernel there is nothing to be put right: it read the time from its hardware.
    """
    note = folder / NOTE
    if not note.exists():
        return
    text = note.read_text()
    noted: dict[str, Any] = (
        json.loads(text) if text else {"kernel": ""}
    )  # the power was lost as it was written
    if noted["kernel"] == kernel():
        _adjust(_Speed(*noted["speed"]))
        off_ns = _ahead_ns() - noted["ahead_ns"]
        if abs(off_ns) > _RIGHT_NS:
            time.clock_settime_ns(time.CLOCK_REALTIME, time.time_ns() - off_ns)
        for keeper in _keepers():
            _signal(keeper, signal.SIGCONT)
    note.unlink()


def _ahead_ns() -> int:
    """Return by how much the wall clock is ahead of the one that nothing adjusts."""
    return time.time_ns() - time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)


def _speed() -> _Speed:
    request = _timex(bytearray(_SIZE))
    return _Speed(
        struct.unpack_from("=q", request, _TICK_AT)[0], struct.unpack_from("=q", request, _FREQ_AT)[0]
    )


def _adjust(speed: _Speed) -> None:
    request = bytearray(_SIZE)
    struct.pack_into("=I", request, _MODES_AT, _ADJ_TICK | _ADJ_FREQUENCY)
    struct.pack_into("=q", request, _TICK_AT, speed.tick)
    struct.pack_into("=q", request, _FREQ_AT, speed.frequency)
    _timex(request)


def _timex(request: bytearray) -> bytearray:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.adjtimex((ctypes.c_char * _SIZE).from_buffer(request)) < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"adjtimex: {os.strerror(code)}")
    return request


def _keepers() -> Iterator[int]:
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended
            if (folder / "comm").read_text().strip() in _KEEPERS:
                yield int(folder.name)


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # it has ended
        os.kill(pid, number)
