"""What the faults of a run need, and whether the machines and the system can do it."""

from collections.abc import Iterable
from typing import Any

from harness.fault import Fault
from harness.machine import Cluster
from harness.scenario import FaultStep
from harness.system import System


def lacking(plan: Iterable[tuple[FaultStep, Fault]], *, cluster: Cluster, system: System) -> str | None:
    """Return why the plan can't be carried out here, fault by fault, in one line; None when it can.

    An ability is there when the cluster, every one of its machines, or the system has it.
    """
    reasons: dict[str, None] = {}
    for step, fault in plan:
        for ability in fault.needs:
            if not _offered(ability, cluster, system):
                reasons[f"{step.fault} needs {ability.__name__}: {_why(ability, cluster, system)}"] = None
    return "; ".join(reasons) or None


def _offered(ability: type, cluster: Cluster, system: System) -> bool:
    machines: Iterable[Any] = cluster.machines.values()
    return (
        isinstance(cluster, ability)
        or isinstance(system, ability)
        or all(isinstance(machine, ability) for machine in machines)
    )


def _why(ability: type, cluster: Cluster, system: System) -> str:
    reason = cluster.missing.get(ability.__name__)
    return reason or f"neither the {cluster.kind} machines nor the system {system.name} can do that"
