"""A scenario carried out from here: its parts put together, and the event loop that its machines need."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from harness import assembly, lifecycle
from harness.hosts import Hosts
from harness.interrupts import Interrupts
from harness.machine import MachineKind, OwnLoop
from harness.observer import Observer
from harness.result import RunResult
from harness.scenario import Scenario


def perform(
    scenario: Scenario,
    folder: Path,
    *,
    hosts: Hosts | None = None,
    interrupts: Interrupts | None = None,
    observer: Observer | None = None,
) -> RunResult:
    """Run a scenario in `folder`, which must exist; call after the machine kind's `enter`."""
    kind = assembly.machine_kind(scenario, hosts)
    patience_s = assembly.patience_s(scenario)
    scenario = replace(
        scenario, ready_s=scenario.ready_s + patience_s, recovery_s=scenario.recovery_s + patience_s
    )
    with asyncio.Runner(loop_factory=_loop_factory(kind)) as runner:
        return runner.run(
            lifecycle.execute(
                scenario,
                machines=kind,
                system=assembly.system(scenario),
                workload=assembly.workload(scenario),
                faults=tuple(assembly.fault(step) for step in scenario.faults),
                folder=folder,
                interrupts=interrupts or Interrupts(),
                observer=observer,
            )
        )


def _loop_factory(kind: MachineKind) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return the loop of the machines, uvloop's where it is installed, else None for asyncio's own."""
    if isinstance(kind, OwnLoop):
        return kind.new_event_loop
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
