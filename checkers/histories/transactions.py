"""Transactions' micro-operations as columns: `[[:r 1 nil] [:w 2 3]]`."""

from collections.abc import Mapping

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from harness.columns.identity import identified
from harness.columns.table import Table
from harness.columns.values import Kind, spanned
from harness.history import OK

Ints = NDArray[np.int64]

READ, WRITE, APPEND, OTHER = range(4)
"""The codes of micro-operations."""

WORDS: Mapping[str, int] = {"r": READ, "read": READ, "w": WRITE, "write": WRITE, "append": APPEND}
"""What they are called; our own transactions say `get`, `put` and `append`."""

OURS: Mapping[str, int] = {"get": READ, "put": WRITE}


class MicroOps(Struct, frozen=True, kw_only=True):
    """The micro-operations of transactions, one after the other.

    `rows` are the transactions, rows of the table; transaction i has those from `bounds[i]` to `bounds[i + 1]`.
    `f` are the codes above, `key` codes of keys (`keys[code]` is the cell of one), `value` the cell of what is
    written or read (-1 for nil). What was read is that of the answer; of a transaction without one it is nil.
    """

    rows: Ints
    bounds: Ints
    f: NDArray[np.uint8]
    key: Ints
    keys: Ints
    value: Ints

    @property
    def of(self) -> Ints:
        """For each micro-operation the place of its transaction in `rows`."""
        return np.repeat(np.arange(len(self.rows)), np.diff(self.bounds))


def micro_ops(table: Table) -> MicroOps:
    """Return the micro-operations of every operation that is a transaction. O(n)."""
    values = table.values
    answered = (table.outcome == OK) & (values.kinds_at(table.value) == Kind.LIST)
    asked = np.where(table.arity == 1, table.args, -1)
    cell = np.where(answered, table.value, asked)
    rows = np.flatnonzero(values.kinds_at(cell) == Kind.LIST)
    sizes = values.size[cell[rows]].astype(np.int64)
    micro = spanned(values.payload[cell[rows]], sizes)
    whole = (values.kinds_at(micro) == Kind.LIST) & (np.where(len(values) > 0, values.size[micro], 0) == 3)
    broken = np.bincount(np.repeat(np.arange(len(rows)), sizes)[~whole], minlength=len(rows)) > 0
    if broken.any():
        kept = ~broken
        return micro_ops_of(table, rows[kept], cell[rows[kept]])
    return micro_ops_of(table, rows, cell[rows])


def micro_ops_of(table: Table, rows: Ints, cells: Ints) -> MicroOps:
    """Return the micro-operations in `cells`, which are lists of lists of three."""
    values = table.values
    sizes = values.size[cells].astype(np.int64)
    inside = values.payload[spanned(values.payload[cells], sizes)]
    words = np.array([WORDS.get(text, OURS.get(text, OTHER)) for text in values.texts] or [OTHER], np.uint8)
    textual = np.isin(values.kinds_at(inside), (Kind.TEXT, Kind.KEYWORD))
    f = np.full(len(inside), OTHER, np.uint8)
    f[textual] = words[values.payload[inside[textual]]]
    keys = identified(values, inside + 1)
    value = inside + 2
    answered = np.repeat(table.outcome[rows] == OK, sizes)
    nil = (values.kinds_at(value) == Kind.NIL) | ((f == READ) & ~answered)
    return MicroOps(
        rows=rows,
        bounds=np.concatenate(([0], np.cumsum(sizes))),
        f=f,
        key=keys.codes,
        keys=(inside + 1)[keys.first],
        value=np.where(nil, -1, value),
    )
