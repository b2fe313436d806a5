"""The elements of growing sets as numbers, so that a read of a million of them is a few array operations.

Elements are numbered by set, and in it by the call of their first add. So those that a read can be said to miss,
which are those whose add was called before its end, are a range.
"""

from collections.abc import Iterator

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from checkers.histories.objects import Objects, objects
from harness.columns.identity import SPARE, identified, paired, ranked
from harness.columns.table import Table
from harness.columns.values import Kind, spanned
from harness.history import FAIL, OK

Ints = NDArray[np.int64]

NEVER = int(np.iinfo(np.int64).max)

_NOTHING = int(np.iinfo(np.int64).min)
"""What cells are known by that can't be elements."""

_COLLECTIONS = (Kind.LIST, Kind.SET)


class Elements(Struct, frozen=True, kw_only=True):
    """Elements of all sets, by number; those of one set are neighbours, in the order of their first add's call.

    `cell` is the value, `add` the row of its first add, `call_ns` that add's call, `acknowledged_ns` the first
    return of an add that was acknowledged (NEVER where none was), `failed` whether every add of it surely
    failed. `identity` is what members of reads are known by. Set k has the elements from `bounds[k]` to
    `bounds[k + 1]`, and `names[k]` is the cell of its name.
    """

    cell: Ints
    add: Ints
    call_ns: Ints
    acknowledged_ns: Ints
    failed: NDArray[np.bool_]
    identity: Ints
    bounds: Ints
    names: Ints

    def __len__(self) -> int:
        return len(self.cell)


class Read(Struct, frozen=True):
    """An answered read of a set; `shown` are the elements it shows, by number, -1 for what nobody added."""

    row: int
    set: int
    call_ns: int
    return_ns: int
    shown: Ints


class Batch(Struct, frozen=True):
    """Answered reads of one set, in the order of their calls: their rows, and what they show, one after the other.

    `shown` are numbers of elements, -1 for what nobody added; the first read shows the first `sizes[0]` of them.
    """

    set: int
    rows: Ints
    sizes: Ints
    shown: Ints


class Growth(Struct, frozen=True, kw_only=True):
    """The elements of a history's sets, and where its answered reads have their members."""

    table: Table
    elements: Elements
    rows: Ints
    sets: Ints
    starts: Ints
    sizes: Ints
    identities: Ints
    """What each cell is known by."""

    def batches(self, most: int) -> Iterator[Batch]:
        """Yield the answered reads by set, so many at once as show about `most` elements; at least one."""
        order = np.lexsort((self.table.call_ns[self.rows], self.sets))
        sets, sizes = self.sets[order], self.sizes[order]
        ends = np.cumsum(sizes)
        changes = np.flatnonzero(np.diff(sets)) + 1
        for start, last in zip([0, *changes.tolist()], [*changes.tolist(), len(order)], strict=True):
            first = start
            find = _Finder(self.elements, int(sets[start])) if start < last else None
            while find is not None and first < last:
                upto = int(np.searchsorted(ends[first:last], ends[first] - sizes[first] + most, "right"))
                some = order[first : first + max(1, upto)]
                cells = spanned(self.starts[some], self.sizes[some])
                yield Batch(int(sets[first]), self.rows[some], self.sizes[some], find(self.identities[cells]))
                first += len(some)

    def reads(self) -> Iterator[Read]:
        """Yield the answered reads, set by set, in the order of their calls."""
        table, current, find = self.table, -1, None
        for at in np.lexsort((table.call_ns[self.rows], self.sets)).tolist():
            set_, row = int(self.sets[at]), int(self.rows[at])
            if set_ != current or find is None:
                current, find = set_, _Finder(self.elements, set_)
            start = int(self.starts[at])
            yield Read(
                row,
                set_,
                int(table.call_ns[row]),
                int(table.return_ns[row]),
                find(self.identities[start : start + int(self.sizes[at])]),
            )


def growth(table: Table, adds: tuple[str, ...], reads: tuple[str, ...]) -> Growth:
    """Return the sets that operations called `adds` and `reads` are about. O(n log n), O(n) for whole numbers."""
    rows = table.rows(*adds, *reads)
    found = objects(table, rows)
    is_add = table.called(*adds)[rows]
    kinds = table.values.kinds_at(found.result)
    is_read = ~is_add & (table.outcome[rows] == OK) & np.isin(kinds, _COLLECTIONS)
    starts = table.values.payload[found.result[is_read]] if is_read.any() else np.zeros(0, np.int64)
    sizes = table.values.size[found.result[is_read]].astype(np.int64) if is_read.any() else starts
    added = found.first[is_add]
    identities = _identities(table, added, starts, sizes)
    return Growth(
        table=table,
        elements=_elements(table, found, is_add, identities[added]),
        rows=rows[is_read],
        sets=found.key[is_read],
        starts=starts,
        sizes=sizes,
        identities=identities,
    )


def _identities(table: Table, added: Ints, starts: Ints, sizes: Ints) -> Ints:
    """Return what each cell that is an element is known by: its number, or a code of its value."""
    values = table.values
    kinds = values.kinds_at(added)
    for alike in ((Kind.INT,), (Kind.TEXT, Kind.KEYWORD)):
        if len(kinds) and np.isin(kinds, alike).all() and values.payload.min() > _NOTHING:
            fits = values.kind == alike[0] if len(alike) == 1 else np.isin(values.kind, alike)
            return values.payload if fits.all() else np.where(fits, values.payload, _NOTHING)
    cells = np.concatenate((added, spanned(starts, sizes)))
    codes = np.full(len(values) + 1, _NOTHING, np.int64)
    codes[cells] = identified(values, cells).codes
    return codes


def _elements(table: Table, found: Objects, is_add: NDArray[np.bool_], identity: Ints) -> Elements:
    rows, sets, cells = found.rows[is_add], found.key[is_add], found.first[is_add]
    calls, returns, outcomes = table.call_ns[rows], table.return_ns[rows], table.outcome[rows]
    order = _order(calls, sets)
    if order is not None:
        rows, sets, cells, identity = rows[order], sets[order], cells[order], identity[order]
        calls, returns, outcomes = calls[order], returns[order], outcomes[order]
    acknowledged, failed = np.where(outcomes == OK, returns, NEVER), outcomes == FAIL
    if len(found.names) > 1 or not distinct(identity):
        told = paired(sets, ranked(identity).codes)
        if len(told) < len(rows):
            first = np.sort(told.first)
            number = np.searchsorted(first, told.first)[told.codes]
            acknowledged = _least(acknowledged, number, len(first))
            failed = ~_any(~failed, number, len(first))
            rows, sets, cells, identity = rows[first], sets[first], cells[first], identity[first]
            calls = calls[first]
    counts = np.bincount(sets, minlength=len(found.names))
    return Elements(
        cell=cells,
        add=rows,
        call_ns=calls,
        acknowledged_ns=acknowledged,
        failed=failed,
        identity=identity,
        bounds=np.concatenate(([0], np.cumsum(counts))),
        names=found.names,
    )


def _order(calls: Ints, sets: Ints) -> Ints | None:
    """Return the order of adds by set and call; None when they are in it."""
    if len(calls) < 2 or ((sets[1:] >= sets[:-1]).all() and (calls[1:] >= calls[:-1]).all()):
        return None
    return np.lexsort((calls, sets))


def distinct(numbers: Ints) -> bool:
    """Return whether no number is there twice. O(n) where they are dense."""
    least = int(numbers.min()) if len(numbers) else 0
    span = (int(numbers.max()) - least + 1) if len(numbers) else 0
    if span > SPARE * len(numbers) + 1024:
        ordered = np.sort(numbers)
        return bool((ordered[1:] != ordered[:-1]).all())
    seen = np.zeros(span, np.bool_)
    seen[numbers - least] = True
    return int(np.count_nonzero(seen)) == len(numbers)


def _least(numbers: Ints, group: Ints, groups: int) -> Ints:
    found = np.full(groups, NEVER, np.int64)
    np.minimum.at(found, group, numbers)
    return found


def _any(flags: NDArray[np.bool_], group: Ints, groups: int) -> NDArray[np.bool_]:
    found = np.zeros(groups, np.bool_)
    found[group[flags]] = True
    return found


class _Finder:
    """Finds the elements of one set by what they are known by: in a table where that is dense."""

    def __init__(self, elements: Elements, set_: int) -> None:
        self._base = int(elements.bounds[set_])
        known = elements.identity[self._base : int(elements.bounds[set_ + 1])]
        self._least = int(known.min()) if len(known) else 0
        most = int(known.max()) if len(known) else -1
        self._table: Ints | None = None
        if most - self._least <= SPARE * len(known) + 1024:
            self._table = np.full(most - self._least + 1, -1, np.int64)
            self._table[known - self._least] = self._base + np.arange(len(known))
        else:
            self._order = np.argsort(known, kind="stable")
            self._sorted = known[self._order]

    def __call__(self, identities: Ints) -> Ints:
        """Return the number of each element, -1 for what is none of this set."""
        if self._table is not None:
            places = identities - self._least
            inside = (places >= 0) & (places < len(self._table))
            if inside.all():
                return self._table[places]
            found = np.full(len(identities), -1, np.int64)
            found[inside] = self._table[places[inside]]
            return found
        places = np.searchsorted(self._sorted, identities)
        places[places == len(self._sorted)] = 0
        return np.where(self._sorted[places] == identities, self._base + self._order[places], -1)
