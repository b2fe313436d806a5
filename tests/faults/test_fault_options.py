from collections.abc import Callable, Mapping
from typing import Any

import pytest

from faults.bit_rot import BitRot
from faults.clock import ClockDrift, ClockJump
from faults.clog import Clog
from faults.detached_disk import DiskDetached
from faults.disk import DiskLoss
from faults.faulty_disk import (
    DiskFull,
    FlushError,
    LostWrite,
    LyingFlush,
    MisdirectedWrite,
    SlowDisk,
)
from faults.network import Partition
from faults.operator import Promote
from faults.power import KernelPanic, PowerCut
from faults.process import Kill, Pause, Slow
from faults.topology import AIMS, Shape
from faults.weather import Flaky, Reset
from faults.write_cache import CacheLoss, LostFlush
from harness import machine, plugins
from harness.fault import Fault
from harness.system import Promotes, SettingError

FLAKY = ("delay_ms", "jitter_ms", "loss", "duplicate", "reorder", "rate_kbps", "clients")
SHAPES = tuple(shape.value for shape in Shape)


@pytest.mark.parametrize(
    ("fault", "options", "field", "allowed"),
    [
        (Kill, {"hard": True}, "hard", ("at", "count", "within_s")),
        (Pause, {"share": 0.5}, "share", ()),
        (PowerCut, {"flush": False}, "flush", ("at", "count", "within_s")),
        (DiskLoss, {"x": 1}, "x", ()),
        (Promote, {"forced": True}, "forced", ("force",)),
        (Promote, {"force": "yes"}, "force", ("true", "false")),
        (Partition, {"shapes": "halves"}, "shapes", ("shape", "seed", "direction")),
        (Partition, {"shape": "halfs"}, "shape", SHAPES),
        (Partition, {"shape": ["halves"]}, "shape", SHAPES),
        (Partition, {"shape": "one-way", "direction": "both"}, "direction", ("mute", "deaf")),
        (Partition, {"shape": "halves", "direction": "mute"}, "direction", ()),
        (Partition, {"seed": -1}, "seed", ()),
        (Partition, {"seed": True}, "seed", ()),
        (Partition, {"seed": "1"}, "seed", ()),
        (Slow, {"share": 1}, "share", ()),
        (Slow, {"share": True}, "share", ()),
        (Slow, {"share": float("nan")}, "share", ()),
        (Slow, {"period_s": 0}, "period_s", ()),
        (Slow, {"period_s": 10}, "period_s", ()),
        (Slow, {"speed": 2}, "speed", ("share", "period_s")),
        (Flaky, {"delay_ms": 0}, "delay_ms", ()),
        (Flaky, {"jitter_ms": "5"}, "jitter_ms", ()),
        (Flaky, {"loss": 1}, "loss", ()),
        (Flaky, {"reorder": -0.1}, "reorder", ()),
        (Flaky, {"rate_kbps": 0.5}, "rate_kbps", ()),
        (Flaky, {"clients": 1}, "clients", ("true", "false")),
        (Flaky, {"delay": 5}, "delay", FLAKY),
        (Clog, {"shape": "halves"}, "shape", ("clients", "swizzle_ms", "seed")),
        (Clog, {"swizzle_ms": 2000}, "swizzle_ms", ()),
        (Reset, {"clients": "yes"}, "clients", ("true", "false")),
        (KernelPanic, {"at": "write"}, "at", ()),
        (DiskDetached, {"x": 1}, "x", ()),
        (CacheLoss, {"flushes": 1}, "flushes", ()),
        (LostFlush, {"flushes": 0}, "flushes", ()),
        (LostFlush, {"x": 1}, "x", ("flushes",)),
        (LyingFlush, {"x": 1}, "x", ()),
        (FlushError, {"count": 2}, "count", ()),
        (DiskFull, {"free_kb": -1}, "free_kb", ()),
        (SlowDisk, {"delay_ms": 10_000}, "delay_ms", ()),
        (BitRot, {"bits": 0}, "bits", ()),
        (LostWrite, {"x": 1}, "x", ()),
        (MisdirectedWrite, {"x": 1}, "x", ()),
        (ClockDrift, {"ppm": 0}, "ppm", ()),
        (ClockDrift, {"ppm": -900_001}, "ppm", ()),
        (ClockDrift, {"ppm": 0.5}, "ppm", ()),
        (ClockDrift, {"rate": 2}, "rate", ("ppm",)),
        (ClockJump, {"by_s": 0}, "by_s", ()),
        (ClockJump, {"by_s": float("nan")}, "by_s", ()),
        (ClockJump, {"by_s": True}, "by_s", ()),
        (ClockJump, {"s": 1}, "s", ("by_s",)),
    ],
)
def test_what_a_fault_does_not_know_is_refused(
    fault: Callable[[Mapping[str, Any]], Fault], options: dict[str, Any], field: str, allowed: tuple[str, ...]
) -> None:
    with pytest.raises(SettingError) as caught:
        fault(options)
    assert (caught.value.field, caught.value.allowed) == (field, allowed)
    assert field in str(caught.value)


@pytest.mark.parametrize(
    ("name", "needs", "aim"),
    [
        ("partition", machine.Switch, "minority"),
        ("kill", machine.Kill, "primary"),
        ("pause", machine.Pause, "primary"),
        ("slow", machine.Pause, "primary"),
        ("power-cut", machine.PowerCut, "primary"),
        ("kernel-panic", machine.OwnKernel, "primary"),
        ("disk-detached", machine.DetachableDisk, "primary"),
        ("cache-loss", machine.WriteCache, "primary"),
        ("lost-flush", machine.WriteCache, "primary"),
        ("disk-loss", machine.DiskLoss, "primary"),
        ("promote", Promotes, "replica"),
        ("flaky", machine.BadWeather, "primary"),
        ("clog", machine.Clog, "primary"),
        ("reset", machine.Reset, "primary"),
        ("lying-flush", machine.FaultyDisk, "primary"),
        ("flush-error", machine.FaultyDisk, "primary"),
        ("disk-full", machine.FaultyDisk, "primary"),
        ("slow-disk", machine.FaultyDisk, "primary"),
        ("bit-rot", machine.RottingDisk, "primary"),
        ("lost-write", machine.FaultyDisk, "primary"),
        ("misdirected-write", machine.FaultyDisk, "primary"),
        ("clock-drift", machine.Clocks, "primary"),
        ("clock-jump", machine.Clocks, "primary"),
    ],
)
def test_faults_are_found_by_name_and_say_what_they_need(name: str, needs: type, aim: str) -> None:
    fault = plugins.load("acked.faults", name)({})
    assert fault.needs == (needs,)
    assert fault.target() == aim


@pytest.mark.parametrize("shape", Shape)
def test_a_partition_aims_as_its_shape_does(shape: Shape) -> None:
    assert Partition({"shape": shape.value}).target() == AIMS[shape]
