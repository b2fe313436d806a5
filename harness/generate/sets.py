"""Growing sets: unique elements are added, and the whole set is read a few times, the last time at the end."""

import numpy as np
from numpy.typing import NDArray

from harness.columns.table import Table
from harness.columns.values import Builder, Kind
from harness.generate.making import NONE, picked, table
from harness.generate.schedule import Schedule, schedule, with_an_end
from harness.history import OK

Ints = NDArray[np.int64]

ADD, READ = range(2)
ANOMALIES = ("lost", "duplicated", "stale", "unexpected")


def sets(
    random: np.random.Generator,
    operations: int,
    *,
    clients: int,
    unknown: float,
    reads: int,
    anomaly: str | None,
) -> Table:
    """Make a history of one set with `reads` reads, evenly spread, the last one after all others. O(n log n)."""
    is_read = np.zeros(operations, np.bool_)
    is_read[np.linspace(0, operations - 1, reads + 1).astype(np.int64)[1:]] = True
    when = with_an_end(schedule(random, operations, clients=clients, unknown=unknown, sure=is_read))
    cells, count = Builder(), len(when)
    element = cells.add_integers(np.arange(count))
    order = when.in_effect()
    grown = order[(~is_read & when.applied)[order]]
    # The set in the order of effects: a read shows the elements from the first on, and all share these cells.
    shared = cells.add_integers(grown)
    before = np.searchsorted(when.effect_ns[grown], when.effect_ns, "left")
    firsts, sizes = np.full(count, shared), before
    if anomaly is not None:
        read, shown = _planted(random, when, is_read=is_read, grown=grown, before=before, anomaly=anomaly)
        firsts[read], sizes[read] = cells.add_integers(shown), len(shown)
    shows = cells.add_containers(Kind.LIST, firsts[is_read], sizes[is_read])
    value = np.full(count, NONE, np.int64)
    value[is_read] = shows + np.arange(int(is_read.sum()))
    return table(
        when,
        cells,
        f=np.where(is_read, READ, ADD),
        names=("add", "read"),
        args=element + np.arange(count),
        arity=(~is_read).astype(np.int64),
        value=value,
    )


def _planted(
    random: np.random.Generator,
    when: Schedule,
    *,
    is_read: "NDArray[np.bool_]",
    grown: Ints,
    before: Ints,
    anomaly: str,
) -> tuple[int, Ints]:
    """Return a read, and what it shows instead of the first `before` elements of the set."""
    sure = grown[when.outcome[grown] == OK]
    reads = np.flatnonzero(is_read)
    read = int(reads[-1]) if anomaly != "stale" else picked(random, reads[:-1], "read that is not the last")
    shown = grown[: before[read]]
    known = sure[when.return_ns[sure] < when.call_ns[read]]
    one = picked(random, known, "element that must be there")
    match anomaly:
        case "lost" | "stale":
            return read, shown[shown != one]
        case "duplicated":
            return read, np.concatenate((shown, [one]))
    return read, np.concatenate((shown, [len(when)]))
