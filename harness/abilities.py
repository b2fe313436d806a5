"""What the faults of a run need, and whether the machines and the system can do it."""

from collections.abc import Iterable, Mapping
from typing import Any

from harness import machine
from harness.fault import Fault
from harness.machine import Cluster
from harness.scenario import FaultStep
from harness.system import Promotes, System

_TEXTS: Mapping[type, str] = {
    machine.Kill: "machines whose processes can be killed",
    machine.Pause: "machines whose processes can be stopped",
    machine.PowerCut: "machines that can lose their power",
    machine.DiskLoss: "machines that can lose their disk",
    machine.CrashPoints: "machines whose processes can be crashed at a chosen step",
    machine.FaultyDisk: "machines whose disks can be made to fail",
    machine.RottingDisk: "machines on whose disks bits can flip",
    machine.DetachableDisk: "machines whose disks can be pulled out",
    machine.WriteCache: "machines whose disks can have a volatile write cache",
    machine.OwnKernel: "machines with a kernel of their own",
    machine.Clocks: "machines with clocks of their own",
    machine.Switch: "a network whose links can be cut",
    machine.BadWeather: "a network that can delay and lose packets",
    machine.Clog: "a network that can keep packets",
    machine.Reset: "a network that can break connections",
    Promotes: "a system in which an operator can promote a node",
}
"""What has each of the engine's own abilities; those of others are told by their name."""


def lacking(plan: Iterable[tuple[FaultStep, Fault]], *, cluster: Cluster, system: System) -> str | None:
    """Return why the plan can't be carried out here, fault by fault, in one line; None when it can.

    An ability is there when the cluster, every one of its machines, or the system has it, and the cluster
    does not say that it is missing.
    """
    reasons: dict[str, None] = {}
    for step, fault in plan:
        for ability in fault.needs:
            if not offered(ability, cluster, system):
                needed = _TEXTS.get(ability, f"the ability {ability.__name__}")
                reasons[f"{step.fault} needs {needed}, but {_why(ability, cluster, system)}"] = None
    return "; ".join(reasons) or None


def offered(ability: type, cluster: Cluster, system: System) -> bool:
    """Tell whether an ability is there."""
    machines: Iterable[Any] = cluster.machines.values()
    return ability.__name__ not in cluster.missing and (
        isinstance(cluster, ability)
        or isinstance(system, ability)
        or all(isinstance(each, ability) for each in machines)
    )


def _why(ability: type, cluster: Cluster, system: System) -> str:
    reason = cluster.missing.get(ability.__name__)
    return reason or f"neither the {cluster.kind} machines nor the system {system.name} can do that"
