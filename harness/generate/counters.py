"""Counters: increments, now and then decrements, and as many reads."""

import numpy as np

from harness.columns.table import Table
from harness.columns.values import Builder
from harness.generate.making import NONE, picked, table
from harness.generate.schedule import schedule
from harness.history import OK

ADD, READ = range(2)
ANOMALIES = ("impossible-read",)


def counters(
    random: np.random.Generator, operations: int, *, clients: int, unknown: float, anomaly: str | None
) -> Table:
    """Make a history of one counter, a tenth of whose changes go down. O(n log n)."""
    when = schedule(random, operations, clients=clients, unknown=unknown)
    is_read = random.random(operations) < 0.5
    delta = random.integers(1, 6, operations)
    delta = np.where(random.random(operations) < 0.1, -delta, delta)
    order = when.in_effect()
    changes = np.where(is_read | ~when.applied, 0, delta)
    shown = np.empty(operations, np.int64)
    shown[order] = np.cumsum(changes[order])
    if anomaly is not None:
        reads = np.flatnonzero(is_read & (when.outcome == OK))
        # More than all increments together: no choice of them explains it.
        shown[picked(random, reads, "read")] = int(np.maximum(delta, 0).sum()) + 1
    cells = Builder()
    first, read = cells.add_integers(delta), cells.add_integers(shown)
    return table(
        when,
        cells,
        f=np.where(is_read, READ, ADD),
        names=("add", "read"),
        args=first + np.arange(operations),
        arity=(~is_read).astype(np.int64),
        value=np.where(is_read, read + np.arange(operations), NONE),
    )
