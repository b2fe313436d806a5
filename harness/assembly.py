"""From the names in a scenario to the objects that do the work: its machines, system, workload and faults.

All are found through the entry points that third parties use too.
"""

from harness import plugins
from harness.errors import UsageError
from harness.fault import Fault
from harness.machine import MachineKind
from harness.scenario import FaultStep, Scenario
from harness.system import System, SystemConfig
from harness.workload import Workload


def node_names(count: int) -> tuple[str, ...]:
    """Return the names of a cluster's machines: n1, n2 and so on."""
    return tuple(f"n{index}" for index in range(1, count + 1))


def machine_kind(scenario: Scenario) -> MachineKind:
    """Return the kind of machines; raises UsageError when it is not installed."""
    kind: MachineKind = plugins.load("acked.machines", scenario.machines)
    return kind


def system(scenario: Scenario) -> System:
    """Make the system under test; raises UsageError or SettingError."""
    made: System = plugins.load("acked.systems", scenario.system)(
        SystemConfig(
            mode=scenario.mode,
            nodes=node_names(scenario.nodes),
            settings=scenario.settings,
            seed=scenario.seed,
        )
    )
    return made


def workload(scenario: Scenario) -> Workload:
    """Make the workload; raises UsageError or SettingError."""
    made: Workload = plugins.load("acked.workloads", scenario.workload)(scenario.workload_options)
    if not made.checkers:
        raise UsageError(
            f"the workload {scenario.workload} names no checkers: nothing would judge its writes"
        )
    return made


def fault(step: FaultStep) -> Fault:
    """Make the fault of one step; raises UsageError or SettingError."""
    made: Fault = plugins.load("acked.faults", step.fault)(step.options)
    return made
