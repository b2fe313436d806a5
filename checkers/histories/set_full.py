"""Sets that grow: whether every element whose add was acknowledged is there, since when, and only once.

Unique elements are added to a set, and whole sets are read; each element then has a fate:

- *stable*: the last read that was asked for, among those that may tell, shows it;
- *lost*: it was known to be there, and a read that began later than that, and later than the end of every read
  that shows it, does not;
- *never read*: no read that began after it was known to be there tells;
- *stale*: stable, but missing in a read that began after it was known to be there;
- *duplicated*: a read shows it more than once;
- *unexpected*: a read shows it though no add of it can have happened before the read's end.

An element is known from the acknowledgement of its add, or from the end of the first read that shows it. Lost,
duplicated and unexpected elements violate the promise of any set; stale ones that of a linearizable one (option
`linearizable`).

The fates are those of Jepsen's set-full checker, with three differences. Duplicates fail (there they never do).
A read that overlaps one that shows the element loses nothing, since it may have happened first. Elements that
were never added are not passed over.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from checkers.histories.elements import NEVER, Elements, Growth, growth
from checkers.histories.numbers import quantiles_s
from checkers.histories.sightings import NOT_YET, Sightings, sighted
from checkers.histories.wording import finding, moment, shown, told
from harness.checker import CheckResult, Finding
from harness.columns.table import Table
from harness.columns.values import Kind
from harness.history import OK
from harness.history_checker import LINEARIZABLE, Request
from harness.options import Options
from harness.verdict import Verdict, merge
from harness.words import plural

ADDS = ("add",)
READS = ("read", "get", "peek")

_ANOMALIES = ("lost", "duplicated", "unexpected", "stale")


class Fates(Struct, frozen=True, kw_only=True):
    """What became of each element: since when it was known, and masks; durations are 0 where a mask is not set."""

    known_ns: NDArray[np.int64]
    stable: NDArray[np.bool_]
    lost: NDArray[np.bool_]
    stale: NDArray[np.bool_]
    never_read: NDArray[np.bool_]
    until_stable_ns: NDArray[np.int64]
    until_lost_ns: NDArray[np.int64]


class SetFull:
    """Checks that sets keep what was added to them."""

    name = "set-full"
    knows = (*ADDS, *READS)
    levels = LINEARIZABLE

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._linearizable = Options(options, ("linearizable",)).flag("linearizable", False)

    def fits(self, table: Table) -> bool:
        """Whether elements are added, and reads show collections."""
        reads = table.rows(*READS)
        answered = table.value[reads[table.outcome[reads] == OK]]
        kinds = table.values.kinds_at(answered)
        shows = np.isin(kinds, (Kind.LIST, Kind.SET)).any()
        return bool(len(table.rows(*ADDS)) and (shows or not len(answered)) and len(reads))

    def check(self, table: Table, request: Request) -> CheckResult:
        """Judge every element: O(elements), and for each read O(the elements added before its end)."""
        linearizable = self._linearizable or request.consistency in LINEARIZABLE
        grown = growth(table, ADDS, READS)
        seen = sighted(grown)
        fates = _fates(grown.elements, seen)
        findings = tuple(_findings(grown, seen, fates, linearizable=linearizable))
        if not findings and not fates.stable.any():
            findings = (
                Finding(verdict=Verdict.INCONCLUSIVE, title="no acknowledged element was read later"),
            )
        figures = _figures(grown.elements, seen, fates)
        violated = [found for found in findings if found.verdict is Verdict.VIOLATED]
        return CheckResult(
            checker=self.name,
            verdict=merge((Verdict.HOLDS, *(found.verdict for found in findings))),
            summary=_summary(figures),
            findings=findings,
            figures=figures,
            anomalies=tuple(
                name for name in _ANOMALIES if figures[name] and (name != "stale" or linearizable)
            ),
            certificate=_certificate(grown, seen, fates) if violated else None,
        )


def _fates(elements: Elements, seen: Sightings) -> Fates:
    known = np.minimum(elements.acknowledged_ns, seen.first_shown_ns)
    shown = seen.shown_call_ns > NOT_YET
    missed = seen.missed_call_ns > known  # asked for when it was known already: not merely concurrent
    lost = missed & (seen.missed_call_ns > seen.shown_return_ns)
    stable = shown & ~lost
    stale = stable & missed
    # `known` is NEVER where neither mask holds; those places are not looked at.
    until_stable = np.where(stale, seen.missed_call_ns, known) - known
    until_lost = np.where(lost & shown, np.maximum(seen.shown_call_ns, known), known) - known
    return Fates(
        known_ns=known,
        stable=stable,
        lost=lost,
        stale=stale,
        never_read=(known < NEVER) & ~lost & ~stable,
        until_stable_ns=until_stable,
        until_lost_ns=until_lost,
    )


def _findings(grown: Growth, seen: Sightings, fates: Fates, *, linearizable: bool) -> Iterator[Finding]:
    table, elements = grown.table, grown.elements

    def of(
        mask: NDArray[np.bool_], verdict: Verdict, what: str, reads: NDArray[np.int64]
    ) -> Iterator[Finding]:
        numbers = np.flatnonzero(mask)
        if len(numbers):
            cases = (_case(grown, fates, number, int(reads[number])) for number in numbers.tolist())
            yield finding(verdict, f"{plural(len(numbers), 'element')} {what}", cases, len(numbers))

    yield from of(fates.lost, Verdict.VIOLATED, "lost", seen.missed_row)
    if linearizable:
        yield from of(fates.stale, Verdict.VIOLATED, "missing in a later read", seen.missed_row)
    if seen.repeated:
        cases = (
            f"{told(table, row)}: shows {shown(table.values.get(int(elements.cell[number])))} {times} times"
            for number, (row, times) in seen.repeated.items()
        )
        yield finding(
            Verdict.VIOLATED, f"{plural(len(seen.repeated), 'element')} duplicated", cases, len(seen.repeated)
        )
    if seen.unexpected:
        cases = (
            f"{told(table, row)}: {plural(count, 'element')} {why}" for row, count, why in seen.unexpected
        )
        yield finding(
            Verdict.VIOLATED,
            f"{plural(len(seen.unexpected), 'read')} with elements that nobody can have added",
            cases,
            len(seen.unexpected),
        )


def _case(grown: Growth, fates: Fates, number: int, row: int) -> str:
    table, elements = grown.table, grown.elements
    element = shown(table.values.get(int(elements.cell[number])))
    known = moment(table, int(fates.known_ns[number]))
    by = told(table, int(elements.add[number]))
    return f"{element}: there at {known}, by {by}; missing in {told(table, row)}"


def _figures(elements: Elements, seen: Sightings, fates: Fates) -> Mapping[str, Any]:
    acknowledged = elements.acknowledged_ns < NEVER
    return {
        "added": len(elements),
        "acknowledged": int(acknowledged.sum()),
        "reads": seen.reads,
        "stable": int(fates.stable.sum()),
        "lost": int(fates.lost.sum()),
        "stale": int(fates.stale.sum()),
        "never_read": int(fates.never_read.sum()),
        "recovered": int((fates.stable & ~acknowledged).sum()),
        "duplicated": len(seen.repeated),
        "unexpected": sum(count for _, count, _ in seen.unexpected),
        "stable_s": quantiles_s(fates.until_stable_ns[fates.stable]),
        "lost_s": quantiles_s(fates.until_lost_ns[fates.lost]),
    }


def _summary(figures: Mapping[str, Any]) -> str:
    counts = ", ".join(
        f"{figures[name]} {name.replace('_', ' ')}"
        for name in ("acknowledged", "stable", "stale", "lost", "never_read", "duplicated", "unexpected")
        if figures[name] or name in ("acknowledged", "stable", "lost")
    )
    return f"{plural(figures['added'], 'element')}, {plural(figures['reads'], 'read')}: {counts}"


def _certificate(grown: Growth, seen: Sightings, fates: Fates) -> Mapping[str, Any]:
    """Return the lost elements, each with its add and the read that misses it, by the operations' ids."""
    ids, elements = grown.table.id, grown.elements
    return {
        "kind": "set-full",
        "lost": [
            {
                "element": grown.table.values.get(int(elements.cell[number])),
                "add": int(ids[elements.add[number]]),
                "missing_in": int(ids[seen.missed_row[number]]),
            }
            for number in np.flatnonzero(fates.lost).tolist()
        ],
        "duplicated": [
            {
                "element": grown.table.values.get(int(elements.cell[number])),
                "read": int(ids[row]),
                "times": times,
            }
            for number, (row, times) in seen.repeated.items()
        ],
        "unexpected": [int(ids[row]) for row, _, _ in seen.unexpected],
    }
