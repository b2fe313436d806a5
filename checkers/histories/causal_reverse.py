"""Causal reverse: nobody sees a write without those that were complete before it began.

Unique values are written to a collection, each by a blind insert, and the whole collection is read. A write that
was acknowledged before another was called precedes it, in every order that respects real time. A read that shows
the later one and not the earlier one breaks strict serializability (and may be fine for a system that promises
serializability alone: the order of real time is what is reversed).

Of each read the write that was called last among those it shows stands for all: whatever was complete before that
call must be shown. So a read costs no more than its length, and many small ones are judged at once.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from checkers.histories.elements import Batch, Growth, distinct, growth
from checkers.histories.wording import finding, shown, told
from harness.checker import CheckResult, Finding
from harness.columns.table import Table
from harness.history import OK
from harness.history_checker import Request
from harness.options import Options
from harness.verdict import Verdict
from harness.words import plural

Ints = NDArray[np.int64]

BATCH = 1 << 22
"""How many elements reads may show together that are judged at once."""

WRITES = ("write", "insert")
READS = ("read",)


class Reversal(Struct, frozen=True):
    """A read that shows the element `later` and misses the elements `missing`, which were there before it."""

    row: int
    later: int
    missing: NDArray[np.int64]


class CausalReverse:
    """Checks that reads do not show effects without what came before them."""

    name = "causal-reverse"
    knows = (*WRITES, *READS)

    def __init__(self, options: Mapping[str, Any]) -> None:
        Options(options)

    def fits(self, table: Table) -> bool:
        """Whether values are written, and reads show collections of them."""
        reads = table.rows(*READS)
        answered = table.value[reads[table.outcome[reads] == OK]]
        grown = growth(table, WRITES, READS) if len(table.rows(*WRITES)) and len(answered) else None
        return grown is not None and len(grown.rows) == len(answered) and _written_once(grown)

    def check(self, table: Table, request: Request) -> CheckResult:
        """Judge every read: O(length of the read) each, after sorting the writes."""
        grown = growth(table, WRITES, READS)
        found = list(_reversals(grown))
        findings: tuple[Finding, ...] = ()
        if found:
            cases = (_case(grown, each) for each in found)
            title = f"{plural(len(found), 'read')} show a write without those before it"
            findings = (finding(Verdict.VIOLATED, title, cases, len(found)),)
        elif not len(grown.rows):
            findings = (Finding(verdict=Verdict.INCONCLUSIVE, title="nothing was read"),)
        return CheckResult(
            checker=self.name,
            verdict=findings[0].verdict if findings else Verdict.HOLDS,
            summary=f"{plural(len(grown.elements), 'write')}, {plural(len(grown.rows), 'read')}: "
            f"{len(found)} reversed",
            findings=findings,
            figures={"writes": len(grown.elements), "reads": len(grown.rows), "reversed": len(found)},
            anomalies=("causal-reverse",) if found else (),
            certificate=_certificate(grown, found) if found else None,
        )


def _written_once(grown: Growth) -> bool:
    table = grown.table
    return len(grown.elements) == len(table.rows(*WRITES))


def _reversals(grown: Growth) -> Iterator[Reversal]:
    elements = grown.elements
    current, order, returns = -1, np.zeros(0, np.int64), np.zeros(0, np.int64)
    for batch in grown.batches(BATCH):
        if batch.set != current:
            current = batch.set
            first, last = int(elements.bounds[current]), int(elements.bounds[current + 1])
            order = first + np.argsort(elements.acknowledged_ns[first:last], kind="stable")
            returns = elements.acknowledged_ns[order]
        of, known = _known(batch)
        counts = np.bincount(of, minlength=len(batch.rows))
        some, begins = counts > 0, np.cumsum(counts) - counts
        if not some.any():
            continue
        called = elements.call_ns[known]
        began_ns = np.zeros(len(counts), np.int64)
        began_ns[some] = np.maximum.reduceat(called, begins[some])
        before = np.where(some, np.searchsorted(returns, began_ns, "left"), 0)
        there = np.bincount(of[elements.acknowledged_ns[known] < began_ns[of]], minlength=len(counts))
        for at in np.flatnonzero(there < before).tolist():
            span = slice(int(begins[at]), int(begins[at] + counts[at]))
            later = int(known[span][called[span].argmax()])
            missing = order[: before[at]]
            yield Reversal(int(batch.rows[at]), later, missing[~np.isin(missing, known[span])])


def _known(batch: Batch) -> tuple[Ints, Ints]:
    """Return the elements that reads show, each once a read, and which read shows each, in the order of reads."""
    of, shown = np.repeat(np.arange(len(batch.rows)), batch.sizes), batch.shown
    if (shown < 0).any():
        of, shown = of[shown >= 0], shown[shown >= 0]
    pairs = of * (int(shown.max(initial=0)) + 1) + shown
    if distinct(pairs):
        return of, shown
    _, once = np.unique(pairs, return_index=True)
    return of[once], shown[once]


def _case(grown: Growth, reversal: Reversal) -> str:
    table, elements = grown.table, grown.elements
    missing = ", ".join(shown(table.values.get(int(elements.cell[each]))) for each in reversal.missing[:3])
    more = f" and {len(reversal.missing) - 3} more" if len(reversal.missing) > 3 else ""
    first = int(reversal.missing[0])
    return (
        f"{told(table, reversal.row)}; shows {told(table, int(elements.add[reversal.later]))}, "
        f"but not {missing}{more}; acknowledged before: {told(table, int(elements.add[first]))}"
    )


def _certificate(grown: Growth, found: list[Reversal]) -> Mapping[str, Any]:
    ids, elements = grown.table.id, grown.elements
    return {
        "kind": "causal-reverse",
        "reads": [
            {
                "read": int(ids[each.row]),
                "shows": int(ids[elements.add[each.later]]),
                "misses": ids[elements.add[each.missing]].tolist(),
            }
            for each in found
        ],
    }
