"""What a checker of a history alone is: it knows no run, no machines and no faults, only what clients saw.

So it judges anyone's history. Entry-point group `acked.history_checkers`.
"""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from msgspec import Struct

from harness.checker import CheckResult
from harness.columns.table import Table

LINEARIZABLE = ("linearizable", "strict-serializable", "strong-serializable")
"""The names of the consistency models that forbid a read to miss what was done before it began."""

MODEL_MEMBERS = ("name", "init", "step", "describe")
"""What every model of objects has; see `checkers.linearizability.Model`."""


class Request(Struct, frozen=True, kw_only=True):
    """What is asked of a checker.

    `model` names what the objects are, `consistency` the promise to be checked; None leaves both to the checker.
    `own_model` is a model of the user's own, instead of a name (`checkers.linearizability.Model`). The limits are
    for the whole check: beyond them it ends `inconclusive`. `jobs` is how many processes it may use.
    """

    model: str | None = None
    own_model: Any = None
    consistency: str | None = None
    time_limit_s: float | None = None
    memory_limit_mb: int | None = None
    jobs: int = 1


@runtime_checkable
class Levelled(Protocol):
    """A checker that judges by a consistency model: `levels` are the names of all that it knows."""

    levels: tuple[str, ...]


@runtime_checkable
class Knowing(Protocol):
    """A checker that picks its operations by their names, all of which it `knows`; others are passed over."""

    knows: tuple[str, ...]


class HistoryChecker(Protocol):
    """A judge of one property of histories. Its class is called with its options (raises SettingError)."""

    name: str

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Take the options."""

    def fits(self, table: Table) -> bool:
        """Tell whether the history is of a workload that this checker is for."""

    def check(self, table: Table, request: Request) -> CheckResult:
        """Judge the history; pure: the same table gives the same result."""
