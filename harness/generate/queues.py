"""Queues: elements are enqueued and dequeued in the order in which they came, and drained in the end."""

import numpy as np
from numpy.typing import NDArray

from harness.columns.table import Table
from harness.columns.values import Builder, Kind
from harness.generate.making import NONE, picked, table
from harness.generate.schedule import Schedule, schedule, with_an_end
from harness.history import OK

Ints = NDArray[np.int64]

ENQUEUE, DEQUEUE, DRAIN = range(3)
NAMES = ("enqueue", "dequeue", "drain")
FILLING = 0.55
"""The share of operations that enqueue."""

ANOMALIES = ("lost", "duplicated", "unexpected")


def queues(
    random: np.random.Generator, operations: int, *, clients: int, unknown: float, anomaly: str | None
) -> Table:
    """Make a history of one queue; the last operation drains it. O(n log n)."""
    when = with_an_end(schedule(random, operations, clients=clients, unknown=unknown))
    f = np.where(random.random(operations) < FILLING, ENQUEUE, DEQUEUE)
    f[-1] = DRAIN
    taken, rest = _flow(when, f)
    if anomaly is not None:
        rest = _planted(random, when, f=f, taken=taken, rest=rest, anomaly=anomaly)
    cells = Builder()
    element, out = cells.add_integers(np.arange(operations)), cells.add_integers(taken)
    left = cells.add_integers(rest)
    drained = cells.add_containers(Kind.LIST, np.array([left]), np.array([len(rest)]))
    return table(
        when,
        cells,
        f=f,
        names=NAMES,
        args=element + np.arange(operations),
        arity=(f == ENQUEUE).astype(np.int64),
        value=np.where(taken == NONE, np.where(f == DRAIN, drained, NONE), out + np.arange(operations)),
    )


def _flow(when: Schedule, f: Ints) -> tuple[Ints, Ints]:
    """Return what each dequeue takes (NONE for nothing), and what is left to be drained."""
    order = when.in_effect()
    order = order[when.applied[order]]
    into, out = order[f[order] == ENQUEUE], f[order] == DEQUEUE
    # How long the queue would be if it could owe elements; it can't, so what it owes most is what was not there.
    owed = np.cumsum(np.where(f[order] == ENQUEUE, 1, np.where(out, -1, 0)))
    worst = np.minimum(np.minimum.accumulate(owed), 0)
    failed = np.diff(np.concatenate(([0], worst))) < 0
    takers = order[out & ~failed]
    taken = np.full(len(when), NONE, np.int64)
    taken[takers] = into[: len(takers)]
    return taken, into[len(takers) :]


def _planted(
    random: np.random.Generator, when: Schedule, *, f: Ints, taken: Ints, rest: Ints, anomaly: str
) -> Ints:
    """Return what the drain shows, with something amiss in it."""
    if anomaly == "unexpected":
        return np.concatenate((rest, [len(when)]))
    if anomaly == "duplicated":
        answered = taken[(taken != NONE) & (when.outcome == OK)]
        return np.concatenate((rest, [picked(random, answered, "element that was dequeued")]))
    # As many as unknown dequeues may have taken, and one more.
    unknown = int(((f == DEQUEUE) & (when.outcome != OK)).sum())
    sure = np.flatnonzero(when.outcome[rest] == OK)
    picked(random, sure[unknown:], "element left in the queue that nobody may have taken")
    return np.delete(rest, sure[: unknown + 1])
