"""How long a check may take and how much it may hold; past either it says so, and does not guess."""

import time
from collections.abc import Callable
from typing import Literal

from harness import memory

Limit = Literal["time", "memory", "stop"]


LOOK = 1024
"""How often what is held is told before it is asked how much memory there really is."""

RESERVE_MB = 4
"""A process that is refused its last memory may not even be able to say so."""


class OverBudget(Exception):
    """A search was given up. `reason` says at which limit, for people."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Budget:
    """The limits of one check. `now_s` is the clock they are measured with.

    Up to `searches` run at a time; each may hold its share of the memory.

    `stop` is one byte that ends every search when it is set, from whatever thread.
    """

    def __init__(
        self,
        *,
        time_limit_s: float | None = None,
        memory_limit_mb: float | None = None,
        searches: int = 1,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.time_limit_s = time_limit_s
        self.memory_limit_mb = memory_limit_mb
        self.searches = searches
        self.stop = bytearray(1)
        self._now_s = now_s
        self._told = 0
        self._until_s = None if time_limit_s is None else now_s() + time_limit_s

    def left_s(self) -> float | None:
        """Return how many seconds are left, None when there is no limit."""
        return None if self._until_s is None else max(0.0, self._until_s - self._now_s())

    def held_bytes(self) -> int | None:
        """Return how much one search may hold, None when there is no limit."""
        return None if self.memory_limit_mb is None else int(self.memory_limit_mb * 1e6 / self.searches)

    def within(self, time_limit_s: float) -> "Budget":
        """Return a budget of as much memory, and of some time from now on."""
        return Budget(time_limit_s=time_limit_s, memory_limit_mb=self.memory_limit_mb, searches=self.searches)

    def spend(self, held_bytes: int) -> None:
        """Raise OverBudget when the time is over, what is held is too much, or somebody stopped it."""
        if self.stop[0]:
            raise OverBudget(self.reason("stop"))
        if self._until_s is not None and self._now_s() >= self._until_s:
            raise OverBudget(self.reason("time"))
        most = self.held_bytes()
        self._told += 1
        scarce = self._told % LOOK == 0 and (left_mb := memory.left_mb()) is not None and left_mb < RESERVE_MB
        if scarce or (most is not None and held_bytes > most):
            raise OverBudget(self.reason("memory"))

    def reason(self, limit: Limit) -> str:
        """Return in words why there is no verdict."""
        match limit:
            case "time":
                return f"no verdict within {self.time_limit_s:g} s"
            case "memory":
                return "no verdict within " + (
                    "the memory of this machine"
                    if self.memory_limit_mb is None
                    else f"{self.memory_limit_mb:g} MB"
                )
        return "stopped before there was a verdict"
