"""How available a system was: the share of operations that was acknowledged, and the longest time without any.

A measurement, and a judgement only where a bound is asked for. Options: `at_least`, the share of operations that
must be acknowledged; `longest_gap_s`, how long nothing may be. Reads and writes alike count.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from checkers.histories.numbers import quantiles_s
from checkers.words import at, seconds
from harness.checker import CheckResult, Finding
from harness.columns.table import Table
from harness.history import OK
from harness.history_checker import Request
from harness.options import Options
from harness.verdict import Verdict, merge

YEAR_S = 3.2e7


class Availability:
    """Measures acknowledgements, and checks bounds where there are some."""

    name = "availability"

    def __init__(self, options: Mapping[str, Any]) -> None:
        read = Options(options, ("at_least", "longest_gap_s"))
        self._at_least = read.share("at_least", 0.0)
        self._longest_s = (
            read.number("longest_gap_s", 1.0, above=0, below=YEAR_S) if "longest_gap_s" in options else None
        )

    def fits(self, table: Table) -> bool:
        """Any history with times."""
        return table.timed and len(table) > 0

    def check(self, table: Table, request: Request) -> CheckResult:
        """Measure: O(n log n)."""
        ok = table.outcome == OK
        share = float(ok.mean()) if len(table) else 0.0
        acknowledged = np.sort(table.return_ns[ok])
        begin = int(table.call_ns.min()) if len(table) else 0
        end = int(max(table.call_ns.max(), table.return_ns.max())) if len(table) else 0
        marks = np.concatenate(([begin], acknowledged, [end]))
        gaps = np.diff(marks)
        longest = int(gaps.argmax())
        gap_ns, since_ns = int(gaps[longest]), int(marks[longest])
        findings = tuple(self._findings(share, gap_ns, since_ns))
        return CheckResult(
            checker=self.name,
            verdict=merge((Verdict.HOLDS, *(each.verdict for each in findings))),
            summary=f"{share:.1%} acknowledged; longest time without: {seconds(gap_ns)}, from {at(since_ns)}",
            findings=findings,
            figures={
                "share": share,
                "longest_gap_s": gap_ns / 1e9,
                "longest_gap_from_s": since_ns / 1e9,
                "gap_s": quantiles_s(gaps),
            },
            anomalies=("unavailable",) if findings else (),
        )

    def _findings(self, share: float, gap_ns: int, since_ns: int) -> Iterator[Finding]:
        if share < self._at_least:
            title = f"{share:.1%} of the operations were acknowledged, and {self._at_least:.1%} must be"
            yield Finding(verdict=Verdict.VIOLATED, title=title)
        if self._longest_s is not None and gap_ns > self._longest_s * 1e9:
            title = f"nothing was acknowledged for {seconds(gap_ns)} from {at(since_ns)} on"
            yield Finding(
                verdict=Verdict.VIOLATED, title=title, lines=(f"allowed are {self._longest_s:g} s",)
            )
