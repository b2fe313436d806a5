"""The machine's own clocks: read, set, and made to run at a wrong speed."""

import ctypes
import os
import struct
import time

_TICK_US = 10_000
"""What the kernel adds to the time a hundred times a second, in microseconds, when nothing is wrong."""
MOST_PPM = 100_000
"""The kernel allows a tenth more or less."""

_ADJ_FREQUENCY, _ADJ_TICK = 0x0002, 0x4000
_MODES_AT, _FREQ_AT, _TICK_AT, _SIZE = 0, 16, 88, 208
"""Where in the kernel's struct timex for 64-bit machines these are."""


def read() -> dict[str, int]:
    """Return the monotonic and the wall clock, in nanoseconds."""
    return {"monotonic_ns": time.monotonic_ns(), "wall_ns": time.time_ns()}


def jump(by_ns: int) -> None:
    """Set the wall clock forward, or back."""
    time.clock_settime_ns(time.CLOCK_REALTIME, time.time_ns() + by_ns)


def drift(ppm: int) -> None:
    """Let the clocks run so many millionths too fast (0: right again); beyond MOST_PPM raises OSError.

    The tick is exact to 100 millionths, the rest is the frequency's, in 2**-16 millionths.
    """
    ticks = round(ppm / 100)
    request = bytearray(_SIZE)
    struct.pack_into("=I", request, _MODES_AT, _ADJ_TICK | _ADJ_FREQUENCY)
    struct.pack_into("=q", request, _TICK_AT, _TICK_US + ticks)
    struct.pack_into("=q", request, _FREQ_AT, (ppm - ticks * 100) << 16)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.adjtimex((ctypes.c_char * _SIZE).from_buffer(request)) < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"adjtimex: {os.strerror(code)}")
