"""When each element of growing sets was seen last, when it was missed last, and what else reads showed."""

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from checkers.histories.elements import NEVER, Elements, Growth, Read

Ints = NDArray[np.int64]

NOT_YET = -1
"""The time of what never happened, before all times."""


class Sightings(Struct, frozen=True, kw_only=True):
    """What reads tell of each element.

    Of the reads that show it: the latest call, the latest and the earliest return. Of those that do not: the
    latest call, and its row. `repeated` has for each element that a read shows more than once the first such row,
    and how often. `unexpected` are (row, how many, why) of reads that show what can't be there.
    """

    shown_call_ns: Ints
    shown_return_ns: Ints
    first_shown_ns: Ints
    missed_call_ns: Ints
    missed_row: Ints
    repeated: dict[int, tuple[int, int]]
    unexpected: list[tuple[int, int, str]]
    reads: int


def sighted(grown: Growth) -> Sightings:
    """Return what all reads show of all elements."""
    elements = grown.elements
    count = len(elements)
    found = Sightings(
        shown_call_ns=np.full(count, NOT_YET, np.int64),
        shown_return_ns=np.full(count, NOT_YET, np.int64),
        first_shown_ns=np.full(count, NEVER, np.int64),
        missed_call_ns=np.full(count, NOT_YET, np.int64),
        missed_row=np.full(count, NOT_YET, np.int64),
        repeated={},
        unexpected=[],
        reads=len(grown.rows),
    )
    present = np.zeros(count, np.bool_)
    for read in grown.reads():
        _take(found, elements, read, present)
    return found


def _take(found: Sightings, elements: Elements, read: Read, present: NDArray[np.bool_]) -> None:
    """Note what a read shows and what it misses; `present` is all False before and after."""
    first, last = int(elements.bounds[read.set]), int(elements.bounds[read.set + 1])
    begun = first + int(np.searchsorted(elements.call_ns[first:last], read.return_ns, "right"))
    shown = _possible(found, read, begun)
    present[shown] = True
    candidates = slice(first, begun)
    here = present[candidates].copy()
    present[candidates] = False
    if int(np.count_nonzero(here)) < len(shown):
        numbers, times = np.unique(shown, return_counts=True)
        for number, often in zip(numbers[times > 1].tolist(), times[times > 1].tolist(), strict=True):
            found.repeated.setdefault(number, (read.row, often))
    undone = here & elements.failed[candidates]
    if undone.any():
        found.unexpected.append((read.row, int(undone.sum()), "whose adds surely failed"))
    # Over all candidates, with masks: their numbers ascend in memory, those of `shown` jump about.
    np.copyto(found.shown_call_ns[candidates], read.call_ns, where=here)
    for column, extreme in ((found.shown_return_ns, np.maximum), (found.first_shown_ns, np.minimum)):
        extreme(column[candidates], read.return_ns, out=column[candidates], where=here)
    missing = ~here
    np.copyto(found.missed_call_ns[candidates], read.call_ns, where=missing)
    np.copyto(found.missed_row[candidates], read.row, where=missing)


def _possible(found: Sightings, read: Read, begun: int) -> Ints:
    """Return the elements shown whose adds had been called (those below `begun`), and note the others."""
    possible = (read.shown >= 0) & (read.shown < begun)
    if possible.all():
        return read.shown
    nobody, early = int((read.shown < 0).sum()), int((read.shown >= begun).sum())
    for count, why in ((nobody, "that nobody added"), (early, "that nobody had begun to add")):
        if count:
            found.unexpected.append((read.row, count, why))
    return read.shown[possible]
