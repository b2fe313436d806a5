"""What a run is made of, put together: a scenario's names turned into the objects that do the work."""

from pathlib import Path

from msgspec import Struct

from harness.fault import Fault
from harness.machine import Cluster
from harness.observer import Observer
from harness.scenario import Scenario
from harness.system import System
from harness.workload import Workload


class Parts(Struct, frozen=True, kw_only=True):
    """What a run is made of; `faults` are those of the scenario's steps, in their order."""

    scenario: Scenario
    cluster: Cluster
    system: System
    workload: Workload
    faults: tuple[Fault, ...]
    folder: Path
    observer: Observer
