"""Kills and power cuts that strike at a chosen step on the way to an acknowledgement.

Options: `at`, the step (`harness.machine.Point`); `count`, at which of its occurrences after the injection
(default 1); `within_s`, how long to wait for it (default 2). Needs machines that can look into a process's
steps, as simulated ones and those in namespaces can.
"""

from collections.abc import Collection, Mapping
from typing import Any

from msgspec import Struct

from harness.errors import HarnessError
from harness.fault import World
from harness.machine import CrashPoints, Point
from harness.options import Options
from harness.system import SettingError


class CrashPoint(Struct, frozen=True, kw_only=True):
    """A step at which to crash."""

    at: Point
    count: int
    within_s: float

    async def crash(self, world: World, name: str, *, power: bool) -> Collection[int]:
        """Let a machine crash there; return the ids of the processes that died, none if it was not reached."""
        target = world.machine(name)
        if not isinstance(target, CrashPoints):
            raise HarnessError(f"{name} can't crash at a chosen step")
        return await target.crash_at(self.at, count=self.count, power=power, within_s=self.within_s)

    def missed(self, name: str) -> str:
        """Say that the step was not reached."""
        return f"{name} did not come to step {self.at} {self.count} times within {self.within_s:g} s"


def read(options: Mapping[str, Any]) -> CrashPoint | None:
    """Return the step that the options name; None when they name none. Raises SettingError."""
    given = Options(options, ("at", "count", "within_s"))
    count, within_s = given.whole("count", 1, least=1), given.number("within_s", 2.0, above=0, below=30)
    if "at" not in options:
        for name in options:
            raise SettingError(name, f"{name} belongs to a step: say at which one", tuple(Point))
        return None
    return CrashPoint(at=Point(given.choice("at", "", list(Point))), count=count, within_s=within_s)


def needs(point: CrashPoint | None) -> tuple[type, ...]:
    """Return the abilities that machines need for it."""
    return () if point is None else (CrashPoints,)
