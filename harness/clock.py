"""The one clock of a run: monotonic nanoseconds since an origin, which is also told as UTC to people."""

import datetime
import time
from typing import Protocol

from msgspec import Struct


class Time(Protocol):
    """Where times come from."""

    def monotonic_ns(self) -> int:
        """Return nanoseconds that never go back, from anywhere."""

    def utc(self) -> datetime.datetime:
        """Return the date and the time of the day."""


class HostTime:
    """The time of this host: CLOCK_MONOTONIC, on which all of its processes agree."""

    def monotonic_ns(self) -> int:
        """Return CLOCK_MONOTONIC."""
        return time.monotonic_ns()

    def utc(self) -> datetime.datetime:
        """Return the host's UTC."""
        return datetime.datetime.now(datetime.UTC)


HOST_TIME = HostTime()


class Origin(Struct, frozen=True, kw_only=True):
    """The moment from which a run's times count: as UTC (ISO 8601), and as monotonic time in ns."""

    utc: str
    monotonic_ns: int

    @classmethod
    def now(cls, source: Time = HOST_TIME) -> "Origin":
        """Return the present moment."""
        utc = source.utc().isoformat(timespec="milliseconds")
        return cls(utc=utc.replace("+00:00", "Z"), monotonic_ns=source.monotonic_ns())


class Clock:
    """Reads a time relative to an origin."""

    __slots__ = ("_monotonic_ns", "_origin_ns", "origin")

    def __init__(self, origin: Origin, source: Time = HOST_TIME) -> None:
        self.origin = origin
        self._origin_ns = origin.monotonic_ns
        self._monotonic_ns = source.monotonic_ns

    def now_ns(self) -> int:
        """Return nanoseconds since the origin."""
        return self._monotonic_ns() - self._origin_ns
