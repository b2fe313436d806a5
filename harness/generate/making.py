"""From what was drawn to a table: what all workloads share."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.columns.table import Table
from harness.columns.values import Builder
from harness.generate.schedule import Schedule
from harness.history import INFO

Ints = NDArray[np.int64]

NONE = -1


class Wish(ValueError):
    """What was asked for can't be made: the message says why."""


def table(
    when: Schedule,
    cells: Builder,
    *,
    f: Ints,
    names: Sequence[str],
    args: Ints,
    arity: Ints,
    value: Ints,
    outcome: "NDArray[np.uint8] | None" = None,
) -> Table:
    """Return the history; `value` counts only for acknowledged operations, and unknown ones timed out."""
    outcomes = when.outcome if outcome is None else outcome
    timeout = cells.text("timeout")
    nowhere = np.full(len(when), NONE, np.int32)
    return Table(
        id=np.arange(len(when)),
        process=when.process,
        f=f.astype(np.uint16),
        names=tuple(names),
        call_ns=when.call_ns,
        return_ns=when.return_ns,
        outcome=outcomes,
        args=args,
        arity=arity.astype(np.uint16),
        value=np.where(outcomes == 0, value, NONE),
        node=nowhere,
        error=np.where(outcomes == INFO, np.int32(timeout), nowhere),
        values=cells.build(),
    )


def interleaved(cells: Builder, first: Ints, second: Ints) -> Ints:
    """Add pairs of numbers side by side; return the cell of each pair's first."""
    start = cells.add_integers(np.column_stack((first, second)).ravel())
    return start + 2 * np.arange(len(first))


def picked(random: np.random.Generator, places: Ints, why: str) -> int:
    """Return one of the places at random; raises Wish when there is none."""
    if not len(places):
        raise Wish(f"no {why} in this history: ask for more operations, or another seed")
    return int(random.choice(places))
