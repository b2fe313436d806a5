"""Unique identifiers, handed out one after the other."""

import numpy as np

from harness.columns.table import Table
from harness.columns.values import Builder
from harness.generate.making import picked, table
from harness.generate.schedule import schedule
from harness.history import OK

ANOMALIES = ("duplicated",)


def ids(
    random: np.random.Generator, operations: int, *, clients: int, unknown: float, anomaly: str | None
) -> Table:
    """Make a history of operations that each get an identifier. O(n log n)."""
    when = schedule(random, operations, clients=clients, unknown=unknown)
    given = np.empty(operations, np.int64)
    given[when.in_effect()] = np.arange(operations)
    if anomaly is not None:
        sure = np.flatnonzero(when.outcome == OK)
        one = picked(random, sure, "identifier")
        given[picked(random, sure[sure != one], "second identifier")] = given[one]
    cells = Builder()
    first = cells.add_integers(given)
    nothing = np.zeros(operations, np.int64)
    return table(
        when,
        cells,
        f=nothing,
        names=("generate",),
        args=nothing,
        arity=nothing,
        value=first + np.arange(operations),
    )
