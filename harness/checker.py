"""What a checker is: a pure function from a recorded run to a three-valued result with its reasons."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from harness.contract import Contract
from harness.episode import Episode
from harness.events import NodeEvent
from harness.history import History
from harness.machine import Death
from harness.verdict import Verdict
from harness.workload import Workload


class RecordedRun(Struct, frozen=True, kw_only=True):
    """All that a checker may look at. Times everywhere are nanoseconds since the history's origin.

    `events` are sorted by time; empty when the system does not report (`reports` is False then).
    `survivor` is the node whose final state counts as the surviving history: the primary that wrote after
    the last heal. None when there was none, or when another one took over before the final reads were done.
    `recovered` tells whether a write was acknowledged after the last heal, None when that was not tried to its
    end, and `settled` whether all nodes were then seen to have applied the same. `stopped_ns` is when the
    clients stopped, before the final reads. `recovery_expected` is False when the scenario is there to show
    that the system does not recover. `clock_error_ns` is by how much the times of two places (nodes, clients)
    may be wrong to each other: 0 where all have one clock. `deaths` are the processes of the system that ended
    though no fault had ended them.
    """

    contract: Contract
    history: History
    workload: Workload
    episodes: Sequence[Episode]
    events: Sequence[NodeEvent]
    reports: bool
    survivor: str | None
    recovered: bool | None
    settled: bool
    stopped_ns: int
    recovery_expected: bool = True
    clock_error_ns: int = 0
    deaths: tuple[Death, ...] = ()

    @property
    def left_down(self) -> bool:
        """Whether the system did not recover, as expected: there is no surviving history to judge."""
        return self.recovered is False and not self.recovery_expected


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that a checker found, as a story: a title and lines of text, oldest first."""

    verdict: Verdict
    title: str
    lines: tuple[str, ...] = ()


class CheckResult(Struct, frozen=True, kw_only=True):
    """A checker's conclusion. `figures` are numbers by name, for tables; times in seconds (`…_s`)."""

    checker: str
    verdict: Verdict
    summary: str
    findings: tuple[Finding, ...] = ()
    figures: Mapping[str, Any] = {}


class Checker(Protocol):
    """A judge of one property; entry-point group `acked.checkers`. Called without arguments to be made."""

    name: str

    def check(self, run: RecordedRun) -> CheckResult:
        """Judge the run; pure: the same run gives the same result."""
