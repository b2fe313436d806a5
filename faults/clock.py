"""Clocks that are wrong: too fast or too slow, or set to another time."""

import asyncio
from collections.abc import Mapping
from typing import Any

from harness import machine
from harness.episode import Proof
from harness.errors import HarnessError
from harness.fault import World
from harness.machine import ClockReading
from harness.options import Options
from harness.system import SettingError
from harness.tasks import together

_MEASURE_S = 0.2
_MILLION = 1_000_000
_NS = 1_000_000_000


class ClockDrift:
    """Lets all clocks of the targets run too fast or too slow, the monotonic ones and all timers too.

    Options: `ppm`, by how many millionths (default 20,000; negative: too slow).
    """

    needs: tuple[type, ...] = (machine.Clocks,)

    def __init__(self, options: Mapping[str, Any]) -> None:
        Options(options, ("ppm",))
        ppm = options.get("ppm", 20_000)
        if not isinstance(ppm, int) or isinstance(ppm, bool) or not 0 < abs(ppm) <= 900_000:
            raise SettingError("ppm", f"ppm is a whole number from -900000 to 900000, but not 0, not {ppm!r}")
        self._ppm = ppm
        self._begun: set[str] = set()

    def target(self) -> str | None:
        """Aim at the primary."""
        return "primary"

    async def inject(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Begin; proved by reading the clocks twice."""
        return await together(self._drift(world, name) for name in targets)

    async def evidence(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Return nothing more: the clock has been read."""
        return ()

    async def heal(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Let the clocks run as before; what they have gained or lost stays."""
        return await together(self._stop(world, name) for name in targets)

    async def _drift(self, world: World, name: str) -> Proof:
        before = await _rate_ppm(world, name)
        self._begun.add(name)
        await _clocks(world, name).set_drift(self._key, self._ppm)
        return _changed(name, await _rate_ppm(world, name) - before, self._ppm)

    async def _stop(self, world: World, name: str) -> Proof:
        if name not in self._begun:
            return Proof(what=f"{name} had not been touched", shown=True)
        before = await _rate_ppm(world, name)
        await _clocks(world, name).set_drift(self._key, 0)
        proof = _changed(name, await _rate_ppm(world, name) - before, -self._ppm)
        self._begun.discard(name)
        return proof

    @property
    def _key(self) -> str:
        return f"drift {id(self)}"


class ClockJump:
    """Sets the wall clocks of the targets forward or back, and at the heal by as much the other way.

    Options: `by_s`, by how many seconds (default 3600; negative: back).
    """

    needs: tuple[type, ...] = (machine.Clocks,)

    def __init__(self, options: Mapping[str, Any]) -> None:
        Options(options, ("by_s",))
        by_s = options.get("by_s", 3600)
        if not isinstance(by_s, int | float) or isinstance(by_s, bool) or not 0.001 <= abs(by_s) <= 1e8:
            raise SettingError(
                "by_s", f"by_s is a number of seconds, forward or (below 0) back, not {by_s!r}"
            )
        self._by_ns = round(by_s * _NS)
        self._jumped: set[str] = set()

    def target(self) -> str | None:
        """Aim at the primary."""
        return "primary"

    async def inject(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Set the clocks; proved by reading them before and after."""
        return await together(self._forth(world, name) for name in targets)

    async def evidence(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Return nothing more: the clock has been read."""
        return ()

    async def heal(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Set them back."""
        return await together(self._back(world, name) for name in targets)

    async def _forth(self, world: World, name: str) -> Proof:
        self._jumped.add(name)
        return await self._jump(world, name, self._by_ns)

    async def _back(self, world: World, name: str) -> Proof:
        if name not in self._jumped:
            return Proof(what=f"{name} had not been touched", shown=True)
        self._jumped.discard(name)
        return await self._jump(world, name, -self._by_ns)

    async def _jump(self, world: World, name: str, by_ns: int) -> Proof:
        clocks = _clocks(world, name)
        before = await clocks.read_clocks()
        await clocks.jump_clock(by_ns)
        after = await clocks.read_clocks()
        ahead_ns = (after.wall_ns - before.wall_ns) - (after.monotonic_ns - before.monotonic_ns)
        what = f"{name}: the wall clock went {ahead_ns / 1e9:+.3f} s, the monotonic clock did not"
        steady = after.monotonic_ns >= before.monotonic_ns
        return Proof(what=what, shown=steady and abs(ahead_ns - by_ns) < abs(by_ns) // 10)


async def _rate_ppm(world: World, name: str) -> float:
    """Measure by how many millionths a machine's monotonic clock is faster than ours."""
    loop, clocks = asyncio.get_running_loop(), _clocks(world, name)
    begin_s, first = loop.time(), await clocks.read_clocks()
    await asyncio.sleep(_MEASURE_S)
    passed_s, last = loop.time() - begin_s, await clocks.read_clocks()
    return (_passed_s(first, last) / passed_s - 1) * _MILLION


def _passed_s(first: ClockReading, last: ClockReading) -> float:
    return (last.monotonic_ns - first.monotonic_ns) / 1e9


def _changed(name: str, measured: float, wanted: int) -> Proof:
    what = f"{name}: its clock runs {measured:+.0f} millionths faster than before"
    return Proof(what=what, shown=abs(measured - wanted) <= abs(wanted) / 10)


def _clocks(world: World, name: str) -> machine.Clocks:
    target = world.machine(name)
    if not isinstance(target, machine.Clocks):
        raise HarnessError(f"{name} has no clocks of its own")
    return target
