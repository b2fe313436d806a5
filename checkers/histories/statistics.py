"""What there was in a history: how many operations of each kind and node, their outcomes, and how long they took.

It judges one thing: that something was acknowledged at all. A kind of operation that was never acknowledged is
told, since a check of it proves nothing; where that is so of all, the history is inconclusive.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from checkers.histories.numbers import quantiles_s
from harness.checker import CheckResult, Finding
from harness.columns.table import Table
from harness.history import FAIL, INFO, OK, OUTCOMES
from harness.history_checker import Request
from harness.options import Options
from harness.verdict import Verdict
from harness.words import plural


class Statistics:
    """Counts operations, and refuses a history without an acknowledged one."""

    name = "statistics"

    def __init__(self, options: Mapping[str, Any]) -> None:
        Options(options)

    def fits(self, table: Table) -> bool:
        """Any history."""
        return True

    def check(self, table: Table, request: Request) -> CheckResult:
        """Count: O(n log n) for the quantiles."""
        everything = np.ones(len(table), np.bool_)
        total = _counted(table, everything)
        by_f = {name: _counted(table, table.called(name)) for name in table.names}
        by_node = {
            table.values.texts[place]: _counted(table, table.node == place)
            for place in np.unique(table.node).tolist()
            if place >= 0
        }
        nothing = not total["ok"]
        findings = tuple(_findings(by_f, nothing=nothing))
        return CheckResult(
            checker=self.name,
            verdict=Verdict.INCONCLUSIVE if nothing else Verdict.HOLDS,
            summary=f"{plural(len(table), 'operation')}: {total['ok']} acknowledged, {total['fail']} failed, "
            f"{total['info']} unknown",
            findings=findings,
            figures={**total, "by_f": by_f, "by_node": by_node},
        )


def _counted(table: Table, mask: NDArray[np.bool_]) -> dict[str, Any]:
    outcome = table.outcome[mask]
    ok = mask & (table.outcome == OK)
    counts = {str(OUTCOMES[code]): int((outcome == code).sum()) for code in (OK, FAIL, INFO)}
    took = quantiles_s(table.return_ns[ok] - table.call_ns[ok]) if table.timed else {}
    return {"count": len(outcome), **counts, "latency_s": took}


def _findings(by_f: Mapping[str, Mapping[str, Any]], *, nothing: bool) -> Iterator[Finding]:
    if nothing:
        yield Finding(verdict=Verdict.INCONCLUSIVE, title="no operation was acknowledged")
        return
    for name, counts in by_f.items():
        if not counts["ok"]:
            yield Finding(verdict=Verdict.HOLDS, title=f"no {name} of {counts['count']} was acknowledged")
