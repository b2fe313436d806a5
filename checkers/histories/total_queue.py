"""Queues: what goes in comes out, once.

Elements are enqueued and dequeued by many clients, and in the end the queue is drained. No order is judged, only
what becomes of each element:

- *lost*: its enqueue was acknowledged, it never came out, and the queue was seen to be empty by an operation that
  began after that;
- *duplicated*: it came out more often than it was put in (option `at_least_once` allows that);
- *unexpected*: it came out, though it never went in, or surely failed to.

A dequeue of unknown outcome may have taken any element with it: so many losses prove nothing, and are
inconclusive. So are elements that stay in a queue which nobody emptied. (Jepsen's total-queue checker calls both
lost, and lets duplicates pass.)
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from checkers.histories.wording import finding, shown, told
from harness.checker import CheckResult, Finding
from harness.columns.identity import identified
from harness.columns.table import Table
from harness.columns.values import Kind, spanned
from harness.history import FAIL, INFO, OK
from harness.history_checker import Request
from harness.options import Options
from harness.verdict import Verdict, merge
from harness.words import plural

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

ENQUEUES = ("enqueue",)
DEQUEUES = ("dequeue",)
DRAINS = ("drain",)
EMPTY = ("empty", "exhausted")
"""Words in the error of a failed dequeue that say that there was nothing to take."""


class Flow(Struct, frozen=True, kw_only=True):
    """For each element, by code: its cell, a row that names it, and how often it went in and came out."""

    cell: Ints
    row: Ints
    tried: Ints
    """Enqueues that may have happened."""
    acknowledged: Ints
    acknowledged_ns: Ints
    """The last return of an acknowledged enqueue; -1 where there was none."""
    taken: Ints
    taken_by: Ints
    """A row that took it; -1 where nobody did."""


class TotalQueue:
    """Checks that a queue loses nothing, invents nothing, and gives nothing twice."""

    name = "total-queue"
    knows = (*ENQUEUES, *DEQUEUES, *DRAINS)

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._at_least_once = Options(options, ("at_least_once",)).flag("at_least_once", False)

    def fits(self, table: Table) -> bool:
        """Whether something is enqueued and dequeued."""
        return bool(len(table.rows(*ENQUEUES)) and len(table.rows(*DEQUEUES, *DRAINS)))

    def check(self, table: Table, request: Request) -> CheckResult:
        """Judge every element: O(n log n), O(n) for dense numbers."""
        flow = _flow(table)
        emptied_ns, doubtful = _emptied_ns(table), _unknown_takers(table)
        missing = (flow.acknowledged > 0) & (flow.taken == 0)
        gone = missing & (flow.acknowledged_ns < emptied_ns)
        excess = (flow.tried > 0) & (flow.taken > flow.tried)
        odd = (flow.tried == 0) & (flow.taken > 0)
        lost = int(gone.sum()) > doubtful
        findings = tuple(
            self._findings(
                table, flow, gone=gone, stuck=missing & ~gone, excess=excess, odd=odd, doubtful=doubtful
            )
        )
        figures = {
            "enqueued": int(flow.acknowledged.sum()),
            "dequeued": int(flow.taken.sum()),
            "missing": int(gone.sum()),
            "not_drained": int((missing & ~gone).sum()),
            "unknown_dequeues": doubtful,
            "duplicated": int(excess.sum()),
            "unexpected": int(odd.sum()),
            "recovered": int(((flow.acknowledged == 0) & (flow.tried > 0) & (flow.taken > 0)).sum()),
        }
        kinds = (
            ("lost", lost),
            ("duplicated", excess.any() and not self._at_least_once),
            ("unexpected", odd.any()),
        )
        anomalies = tuple(name for name, is_so in kinds if is_so)
        return CheckResult(
            checker=self.name,
            verdict=merge((Verdict.HOLDS, *(each.verdict for each in findings))),
            summary=f"{plural(figures['enqueued'], 'element')} in, {figures['dequeued']} out: "
            + ", ".join(f"{figures[name]} {name}" for name in ("missing", "duplicated", "unexpected")),
            findings=findings,
            figures=figures,
            anomalies=anomalies,
            certificate=_certificate(table, flow, gone, excess, odd) if anomalies else None,
        )

    def _findings(
        self, table: Table, flow: Flow, *, gone: Flags, stuck: Flags, excess: Flags, odd: Flags, doubtful: int
    ) -> Iterator[Finding]:
        lost = Verdict.VIOLATED if int(gone.sum()) > doubtful else Verdict.INCONCLUSIVE
        maybe = f"; {plural(doubtful, 'dequeue')} of unknown outcome may have taken them" if doubtful else ""
        twice = Verdict.HOLDS if self._at_least_once else Verdict.VIOLATED
        for mask, verdict, what, row in (
            (gone, lost, f"enqueued and never dequeued{maybe}", flow.row),
            (stuck, Verdict.INCONCLUSIVE, "left in a queue that nobody emptied", flow.row),
            (excess, twice, "dequeued more often than enqueued", flow.taken_by),
            (odd, Verdict.VIOLATED, "dequeued though nobody can have enqueued them", flow.taken_by),
        ):
            codes = np.flatnonzero(mask)
            if len(codes):
                cases = (
                    f"{shown(table.values.get(int(flow.cell[code])))}: {told(table, int(row[code]))}"
                    for code in codes.tolist()
                )
                yield finding(verdict, f"{plural(len(codes), 'element')} {what}", cases, len(codes))
        if not flow.acknowledged.any():
            yield Finding(verdict=Verdict.INCONCLUSIVE, title="nothing was enqueued")


def _flow(table: Table) -> Flow:
    enqueues = table.rows(*ENQUEUES)
    enqueues = enqueues[table.arity[enqueues] > 0]
    takers, taken = _taken(table)
    cells = np.concatenate((table.args[enqueues], taken))
    found = identified(table.values, cells)
    count = len(found)
    into, out = found.codes[: len(enqueues)], found.codes[len(enqueues) :]
    outcome = table.outcome[enqueues]
    sure, may = into[outcome == OK], into[outcome != FAIL]
    acknowledged_ns, row, taken_by = (np.full(count, -1, np.int64) for _ in range(3))
    np.maximum.at(acknowledged_ns, sure, table.return_ns[enqueues[outcome == OK]])
    row[into[::-1]] = enqueues[::-1]
    taken_by[out] = takers
    return Flow(
        cell=cells[found.first] if count else cells,
        row=row,
        tried=np.bincount(may, minlength=count),
        acknowledged=np.bincount(sure, minlength=count),
        acknowledged_ns=acknowledged_ns,
        taken=np.bincount(out, minlength=count),
        taken_by=taken_by,
    )


def _taken(table: Table) -> tuple[Ints, Ints]:
    """Return the rows that took something, and the cells of what they took: one pair for each element."""
    values = table.values
    singles = table.rows(*DEQUEUES)
    singles = singles[(table.outcome[singles] == OK) & (table.value[singles] >= 0)]
    drains = table.rows(*DRAINS)
    listed = values.kinds_at(table.value[drains]) == Kind.LIST
    drains = drains[(table.outcome[drains] == OK) & listed]
    sizes = values.size[table.value[drains]].astype(np.int64)
    starts = values.payload[table.value[drains]]
    return (
        np.concatenate((singles, np.repeat(drains, sizes))),
        np.concatenate((table.value[singles], spanned(starts, sizes))),
    )


def _emptied_ns(table: Table) -> int:
    """Return the latest call of an operation that found nothing more to take, -1 when there was none."""
    takers = table.rows(*DEQUEUES, *DRAINS)
    drained = table.called(*DRAINS)[takers]
    nothing = table.values.kinds_at(table.value[takers]) == Kind.NIL
    says = np.array([any(word in text for word in EMPTY) for text in table.values.texts], np.bool_)
    error = table.error[takers]
    refused = (table.outcome[takers] == FAIL) & (error >= 0)
    refused[refused] = says[error[refused]]
    empty = ((table.outcome[takers] == OK) & (drained | nothing)) | refused
    return int(table.call_ns[takers[empty]].max(initial=-1))


def _unknown_takers(table: Table) -> int:
    """Return how many elements operations of unknown outcome may have taken; a drain any number."""
    unknown = table.outcome == INFO
    if (unknown & table.called(*DRAINS)).any():
        return len(table)
    return int((unknown & table.called(*DEQUEUES)).sum())


def _certificate(table: Table, flow: Flow, gone: Flags, excess: Flags, odd: Flags) -> Mapping[str, Any]:
    def elements(mask: Flags) -> list[Any]:
        return [table.values.get(int(cell)) for cell in flow.cell[mask].tolist()]

    return {
        "kind": "total-queue",
        "missing": elements(gone),
        "duplicated": elements(excess),
        "unexpected": elements(odd),
    }
