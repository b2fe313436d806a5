"""Pieces read by the compiled scanner: maps as cells, and their fields as columns, without an object in between.

`_scan` is an optional extension that makes cells of text, and gives up on whatever is not ordinary. Then, and
where it is not built, None is returned and the parsers in Python do the work; both come to the same events.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from harness.columns.values import Kind, Values, spanned
from harness.history import OK
from harness.reading.events import CODES, INVOKE, NONE, TRANSACTION, Calls, Events, Returns
from harness.reading.source import lines_in

try:
    from harness.reading import _scan
except ImportError:
    COMPILED = False
else:
    COMPILED = True

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

OWN = (
    "id", "process", "f", "args", "call", "return", "outcome", "value", "node", "epoch", "offset", "degraded",
    "error",
)  # fmt: skip
"""The fields of our own lines."""

JEPSEN = ("type", "process", "f", "value", "key", "time", "node", "error")
"""The fields of an operation's map."""

OWN_LINES, JSON, EDN = range(3)
"""What the scanner is told of the text."""

_TEXTUAL = (Kind.TEXT, Kind.KEYWORD)
_INVOKED = len(CODES)


class Maps(Struct, frozen=True, kw_only=True):
    """Maps in the order of the text. `fields` has for each name the cell of each map's value, -1 for none."""

    values: Values
    top: "NDArray[np.bool_]"
    """Which cells are the keys and values of the maps themselves."""
    fields: Mapping[str, "Ints"]
    count: int

    def kinds(self, name: str) -> "NDArray[np.uint8]":
        """Return the kind of each map's value, NIL where there is none."""
        return self.values.kinds_at(self.fields[name])

    def numbers(self, name: str) -> "Ints":
        """Return whole numbers, NONE where there is none or nil."""
        kinds, cells = self.kinds(name), self.fields[name]
        _expect(_among(kinds, Kind.INT, Kind.NIL))
        return np.where(kinds == Kind.INT, self.values.payload[cells], NONE)

    def texts(self, name: str, among: "NDArray[np.bool_] | None" = None) -> "NDArray[np.int32]":
        """Return indices of texts, NONE where there is none or nil, and for maps that are not `among` those."""
        kinds, cells = self.kinds(name), self.fields[name]
        if among is not None:
            kinds = np.where(among, kinds, np.uint8(Kind.NIL))
        _expect(_among(kinds, *_TEXTUAL, Kind.NIL))
        return np.where(kinds == Kind.NIL, NONE, self.values.payload[cells]).astype(np.int32)


class _Unusual(Exception):
    """A piece has something that is left to the parsers in Python."""


def own_events(piece: bytes) -> Events | None:
    """Return the events of a piece of our own history, None if it is not ordinary. O(length)."""
    try:
        return _own_events(_maps(piece, OWN, OWN_LINES), lines=lines_in(piece))
    except _Unusual:
        return None


def jepsen_events(piece: bytes, *, edn: bool) -> Events | None:
    """Return the events of a piece of operation maps, None if it is not ordinary. O(length)."""
    try:
        return _jepsen_events(_maps(piece, JEPSEN, EDN if edn else JSON))
    except _Unusual:
        return None


def maps(piece: bytes, names: Sequence[str]) -> Maps | None:
    """Return JSON maps with these fields, one a line, None if they are not ordinary. O(length)."""
    try:
        return _maps(piece, names, JSON)
    except _Unusual:
        return None


def _expect(sound: "NDArray[np.bool_] | bool") -> None:
    if not np.all(sound):
        raise _Unusual


def _among(kinds: "NDArray[np.uint8]", *allowed: Kind) -> "NDArray[np.bool_]":
    """Tell which kinds are among those: what `np.isin` does, which is made for longer lists."""
    found = np.zeros(len(kinds), np.bool_)
    for kind in allowed:
        found |= kinds == kind
    return found


def _maps(piece: bytes, names: Sequence[str], syntax: int) -> Maps:
    """Return the maps of a piece with these fields."""
    found = _scan.scan(piece, syntax) if COMPILED else None
    if found is None or not found[1][0]:
        raise _Unusual
    (firsts, sizes, _), (payload, size, kind), texts = found
    values = Values(
        kind=np.frombuffer(kind, np.uint8),
        payload=np.frombuffer(payload, np.int64),
        size=np.frombuffer(size, np.uint32),
        texts=tuple(texts),
    )
    first, count = np.frombuffer(firsts, np.int64), np.frombuffer(sizes, np.uint32).astype(np.int64)
    cells = spanned(first, count)
    keys, of_map = cells[::2], np.repeat(np.arange(len(first)), count // 2)
    _expect(_among(values.kind[keys], *_TEXTUAL))
    code_of = {name: code for code, name in enumerate(names)}
    of_text = np.array([code_of.get(text, len(names)) for text in texts], np.int64)
    # The last row is for names that are passed over.
    fields = np.full((len(names) + 1, len(first)), NONE, np.int64)
    fields[of_text[values.payload[keys]], of_map] = keys + 1
    top = np.zeros(len(values) + 1, np.bool_)
    top[cells] = True
    return Maps(values=values, top=top, fields=dict(zip(names, fields, strict=False)), count=len(first))


def _own_events(found: Maps, *, lines: int) -> Events:
    ids, f, outcome = found.numbers("id"), found.texts("f"), _codes(found, "outcome", CODES)
    called, returned = found.numbers("call"), found.numbers("return")
    is_call = f >= 0
    args, degraded, listed = found.kinds("args"), found.kinds("degraded"), found.fields["args"]
    _expect(found.count == lines)
    _expect(np.where(is_call, called >= 0, (returned >= 0) & (outcome >= 0)))
    _expect((ids >= 0) & _among(args, Kind.LIST, Kind.NIL))
    _expect(_among(degraded, Kind.TRUE, Kind.FALSE, Kind.NIL))
    arity = np.where(args == Kind.LIST, found.values.size[listed], 0)
    starts = np.where(arity > 0, found.values.payload[listed], 0)
    value = np.where(found.kinds("value") == Kind.NIL, NONE, found.fields["value"])
    calls, rest = np.flatnonzero(is_call), np.flatnonzero(~is_call)
    values, moved = kept(found, value[rest])
    names, codes = _names(found.values.texts, f[calls])
    node = found.texts("node")
    return Events(
        calls=Calls(
            joint=ids[calls],
            process=found.numbers("process")[calls],
            f=codes,
            args=moved[starts[calls]],
            arity=arity[calls].astype(np.uint16),
            time_ns=called[calls],
            node=node[calls],
            order=calls,
        ),
        returns=Returns(
            joint=ids[rest],
            f=np.zeros(len(rest), np.uint16),
            outcome=outcome[rest].astype(np.uint8),
            value=np.where(value[rest] < 0, NONE, moved[value[rest]]),
            time_ns=returned[rest],
            node=node[rest],
            error=found.texts("error")[rest],
            epoch=found.numbers("epoch")[rest],
            offset=found.numbers("offset")[rest],
            degraded=degraded[rest] == Kind.TRUE,
            order=rest,
        ),
        names=names,
        values=values,
    )


def _jepsen_events(found: Maps) -> Events:
    texts = found.values.texts
    absent = found.fields["process"] < 0
    process = np.where(absent, 0, found.values.payload[found.fields["process"]])
    client = absent | (found.kinds("process") == Kind.INT)
    _expect(found.fields["key"] < 0)
    what = _codes(found, "type", {**CODES, INVOKE: _INVOKED}, among=client)
    _expect(~client | (what >= 0))
    is_call, is_return = client & (what == _INVOKED), client & (what != _INVOKED)
    f = found.texts("f", among=client)
    _expect(np.array([text != "" for text in texts])[f])
    node = np.where(_among(found.kinds("node"), *_TEXTUAL), found.values.payload[found.fields["node"]], NONE)
    error, time_ns = found.texts("error", among=is_return & (what != OK)), found.numbers("time")
    told = (is_call | (is_return & (what == OK))) & (found.kinds("value") != Kind.NIL)
    value = np.where(told, found.fields["value"], NONE)
    order = np.cumsum(client) - 1
    calls, rest = np.flatnonzero(is_call), np.flatnonzero(is_return)
    values, moved = kept(found, value)
    # An operation without a name is a transaction; that name comes after all texts.
    names, codes = _names((*texts, TRANSACTION), np.where(f < 0, len(texts), f))
    nothing = np.full(len(rest), NONE, np.int64)
    return Events(
        calls=Calls(
            joint=process[calls],
            process=process[calls],
            f=codes[calls],
            args=np.where(value[calls] < 0, 0, moved[value[calls]]),
            arity=(value[calls] >= 0).astype(np.uint16),
            time_ns=time_ns[calls],
            node=node[calls].astype(np.int32),
            order=order[calls],
        ),
        returns=Returns(
            joint=process[rest],
            f=codes[rest],
            outcome=what[rest].astype(np.uint8),
            value=np.where(value[rest] < 0, NONE, moved[value[rest]]),
            time_ns=time_ns[rest],
            node=node[rest].astype(np.int32),
            error=error[rest],
            epoch=nothing,
            offset=nothing,
            degraded=np.zeros(len(rest), np.bool_),
            order=order[rest],
        ),
        names=names,
        values=values,
        skipped=int((~client).sum()),
    )


def _codes(
    found: Maps, name: str, codes: Mapping[str, int], among: "NDArray[np.bool_] | None" = None
) -> "Ints":
    """Return what words stand for, NONE where there is none, or one that stands for nothing."""
    of_text = np.array([*(codes.get(text, NONE) for text in found.values.texts), NONE], np.int64)
    return of_text[found.texts(name, among)]


def _names(
    texts: Sequence[str], f: "NDArray[np.int32] | Ints"
) -> "tuple[tuple[str, ...], NDArray[np.uint16]]":
    """Return the names of operations, and for each operation the code of its name."""
    distinct, codes = np.unique(f, return_inverse=True)
    return tuple(texts[place] for place in distinct.tolist()), codes.astype(np.uint16)


def kept(found: Maps, cells: "Ints") -> "tuple[Values, Ints]":
    """Return the values without the maps themselves, but for these cells of theirs; and where each cell went."""
    keep = ~found.top
    keep[cells[cells >= 0]] = True
    keep[-1] = False
    moved: Ints = np.cumsum(keep) - keep
    kept = keep[:-1]
    kind, payload = found.values.kind[kept], found.values.payload[kept].copy()
    inner = kind >= Kind.LIST
    payload[inner] = moved[payload[inner]]
    values = Values(kind=kind, payload=payload, size=found.values.size[kept], texts=found.values.texts)
    return values, moved
