"""The errors of a history by kind: so that what a client did not expect is seen, and not only counted as unknown.

Errors are texts. They are grouped by operation, outcome and text, digits left out, since addresses and offsets
differ from one to the next. Nothing is judged by them: an unknown outcome is unknown whatever its error says.
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from msgspec import Struct

from checkers.histories.wording import EXAMPLES, finding, shown, told
from harness.checker import CheckResult
from harness.columns.identity import paired
from harness.columns.table import Table
from harness.history import OUTCOMES
from harness.history_checker import Request
from harness.options import Options
from harness.verdict import Verdict
from harness.words import plural

_DIGITS = re.compile(r"\d+")


class Group(Struct, kw_only=True):
    """Errors of one kind."""

    f: str
    outcome: str
    error: str
    count: int
    row: int


class Errors:
    """Lists what went wrong at the clients."""

    name = "errors"

    def __init__(self, options: Mapping[str, Any]) -> None:
        Options(options)

    def fits(self, table: Table) -> bool:
        """Whether there is any error."""
        return bool((table.error >= 0).any())

    def check(self, table: Table, request: Request) -> CheckResult:
        """Group the errors: O(n), and O(length) for each distinct text."""
        groups = grouped(table)
        cases = (f"{group.count} × {group.f}, {group.outcome}: {shown(group.error)}" for group in groups)
        total = sum(group.count for group in groups)
        findings = (
            (finding(Verdict.HOLDS, f"{plural(total, 'error')}", cases, len(groups)),) if groups else ()
        )
        return CheckResult(
            checker=self.name,
            verdict=Verdict.HOLDS,
            summary=f"{plural(total, 'error')} of {plural(len(groups), 'kind')}",
            findings=findings,
            figures={
                "errors": total,
                "kinds": [
                    {
                        "f": group.f,
                        "outcome": group.outcome,
                        "error": group.error,
                        "count": group.count,
                        "example": told(table, group.row),
                    }
                    for group in groups[: 4 * EXAMPLES]
                ],
            },
        )


def grouped(table: Table) -> list[Group]:
    """Return the kinds of errors, the most frequent first."""
    rows = np.flatnonzero(table.error >= 0)
    kind = table.f[rows].astype(np.int64) * len(OUTCOMES) + table.outcome[rows]
    found = paired(kind, table.error[rows].astype(np.int64))
    counts = np.bincount(found.codes, minlength=len(found)).tolist() if len(rows) else []
    groups: dict[tuple[str, str, str], Group] = {}
    for place, count in zip(found.first.tolist(), counts, strict=True):
        row = int(rows[place])
        text = table.values.texts[int(table.error[row])]
        f, outcome = table.names[int(table.f[row])], str(OUTCOMES[int(table.outcome[row])])
        key = (f, outcome, _DIGITS.sub("#", text))
        if key in groups:
            groups[key].count += count
        else:
            groups[key] = Group(f=f, outcome=outcome, error=text, count=count, row=row)
    return sorted(groups.values(), key=lambda group: (-group.count, group.f, group.outcome, group.error))
