"""Values of any shape in flat arrays: what operations were called with and what they answered, as columns.

A value is a cell: a kind, a payload and a size. Scalars hold all they are in kind and payload. A container's
payload is the index of its first child and its size the number of children, which lie side by side. So a column
of a million small values is three arrays and a table of distinct texts, 13 bytes a cell, and a checker reads
what it needs with a few array operations and without making objects.

The model is that of EDN, of which JSON is a part. Keywords and texts are told apart, but a checker need not: both
are indices of `texts`.
"""

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from msgspec import Struct

from harness.columns.growing import Growing, unknown

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Kind(enum.IntEnum):
    """What a cell is."""

    NIL = 0
    FALSE = 1
    TRUE = 2
    INT = 3
    """The payload is the number."""
    FLOAT = 4
    """The payload has the bits of a double."""
    TEXT = 5
    """The payload indexes `texts`, as for the next two: from TEXT to WIDE."""
    KEYWORD = 6
    WIDE = 7
    """An integer of more than 64 bits, as decimal text."""
    LIST = 8
    SET = 9
    MAP = 10
    """Its children are keys and values by turns; the size counts both."""
    TAGGED = 11
    """Two children: the tag as text, and the value."""


class Keyword(str):
    """A name such as EDN's `:read`, without the colon; equal to the text of the same letters."""

    __slots__ = ()


class Members(tuple[Any, ...]):
    """An EDN set, its members in the order in which they were written."""

    __slots__ = ()


class Tagged(NamedTuple):
    """An EDN value with a tag that means nothing here, such as `#inst`."""

    tag: str
    value: Any


_KINDS: Mapping[type, Kind] = {
    type(None): Kind.NIL,
    bool: Kind.TRUE,
    int: Kind.INT,
    float: Kind.FLOAT,
    str: Kind.TEXT,
    Keyword: Kind.KEYWORD,
    list: Kind.LIST,
    tuple: Kind.LIST,
    Members: Kind.SET,
    dict: Kind.MAP,
    Tagged: Kind.TAGGED,
}


class Values(Struct, frozen=True, kw_only=True):
    """Cells; an index names one of them, and -1 stands for nil."""

    kind: "NDArray[np.uint8]"
    payload: "NDArray[np.int64]"
    size: "NDArray[np.uint32]"
    texts: Sequence[str]

    def __len__(self) -> int:
        return len(self.kind)

    def get(self, cell: int) -> Any:
        """Return one value as an object, children and all."""
        return self.objects(np.array([cell]))[0]

    def objects(self, cells: "NDArray[np.int64]") -> list[Any]:
        """Return values as objects, level by level: O(cells), about 0.1 µs each where there are many."""
        kinds, found = self.kinds_at(cells), [None] * len(cells)
        distinct = np.unique(kinds).tolist()
        if len(distinct) == 1:
            return self._alike(Kind(distinct[0]), cells)
        for code in distinct:
            places = np.flatnonzero(kinds == code)
            for place, value in zip(places.tolist(), self._alike(Kind(code), cells[places]), strict=True):
                found[place] = value
        return found

    def kinds_at(self, cells: "NDArray[np.int64]") -> "NDArray[np.uint8]":
        """Return the kind of each cell; NIL for -1."""
        if not len(self.kind):
            return np.zeros(len(cells), np.uint8)
        return np.where(cells < 0, np.uint8(Kind.NIL), self.kind[cells])

    def _alike(self, kind: Kind, cells: "NDArray[np.int64]") -> list[Any]:
        if kind in (Kind.NIL, Kind.FALSE, Kind.TRUE):
            return [{Kind.NIL: None, Kind.FALSE: False, Kind.TRUE: True}[kind]] * len(cells)
        payload = self.payload[cells]
        if kind is Kind.FLOAT:
            return list(payload.view(np.float64).tolist())
        if kind >= Kind.LIST:
            return self._containers(kind, payload, self.size[cells].astype(np.int64))
        numbers: list[int] = payload.tolist()
        match kind:
            case Kind.INT:
                return numbers
            case Kind.KEYWORD:
                return [Keyword(self.texts[number]) for number in numbers]
            case Kind.WIDE:
                return [int(self.texts[number]) for number in numbers]
        return [self.texts[number] for number in numbers]

    def _containers(self, kind: Kind, firsts: "NDArray[np.int64]", sizes: "NDArray[np.int64]") -> list[Any]:
        inner = self.objects(spanned(firsts, sizes))
        ends = np.cumsum(sizes).tolist()
        parts = [inner[end - size : end] for end, size in zip(ends, sizes.tolist(), strict=True)]
        match kind:
            case Kind.SET:
                return [Members(part) for part in parts]
            case Kind.MAP:
                return [dict(zip(map(frozen, part[::2]), part[1::2], strict=True)) for part in parts]
            case Kind.TAGGED:
                return [Tagged(*part) for part in parts]
        return parts


def spanned(firsts: "NDArray[np.int64]", sizes: "NDArray[np.int64]") -> "NDArray[np.int64]":
    """Return the numbers of many ranges, one after the other: `sizes[i]` of them from `firsts[i]` on."""
    starts = np.cumsum(sizes) - sizes
    found: NDArray[np.int64] = np.arange(int(sizes.sum())) + np.repeat(firsts - starts, sizes)
    return found


def children(firsts: "NDArray[np.int64]", sizes: "NDArray[np.int64]") -> "slice | NDArray[np.int64]":
    """Return an index of the children of many containers: a slice where they lie one after the other."""
    some = sizes > 0
    begins = (np.cumsum(sizes) - sizes)[some]
    first = int(firsts[some][0]) if len(begins) else 0
    if (firsts[some] == first + begins).all():
        return slice(first, first + int(sizes.sum()))
    return spanned(firsts, sizes)


EMPTY = Values(
    kind=np.zeros(0, np.uint8), payload=np.zeros(0, np.int64), size=np.zeros(0, np.uint32), texts=()
)


def frozen(value: Any) -> Any:
    """Return a value that can be a key: lists become tuples, maps tuples of pairs."""
    if isinstance(value, list):
        return tuple(frozen(each) for each in value)
    if isinstance(value, dict):
        return tuple((key, frozen(each)) for key, each in value.items())
    return value


class _Inner:
    """The contents of the containers of one level, which follow at `base`."""

    def __init__(self, base: int) -> None:
        self._base = base
        self._widths: set[int] = set()
        self.lists: list[Sequence[Any]] = []

    @property
    def width(self) -> int | None:
        """How many children each container has, where they all have the same."""
        return next(iter(self._widths)) if len(self._widths) == 1 else None

    def take(self, lists: Sequence[Sequence[Any]]) -> "tuple[NDArray[np.int64], NDArray[np.int64]]":
        """Take contents, and return where each begins and how long it is."""
        widths = list(map(len, lists))
        sizes = np.array(widths, np.int64)
        firsts = self._base + np.cumsum(sizes) - sizes
        self._base += int(sizes.sum())
        self._widths.update(widths)
        self.lists.extend(lists)
        return firsts, sizes


_Cells = tuple["NDArray[np.uint8]", "NDArray[np.int64]", "NDArray[np.uint32]"]


class Builder:
    """Collects values as cells. A column of values is added at once: O(cells), about 0.1 µs each."""

    def __init__(self) -> None:
        self._kinds: list[NDArray[np.uint8]] = []
        self._payloads: list[NDArray[np.int64]] = []
        self._sizes: list[NDArray[np.uint32]] = []
        self._texts: dict[str, int] = {}
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def text(self, text: str) -> int:
        """Return the index of a text."""
        return self._texts.setdefault(str(text), len(self._texts))

    def add(self, column: Sequence[Any]) -> int:
        """Add values side by side and return the cell of the first.

        Raises TypeError for a value of a type that has no kind.
        """
        first = self._length
        if column:
            self._length += len(column)
            inner = _Inner(self._length)
            self._append(*self._encode(column, inner))
            self._add_inner(inner)
        return first

    def add_spans(self, lists: Sequence[Sequence[Any]]) -> "tuple[NDArray[np.int64], NDArray[np.int64]]":
        """Add the elements of many lists; return for each the cell of its first and how many there are."""
        inner = _Inner(self._length)
        spans = inner.take(lists)
        self._add_inner(inner)
        return spans

    def add_integers(self, numbers: "NDArray[np.int64]") -> int:
        """Add whole numbers side by side and return the cell of the first."""
        return self.add_cells(np.full(len(numbers), Kind.INT, np.uint8), numbers)

    def add_containers(self, kind: Kind, firsts: "NDArray[np.int64]", sizes: "NDArray[np.int64]") -> int:
        """Add containers whose children are cells already; several may share them. Return the first's cell."""
        return self.add_cells(np.full(len(firsts), kind, np.uint8), firsts, sizes)

    def add_cells(
        self,
        kind: "NDArray[np.uint8]",
        payload: "NDArray[np.int64]",
        size: "NDArray[np.int64] | None" = None,
    ) -> int:
        """Add cells as they are, scalars where there is no `size`, and return the first."""
        first = self._length
        self._length += len(payload)
        sizes = np.zeros(len(payload), np.uint32) if size is None else size.astype(np.uint32)
        self._append(kind, payload, sizes)
        return first

    def build(self) -> Values:
        """Return all that was added."""
        if not self._kinds:
            return Values(kind=EMPTY.kind, payload=EMPTY.payload, size=EMPTY.size, texts=tuple(self._texts))
        return Values(
            kind=np.concatenate(self._kinds),
            payload=np.concatenate(self._payloads),
            size=np.concatenate(self._sizes),
            texts=tuple(self._texts),
        )

    def _append(
        self, kind: "NDArray[np.uint8]", payload: "NDArray[np.int64]", size: "NDArray[np.uint32]"
    ) -> None:
        self._kinds.append(kind)
        self._payloads.append(payload)
        self._sizes.append(size)

    def _add_inner(self, inner: "_Inner") -> None:
        """Add the children of the containers of a level: lists of one length by columns, which are more alike."""
        width = inner.width
        if width is None or width < 2:
            self.add(list(chain.from_iterable(inner.lists)))
            return
        self._length += width * len(inner.lists)
        deeper = _Inner(self._length)
        cells = [self._encode(column, deeper) for column in zip(*inner.lists, strict=True)]
        kind, payload, size = (np.column_stack(arrays).ravel() for arrays in zip(*cells, strict=True))
        self._append(kind, payload, size)
        self._add_inner(deeper)

    def _encode(self, column: Sequence[Any], inner: "_Inner") -> "_Cells":
        """Return the cells of a column; what its containers hold goes to `inner`."""
        types = list(map(type, column))
        distinct = set(types)
        if len(distinct) == 1:
            return self._alike(column, _kind_of(types[0]), inner)
        codes = {type_: _kind_of(type_) for type_ in distinct}
        which = np.fromiter(map(codes.__getitem__, types), np.uint8, len(column))
        kind, payload = np.zeros(len(column), np.uint8), np.zeros(len(column), np.int64)
        size = np.zeros(len(column), np.uint32)
        for code in sorted(set(codes.values())):
            places = np.flatnonzero(which == code)
            kind[places], payload[places], size[places] = self._alike(_picked(column, places), code, inner)
        return kind, payload, size

    def _alike(self, column: Sequence[Any], code: Kind, inner: "_Inner") -> "_Cells":
        count = len(column)
        kind, size = np.full(count, code, np.uint8), np.zeros(count, np.uint32)
        payload = np.zeros(count, np.int64)
        match code:
            case Kind.INT:
                payload = self._integers(column, kind)
            case Kind.TEXT | Kind.KEYWORD:
                payload = self._indices(column)
            case Kind.FLOAT:
                payload = np.array(column, np.float64).view(np.int64)
            case Kind.TRUE:
                kind[~np.array(column, np.bool_)] = Kind.FALSE
            case Kind.MAP:
                payload, size[:] = inner.take([tuple(chain.from_iterable(each.items())) for each in column])
            case Kind.LIST | Kind.SET | Kind.TAGGED:
                payload, size[:] = inner.take(column)
        return kind, payload, size

    def _integers(self, column: Sequence[int], kind: "NDArray[np.uint8]") -> "NDArray[np.int64]":
        """Return integers as payload, and mark in `kind` those that are too wide."""
        try:
            return np.array(column, np.int64)
        except OverflowError:
            wide = np.fromiter((not -(2**63) <= number < 2**63 for number in column), np.bool_, len(column))
            kind[wide] = Kind.WIDE
            return np.fromiter(
                (self.text(str(n)) if is_wide else n for n, is_wide in zip(column, wide, strict=True)),
                np.int64,
                len(column),
            )

    def _indices(self, column: Sequence[str]) -> "NDArray[np.int64]":
        texts = self._texts
        found = list(map(texts.get, column))
        if None in found:
            for text in dict.fromkeys(column):
                texts.setdefault(str(text), len(texts))
            found = list(map(texts.get, column))
        return np.array(found, np.int64)


class Concatenation:
    """The cells of many parts, one after the other: those of a part begin where those of the parts before end."""

    def __init__(self, share: Callable[[], float] = unknown) -> None:
        """`share` is as for `Growing`."""
        self._texts: dict[str, int] = {}
        self._kind = Growing(np.uint8, share)
        self._payload = Growing(np.int64, share)
        self._size = Growing(np.uint32, share)

    def __len__(self) -> int:
        return len(self._kind)

    def add(self, part: Values) -> "NDArray[np.int64]":
        """Add the cells of a part, and return the new index of each of its texts."""
        texts, base = self._texts, len(self)
        renamed = np.fromiter(
            (texts.setdefault(text, len(texts)) for text in part.texts), np.int64, len(part.texts)
        )
        self._kind.extend(part.kind)
        self._size.extend(part.size)
        payload = self._payload.extend(part.payload)
        if (renamed != np.arange(len(renamed))).any():
            textual = np.flatnonzero((part.kind >= Kind.TEXT) & (part.kind <= Kind.WIDE))
            payload[textual] = renamed[payload[textual]]
        if base:
            payload[part.kind >= Kind.LIST] += base
        return renamed

    def build(self) -> Values:
        """Return all that was added."""
        return Values(
            kind=self._kind.whole(),
            payload=self._payload.whole(),
            size=self._size.whole(),
            texts=tuple(self._texts),
        )


def concatenate(parts: Iterable[Values]) -> Values:
    """Return the cells of all parts, one after the other."""
    whole = Concatenation()
    for part in parts:
        whole.add(part)
    return whole.build()


def _kind_of(type_: type) -> Kind:
    try:
        return _KINDS[type_]
    except KeyError:
        raise TypeError(f"a history has no values of type {type_.__name__}") from None


def _picked(column: Sequence[Any], places: "NDArray[np.int64]") -> Sequence[Any]:
    return [column[place] for place in places.tolist()]
