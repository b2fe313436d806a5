"""A scenario as a value: everything that, with the seed, determines a run.

`harness.schema` reads it from YAML with errors that name file, line and field.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from harness.contract import Mode

ROLES = ("primary", "replica", "replicas", "holder", "slowest", "minority", "majority", "all")
"""What a fault may aim at, beside a node's name: resolved when it fires."""


SIMULATED = "sim"
"""The machines on which nothing happens but what the system and the faults do."""


class FaultStep(Struct, frozen=True, kw_only=True):
    """One entry of a scenario's fault plan: an episode to come.

    `at_s` counts from the start of the clients; the fault is healed after `for_s`, or with everything else
    at the end when None. `target` is one of ROLES, a node's name, or `$name`, the targets of an earlier step
    that was given that name by `bind` (`as` in YAML); or several of these, joined by "+". Roles are resolved
    when the fault fires.
    """

    fault: str
    target: str | None = None
    at_s: float
    for_s: float | None = None
    bind: str | None = None
    options: Mapping[str, Any] = {}


class Scenario(Struct, frozen=True, kw_only=True):
    """One run, as it is to be done.

    `rate` is operations per second over all clients; 0 means as fast as they can. `ready_s` and
    `recovery_s` bound how long the system may take to come up and to acknowledge writes again after the
    last heal. `expect` are the named expectations of `checkers.expectations`.
    """

    name: str
    description: str = ""
    system: str = "reference"
    mode: Mode
    nodes: int = 3
    machines: str = "local"
    ip: int = 4
    settings: Mapping[str, Any] = {}
    workload: str = "append"
    workload_options: Mapping[str, Any] = {}
    clients: int = 8
    rate: float = 200.0
    time_limit_s: float = 5.0
    operation_timeout_s: float = 1.0
    ready_s: float = 20.0
    recovery_s: float = 20.0
    seed: int = 0
    faults: tuple[FaultStep, ...] = ()
    expect: Mapping[str, Any] = {}
