"""From the names in a scenario to the objects that do the work: its machines, system, workload and faults.

All are found through the entry points that third parties use too.
"""

from pathlib import Path

from harness import plugins
from harness.contract import Contract
from harness.errors import UsageError
from harness.fault import Fault
from harness.hosts import Hosts, OnHosts
from harness.machine import MachineKind, RefusesFolders, Unhurried
from harness.scenario import FaultStep, Scenario
from harness.system import SettingError, System, SystemConfig
from harness.workload import Manned, Workload


def node_names(count: int) -> tuple[str, ...]:
    """Return the names of a cluster's machines: n1, n2 and so on."""
    return tuple(f"n{index}" for index in range(1, count + 1))


def machine_kind(scenario: Scenario, hosts: Hosts | None = None) -> MachineKind:
    """Return the kind of machines, on `hosts` if there are any.

    Raises UsageError when it is not installed, and when hosts are too few, missing, or not for this kind.
    """
    kind: MachineKind = plugins.load("acked.machines", scenario.machines)
    if hosts is None:
        if isinstance(kind, OnHosts):
            raise UsageError(f"machines: {scenario.machines} run on hosts; say which: --nodes-file or --node")
        return kind
    if not isinstance(kind, OnHosts):
        raise UsageError(
            f"machines: {scenario.machines} don't run on hosts; leave out --nodes-file and --node"
        )
    if len(hosts.hosts) < scenario.nodes:
        raise UsageError(
            f"{scenario.name} has {scenario.nodes} nodes, and {len(hosts.hosts)} hosts are named"
        )
    return kind.on_hosts(hosts)


def patience_s(scenario: Scenario) -> float:
    """Return how much longer than usual the scenario's machines may take for what a scenario bounds."""
    kind = plugins.load("acked.machines", scenario.machines)
    return kind.patience_s if isinstance(kind, Unhurried) else 0.0


def patience_of_run_s(scenario: Scenario) -> float:
    """Return how much longer than usual a whole run may take on the scenario's machines.

    It is for them to come up, for each fault to strike and to be healed, to recover, and to be torn down.
    """
    return (3 + 2 * len(scenario.faults)) * patience_s(scenario)


def refuse_folder(kind: MachineKind, folder: Path) -> None:
    """Raise UsageError when runs on this kind of machines can't be kept in `folder`."""
    if isinstance(kind, RefusesFolders):
        kind.refuse_folder(folder)


def system(scenario: Scenario) -> System:
    """Make the system under test; raises UsageError, SettingError or PluginError."""
    config = SystemConfig(
        mode=scenario.mode,
        nodes=node_names(scenario.nodes),
        settings=scenario.settings,
        seed=scenario.seed,
    )
    made: System = plugins.make("acked.systems", scenario.system, System, config)
    return made


def contract(system: System) -> Contract:
    """Return what a system promises; raises SettingError or PluginError."""
    with plugins.blaming(f"the contract of {type(system).__name__}"):
        return system.contract()


def workload(scenario: Scenario) -> Workload:
    """Make the workload; raises UsageError, SettingError or PluginError."""
    options = scenario.workload_options
    made: Workload = plugins.make("acked.workloads", scenario.workload, Workload, options)
    if not made.checkers:
        raise UsageError(
            f"the workload {scenario.workload} names no checkers: nothing would judge its writes"
        )
    if isinstance(made, Manned) and made.least_clients > scenario.clients:
        raise SettingError(
            "clients",
            f"the operations are those of {made.least_clients} clients (by counts from 0), "
            f"there are {scenario.clients}",
        )
    return made


def fault(step: FaultStep) -> Fault:
    """Make the fault of one step; raises UsageError, SettingError or PluginError."""
    made: Fault = plugins.make("acked.faults", step.fault, Fault, step.options)
    return made
