from collections.abc import Callable, Mapping
from typing import Any

import pytest

from faults.disk import DiskLoss
from faults.network import Partition
from faults.operator import Promote
from faults.power import PowerCut
from faults.process import Kill, Pause, Slow
from faults.topology import AIMS, Shape
from harness import machine, plugins
from harness.fault import Fault
from harness.system import Promotes, SettingError

SHAPES = tuple(shape.value for shape in Shape)


@pytest.mark.parametrize(
    ("fault", "options", "field", "allowed"),
    [
        (Kill, {"hard": True}, "hard", ()),
        (Pause, {"share": 0.5}, "share", ()),
        (PowerCut, {"flush": False}, "flush", ()),
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
        (Slow, {"speed": 2}, "speed", ("share", "period_s")),
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
        ("disk-loss", machine.DiskLoss, "primary"),
        ("promote", Promotes, "replica"),
    ],
)
def test_faults_are_found_by_name_and_say_what_they_need(name: str, needs: type, aim: str) -> None:
    fault = plugins.load("acked.faults", name)({})
    assert fault.needs == (needs,)
    assert fault.target() == aim


@pytest.mark.parametrize("shape", Shape)
def test_a_partition_aims_as_its_shape_does(shape: Shape) -> None:
    assert Partition({"shape": shape.value}).target() == AIMS[shape]
