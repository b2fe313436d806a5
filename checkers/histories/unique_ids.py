"""Unique identifiers: whatever a system hands out, it hands out once.

Every acknowledged `generate` answers an identifier; no two may be the same. What an operation of unknown outcome
was given nobody knows, so it is passed over.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from checkers.histories.wording import finding, shown, told
from harness.checker import CheckResult, Finding
from harness.columns.identity import identified
from harness.columns.table import Table
from harness.history import OK
from harness.history_checker import Request
from harness.options import Options
from harness.verdict import Verdict
from harness.words import plural

GENERATES = ("generate",)


class UniqueIds:
    """Checks that identifiers are unique."""

    name = "unique-ids"
    knows = GENERATES

    def __init__(self, options: Mapping[str, Any]) -> None:
        Options(options)

    def fits(self, table: Table) -> bool:
        """Whether identifiers are generated."""
        return bool(len(table.rows(*GENERATES)))

    def check(self, table: Table, request: Request) -> CheckResult:
        """Judge every identifier: O(n log n), O(n) for dense numbers."""
        rows = table.rows(*GENERATES)
        rows = rows[(table.outcome[rows] == OK) & (table.value[rows] >= 0)]
        cells = table.value[rows]
        found = identified(table.values, cells)
        times = np.bincount(found.codes, minlength=len(found)) if len(rows) else np.zeros(0, np.int64)
        again = np.flatnonzero(times > 1)

        def case(code: int) -> str:
            those = rows[found.codes == code][:2].tolist()
            identifier = shown(table.values.get(int(cells[found.first[code]])))
            return f"{identifier}, {times[code]} times: {'; '.join(told(table, row) for row in those)}"

        title = f"{plural(len(again), 'identifier')} handed out more than once"
        findings: tuple[Finding, ...] = ()
        if len(again):
            findings = (finding(Verdict.VIOLATED, title, map(case, again.tolist()), len(again)),)
        elif not len(rows):
            findings = (Finding(verdict=Verdict.INCONCLUSIVE, title="no identifier was handed out"),)
        return CheckResult(
            checker=self.name,
            verdict=findings[0].verdict if findings else Verdict.HOLDS,
            summary=f"{plural(len(rows), 'identifier')}, {len(again)} of them more than once",
            findings=findings,
            figures={"acknowledged": len(rows), "duplicated": len(again)},
            anomalies=("duplicated",) if len(again) else (),
            certificate=_certificate(table, rows, found.codes, again) if len(again) else None,
        )


def _certificate(
    table: Table, rows: "np.typing.NDArray[np.int64]", codes: "np.typing.NDArray[np.int64]", again: Any
) -> Mapping[str, Any]:
    """Return the operations that were given the same, group by group, by their ids."""
    twice = np.isin(codes, again)
    groups: dict[int, list[int]] = {}
    for code, row in zip(codes[twice].tolist(), rows[twice].tolist(), strict=True):
        groups.setdefault(code, []).append(int(table.id[row]))
    return {"kind": "unique-ids", "same": list(groups.values())}
