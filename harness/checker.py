"""What a checker is: a pure function from a recorded run to a three-valued result with its reasons."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from harness.contract import Contract
from harness.episode import Episode
from harness.events import NodeEvent
from harness.history import History
from harness.machine import Death
from harness.verdict import Verdict
from harness.workload import Workload

T = TypeVar("T")


class Limits(Struct, frozen=True, kw_only=True):
    """How long each search for a verdict may take, and how much memory all of the judging.

    Past either a check is inconclusive. Without a limit the memory is what the machine has left.
    """

    time_limit_s: float = 20.0
    memory_limit_mb: int | None = None


class RecordedRun(Struct, frozen=True, kw_only=True, dict=True):
    """All that a checker may look at. Times everywhere are nanoseconds since the history's origin.

    `events` are sorted by time; empty when the system does not report (`reports` is False then).
    `survivor` is the node whose final state counts as the surviving history: the primary that wrote after
    the last heal. None when there was none, or when another one took over before the final reads were done.
    `recovered` tells whether a write was acknowledged within `recovery_s` after the last heal, None when that was
    not tried to its end; `protected` whether one was that is not degraded, None where that was not tried; and
    `settled` whether all nodes were then seen to have applied the same. `stopped_ns` is when the clients stopped,
    before the final reads. `recovery_expected` is False when the scenario is there to show that the system does
    not recover. `clock_error_ns` is by how much the times of two places (nodes, clients) may be wrong to each
    other: 0 where all have one clock. `deaths` are the processes of the system that ended though no fault had
    ended them; `strangers` is False where nobody else can have done so, in a simulation. `sealed` is True where
    nobody but the nodes, and faults, can have written to their disks.
    `limits` are for what may take long.
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
    protected: bool | None = None
    recovery_s: float = 20.0
    recovery_expected: bool = True
    clock_error_ns: int = 0
    deaths: tuple[Death, ...] = ()
    strangers: bool = True
    sealed: bool = False
    limits: Limits = Limits()

    def derived(self, make: "Callable[..., T]", *options: Any) -> T:
        """Return `make(run, *options)`, which several checkers need: made once, and kept as long as the run."""
        key = (make, options)
        if key not in self._derived:
            self._derived[key] = make(self, *options)
        found: T = self._derived[key]
        return found

    @cached_property
    def _derived(self) -> dict[Any, Any]:
        return {}

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
    """A checker's conclusion. `figures` are numbers by name, for tables; times in seconds (`…_s`).

    `anomalies` are the names of what is amiss, as the literature calls it. `certificate` is what somebody who
    does not trust the checker can check again against the history: plain values, or None.
    """

    checker: str
    verdict: Verdict
    summary: str
    findings: tuple[Finding, ...] = ()
    figures: Mapping[str, Any] = {}
    anomalies: tuple[str, ...] = ()
    certificate: Mapping[str, Any] | None = None


class Checker(Protocol):
    """A judge of one property; entry-point group `acked.checkers`. Called without arguments to be made."""

    name: str

    def check(self, run: RecordedRun) -> CheckResult:
        """Judge the run; pure: the same run gives the same result."""
