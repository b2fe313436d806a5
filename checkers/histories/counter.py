"""Counters: every read is between the least and the most that the increments allow.

An increment that was acknowledged before a read began is in what it reads; one that may have happened before the
read ended (it was called, and did not surely fail) may be. So a read of a counter that began at 0 lies between the
sum of all that must be in it, with every decrement that may be, and the same with every increment that may be. The
bounds are exact for one read; that two reads may each be possible but not both is not seen (the linearizability
checker's model `counter` sees that).

Unlike Jepsen's counter checker this one allows decrements, which only widen the bounds downwards.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from checkers.histories.numbers import integers
from checkers.histories.objects import by_object, objects
from checkers.histories.wording import finding, told
from harness.checker import CheckResult, Finding
from harness.columns.table import Table
from harness.columns.values import Kind
from harness.history import FAIL, OK
from harness.history_checker import Request
from harness.options import Options
from harness.verdict import Verdict, merge
from harness.words import plural

Ints = NDArray[np.int64]

UP = ("add", "increment", "inc")
DOWN = ("decrement", "dec", "sub")
READS = ("read", "get")


class Bounds(Struct, frozen=True):
    """The answered reads of one counter, by row, and what each may be."""

    rows: Ints
    read: Ints
    least: Ints
    most: Ints


class Counter:
    """Checks that reads of counters are possible."""

    name = "counter"
    knows = (*UP, *DOWN, *READS)

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._start = Options(options, ("start",)).whole("start", 0, least=-(2**62))

    def fits(self, table: Table) -> bool:
        """Whether numbers are added, and reads show numbers."""
        changes, reads = table.rows(*UP, *DOWN), table.rows(*READS)
        read = table.values.kinds_at(objects(table, reads[table.outcome[reads] == OK]).result)
        added = table.values.kinds_at(objects(table, changes).first)
        return bool(len(changes) and len(read) and (read == Kind.INT).all() and (added != Kind.LIST).all())

    def check(self, table: Table, request: Request) -> CheckResult:
        """Judge every read: O(n log n)."""
        found = list(_bounds(table, self._start))
        reads = sum(len(bounds.rows) for bounds in found)
        findings = tuple(_findings(table, found))
        if not reads:
            findings = (Finding(verdict=Verdict.INCONCLUSIVE, title="no counter was read"),)
        wrong = [rows for bounds in found for rows in bounds.rows[_wrong(bounds)].tolist()]
        widest = max(
            (int((bounds.most - bounds.least).max()) for bounds in found if len(bounds.rows)), default=0
        )
        return CheckResult(
            checker=self.name,
            verdict=merge((Verdict.HOLDS, *(each.verdict for each in findings))),
            summary=f"{plural(reads, 'read')} of {plural(len(found), 'counter')}: {len(wrong)} impossible",
            findings=findings,
            figures={"reads": reads, "counters": len(found), "impossible": len(wrong), "widest": widest},
            anomalies=("impossible-read",) if wrong else (),
            certificate={"kind": "counter", "reads": [int(table.id[row]) for row in wrong]}
            if wrong
            else None,
        )


def _bounds(table: Table, start: int) -> Iterator[Bounds]:
    found = objects(table, table.rows(*UP, *DOWN, *READS))
    rows = found.rows
    down, is_read = table.called(*DOWN)[rows], table.called(*READS)[rows]
    deltas, told_delta = integers(table.values, found.first)
    deltas = np.where(told_delta, deltas, 1)  # `:increment` without a number adds one
    deltas = np.where(down, -deltas, deltas)
    shown, is_number = integers(table.values, found.result)
    outcome, call, returned = table.outcome[rows], table.call_ns[rows], table.return_ns[rows]
    may_change = ~is_read & (outcome != FAIL)
    answered = is_read & (outcome == OK) & is_number
    for _, places in by_object(found.key, len(found.names)):
        changes, reads = places[may_change[places]], places[answered[places]]
        sure = changes[outcome[changes] == OK]
        must, may = _Sums(returned[sure], deltas[sure]), _Sums(call[changes], deltas[changes])
        # What must be in the read is among what may be: the rest of that is what may or may not.
        in_up, in_down = must.before(call[reads])
        up, low = may.until(returned[reads])
        yield Bounds(rows[reads], shown[reads], start + in_up + low, start + in_down + up)


class _Sums:
    """Sums of positive and of negative numbers up to a time."""

    def __init__(self, at_ns: Ints, numbers: Ints) -> None:
        order = np.argsort(at_ns, kind="stable")
        self._at_ns, ordered = at_ns[order], numbers[order]
        self._up = np.concatenate(([0], np.cumsum(np.maximum(ordered, 0))))
        self._down = np.concatenate(([0], np.cumsum(np.minimum(ordered, 0))))

    def before(self, time_ns: Ints) -> tuple[Ints, Ints]:
        """Return the sums of what was earlier than each time."""
        return self._at(np.searchsorted(self._at_ns, time_ns, "left"))

    def until(self, time_ns: Ints) -> tuple[Ints, Ints]:
        """Return the sums of what was not later than each time."""
        return self._at(np.searchsorted(self._at_ns, time_ns, "right"))

    def _at(self, places: Ints) -> tuple[Ints, Ints]:
        return self._up[places], self._down[places]


def _wrong(bounds: Bounds) -> NDArray[np.bool_]:
    return (bounds.read < bounds.least) | (bounds.read > bounds.most)


def _findings(table: Table, found: list[Bounds]) -> Iterator[Finding]:
    cases = [
        f"{told(table, row)}; possible was {least} to {most}"
        for bounds in found
        for row, least, most in zip(
            *(column[_wrong(bounds)].tolist() for column in (bounds.rows, bounds.least, bounds.most)),
            strict=True,
        )
    ]
    if cases:
        yield finding(Verdict.VIOLATED, f"{plural(len(cases), 'read')} impossible", cases, len(cases))
