"""What a checker of a history alone is: it knows no run, no machines and no faults, only what clients saw.

So it judges anyone's history. Entry-point group `acked.history_checkers`.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from msgspec import Struct

from harness.checker import CheckResult
from harness.columns.table import Table

LINEARIZABLE = ("linearizable", "strict-serializable", "strong-serializable")
"""The names of the consistency models that forbid a read to miss what was done before it began."""


class Request(Struct, frozen=True, kw_only=True):
    """What is asked of a checker.

    `model` names what the objects are, `consistency` the promise to be
    checked; None leaves both to the checker. The limits are for the whole check: beyond them it ends
    `inconclusive`. `jobs` is how many processes it may use.
    """

    model: str | None = None
    consistency: str | None = None
    time_limit_s: float | None = None
    memory_limit_mb: int | None = None
    jobs: int = 1


class HistoryChecker(Protocol):
    """A judge of one property of histories. Its class is called with its options (raises SettingError)."""

    name: str

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Take the options."""

    def fits(self, table: Table) -> bool:
        """Tell whether the history is of a workload that this checker is for."""

    def check(self, table: Table, request: Request) -> CheckResult:
        """Judge the history; pure: the same table gives the same result."""
