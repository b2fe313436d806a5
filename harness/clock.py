"""The one clock of a run: monotonic nanoseconds since an origin, which is also told as UTC to people."""

import datetime
import time

from msgspec import Struct


class Origin(Struct, frozen=True, kw_only=True):
    """The moment from which a run's times count: as UTC (ISO 8601), and as CLOCK_MONOTONIC in ns."""

    utc: str
    monotonic_ns: int

    @classmethod
    def now(cls) -> "Origin":
        """Return the present moment."""
        utc = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        return cls(utc=utc.replace("+00:00", "Z"), monotonic_ns=time.monotonic_ns())


class Clock:
    """Reads CLOCK_MONOTONIC relative to an origin; all processes of one host agree on it."""

    __slots__ = ("_monotonic_ns", "origin")

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self._monotonic_ns = origin.monotonic_ns

    def now_ns(self) -> int:
        """Return nanoseconds since the origin."""
        return time.monotonic_ns() - self._monotonic_ns
