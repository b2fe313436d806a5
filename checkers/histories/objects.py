"""Which object an operation was on, and what is left of it then: the keys of a history, whoever wrote it.

Three ways are in use. Our own operations have the key as their first argument (`put k v`, `get k`). Jepsen's
independent keys are pairs (`:write [k v]`, `:read [k nil]`, answered `[k v]`). Or there is one object and no key.
A history is read in one of these ways as a whole, so that a compare-and-set of two values is never mistaken for a
key and a value.
"""

import enum
from collections.abc import Iterator

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from harness.columns.identity import identified
from harness.columns.table import Table
from harness.columns.values import Kind
from harness.history import OK

Cells = NDArray[np.int64]
Rows = NDArray[np.int64]

NO_CELL = -1

OURS = frozenset({"get", "put", "append", "peek"})
"""Operations that are called so in our histories, where the first argument is the key.

An `increment` may be one of Jepsen's counters, by a number; ours has both, the key and the number.
"""


class Keyed(enum.Enum):
    """How a history names the object of an operation."""

    NOT = enum.auto()
    BY_ARGUMENT = enum.auto()
    BY_PAIR = enum.auto()


class Objects(Struct, frozen=True, kw_only=True):
    """Operations by object. `rows` are rows of the table; all arrays run along with them.

    `key` is the code of the object; the cell of its name is `names[code]`, NO_CELL where there is one object
    without a name. `first` and `second` are the cells of the arguments after the key, `result` that of the answer
    without the key; NO_CELL where there is none.
    """

    rows: Rows
    key: NDArray[np.int64]
    names: Cells
    first: Cells
    second: Cells
    result: Cells


def objects(table: Table, rows: Rows) -> Objects:
    """Return these operations by object. O(n)."""
    way = _way(table, rows)
    values, arity = table.values, table.arity[rows]
    args, result = table.args[rows], table.value[rows]
    first = np.where(arity > 0, args, NO_CELL)
    if way is Keyed.NOT:
        return Objects(
            rows=rows,
            key=np.zeros(len(rows), np.int64),
            names=np.array([NO_CELL]),
            first=first,
            second=np.where(arity > 1, args + 1, NO_CELL),
            result=result,
        )
    if way is Keyed.BY_ARGUMENT:
        key = first
        first, second = np.where(arity > 1, args + 1, NO_CELL), np.where(arity > 2, args + 2, NO_CELL)
    else:
        inner = values.payload[first]
        key, first, second = inner, _unless_nil(table, inner + 1), np.full(len(rows), NO_CELL)
        pair = table.values.kinds_at(result) == Kind.LIST
        pair[pair] = values.size[result[pair]] == 2
        result = np.where(
            pair, _unless_nil(table, np.where(pair, values.payload[result] + 1, NO_CELL)), result
        )
    found = identified(values, key)
    return Objects(
        rows=rows, key=found.codes, names=key[found.first], first=first, second=second, result=result
    )


def _way(table: Table, rows: Rows) -> Keyed:
    called = {table.names[code] for code in np.unique(table.f[rows])}
    arity = table.arity[rows]
    if (arity > 0).all() and (called & OURS or (arity > 1).any()):  # who names keys names one each time
        return Keyed.BY_ARGUMENT
    reads = rows[table.called("read")[rows]]
    return Keyed.BY_PAIR if len(rows) and _pairs(table, rows) and _answers(table, reads) else Keyed.NOT


def _pairs(table: Table, rows: Rows) -> bool:
    """Whether every operation is called with a pair."""
    if not (table.arity[rows] == 1).all():
        return False
    cells = table.args[rows]
    return bool(((table.values.kind[cells] == Kind.LIST) & (table.values.size[cells] == 2)).all())


def _answers(table: Table, reads: Rows) -> bool:
    """Whether every read was answered with a pair, and asked for one whose second is not known yet."""
    if not len(reads):
        return True
    answered = table.value[reads[table.outcome[reads] == OK]]
    values = table.values
    kinds = values.kinds_at(answered)
    if not (kinds == Kind.LIST).all() or not (values.size[answered] == 2).all():
        return False
    asked = values.payload[table.args[reads]] + 1
    return bool((values.kind[asked] == Kind.NIL).all())


def _unless_nil(table: Table, cells: Cells) -> Cells:
    return np.where(table.values.kinds_at(cells) == Kind.NIL, NO_CELL, cells)


def by_object(key: NDArray[np.int64], count: int) -> Iterator[tuple[int, Rows]]:
    """Yield for each of `count` objects its code and the places of its operations, in their order."""
    if count == 1:
        yield 0, np.arange(len(key))
        return
    order = np.argsort(key, kind="stable")
    bounds = np.searchsorted(key[order], np.arange(count + 1))
    for code in range(count):
        yield code, order[bounds[code] : bounds[code + 1]]
