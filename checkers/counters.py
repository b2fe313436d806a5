"""Increments: no one of them can be traced, but their sum has bounds.

A counter ends with at least the sum of the increments that were acknowledged and that the surviving history
contains, and with at most that of all that may have happened.
"""

from collections import defaultdict
from collections.abc import Iterator

from msgspec import Struct

from checkers.evidence.case import Case
from harness.checker import Finding
from harness.operation import Operation, Outcome
from harness.verdict import Verdict
from harness.workload import is_final_read


class Counter(Struct, kw_only=True):
    """What is known of one counter: sums of increments, and its final value if it was read."""

    acknowledged: int = 0
    possible: int = 0
    left_out: int = 0
    """Acknowledged, but of entries that an election left out of the surviving history, or may have."""
    final: int | None = None


class Counters:
    """Adds up the increments of a run, operation by operation, in the order of the history."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._counters: dict[str, Counter] = defaultdict(Counter)
        survivor = case.run.survivor
        self._last = case.lineage.last.get(survivor) if survivor is not None else None

    def see(self, operation: Operation) -> None:
        """Take one more operation into account."""
        run = self._case.run
        if operation.f == "increment":
            self._add(self._counters[operation.args[0]], operation)
        elif self._counters and is_final_read(operation, node=run.survivor, stopped_ns=run.stopped_ns):
            for key, value in zip(operation.args[0], operation.value or (), strict=False):
                if key in self._counters:
                    self._counters[key].final = value or 0

    def out_of_bounds(self) -> Iterator[Finding]:
        """Yield the counters whose final value no history of the run explains."""
        for key, counter in sorted(self._counters.items()):
            least, most = counter.acknowledged - counter.left_out, counter.possible
            if counter.final is None or least <= counter.final <= most:
                continue
            what = (
                "lacks acknowledged increments"
                if counter.final < least
                else "has increments that nobody made"
            )
            yield Finding(
                verdict=Verdict.VIOLATED,
                title=f"{key} is {counter.final} in the end: it {what}",
                lines=(
                    f"sum of those that were acknowledged and that no failover left out: {least}",
                    f"sum of those that were acknowledged or may have happened: {most}",
                ),
            )

    def _add(self, counter: Counter, operation: Operation) -> None:
        by = operation.args[1]
        if operation.outcome is not Outcome.FAIL:
            counter.possible += by
        if operation.outcome is Outcome.OK:
            counter.acknowledged += by
            counter.left_out += 0 if self._survives(operation) else by

    def _survives(self, operation: Operation) -> bool:
        """Tell whether the surviving history surely contains the increment."""
        if self._last is None or operation.epoch is None or operation.offset is None:
            return not self._case.primary_may_change
        lineage = self._case.lineage
        if self._last.epoch >= lineage.reliable_below:
            return False
        return lineage.contains(self._last.epoch, operation.epoch, operation.offset) is True
