"""Pieces read by the compiled scanner: maps as cells, and their fields as columns, without an object in between.

`_scan` is an optional extension that makes cells of text, and gives up on whatever is not ordinary. Then, and
where it is not built, None is returned and the parsers in Python do the work; both come to the same events.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from harness.columns.values import Kind, Values
from harness.history import OK
from harness.reading.events import CODES, INVOKE, NONE, TRANSACTION, Calls, Events, Returns

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

KEPT = "value"
"""The field whose values become cells."""

ABSENT = 255
"""The kind of a field that a map does not have."""

OWN_LINES, JSON, EDN = range(3)
"""What the scanner is told of the text."""

_TEXTUAL = (Kind.TEXT, Kind.KEYWORD)
_NOTHING = (Kind.NIL, ABSENT)
_INVOKED = len(CODES)


class Field(Struct, frozen=True):
    """What maps have under one name, in the order of the text: of each value what its cell says.

    The payload is NONE for nil and where there is no such field; that of KEPT is the cell of its value.
    """

    kind: "NDArray[np.uint8]"
    payload: "Ints"
    size: "NDArray[np.uint32]"

    @property
    def given(self) -> "NDArray[np.bool_]":
        """Whether each map has a value that is not nil."""
        return ~_among(self.kind, *_NOTHING)

    def numbers(self, *others: int) -> "Ints":
        """Return whole numbers, NONE where there is none; `others` are kinds that stand for none, too."""
        _expect(_among(self.kind, Kind.INT, ABSENT, *others))
        return self.payload

    def texts(self, among: "NDArray[np.bool_] | None" = None) -> "NDArray[np.int32]":
        """Return indices of texts, NONE where there is none or nil, and for maps that are not `among` those."""
        sound = _among(self.kind, *_TEXTUAL, *_NOTHING)
        if among is None:
            _expect(sound)
            return self.payload.astype(np.int32)
        _expect(sound | ~among)
        return np.where(among, self.payload, NONE).astype(np.int32)


class Maps(Struct, frozen=True, kw_only=True):
    """So many maps, their fields by name, and the cells that these refer to."""

    count: int
    fields: Mapping[str, Field]
    values: Values


class _Unusual(Exception):
    """A piece has something that is left to the parsers in Python."""


def own_events(piece: bytes) -> Events | None:
    """Return the events of a piece of our own history, None if it is not ordinary. O(length)."""
    try:
        return _own_events(_maps(piece, OWN, OWN_LINES))
    except _Unusual:
        return None


def jepsen_events(piece: bytes, *, edn: bool) -> Events | None:
    """Return the events of a piece of operation maps, None if it is not ordinary. O(length)."""
    try:
        return _jepsen_events(_maps(piece, JEPSEN, EDN if edn else JSON))
    except _Unusual:
        return None


def maps(piece: bytes, names: tuple[str, ...]) -> Maps | None:
    """Return JSON maps with these fields, one a line, None if they are not ordinary. O(length)."""
    try:
        return _maps(piece, names, JSON)
    except _Unusual:
        return None


def _expect(sound: "NDArray[np.bool_] | bool") -> None:
    if not np.all(sound):
        raise _Unusual


def _among(kinds: "NDArray[np.uint8]", *allowed: int) -> "NDArray[np.bool_]":
    """Tell which kinds are among those: what `np.isin` does, which is made for longer lists."""
    found: NDArray[np.bool_] = kinds == allowed[0]
    for kind in allowed[1:]:
        found |= kinds == kind
    return found


def _maps(piece: bytes, names: tuple[str, ...], syntax: int) -> Maps:
    """Return the maps of a piece with these fields."""
    found = _scan.scan(piece, syntax, names, names.index(KEPT)) if COMPILED else None
    if found is None:
        raise _Unusual
    count, fields, cells, texts = found
    payload, size, kind = (column.reshape(len(names), count) for column in _columns(fields))
    values = _columns(cells)
    return Maps(
        count=count,
        fields={name: Field(kind[i], payload[i], size[i]) for i, name in enumerate(names)},
        values=Values(payload=values[0], size=values[1], kind=values[2], texts=texts),
    )


def _columns(found: "_scan.Columns") -> "tuple[Ints, NDArray[np.uint32], NDArray[np.uint8]]":
    payload, size, kind = found
    return np.frombuffer(payload, np.int64), np.frombuffer(size, np.uint32), np.frombuffer(kind, np.uint8)


def _own_events(found: Maps) -> Events:
    fields, texts = found.fields, found.values.texts
    ids, f = fields["id"].numbers(), fields["f"].texts()
    called, returned = fields["call"].numbers(Kind.NIL), fields["return"].numbers(Kind.NIL)
    outcome = _codes(fields["outcome"].texts(), texts, CODES)
    args, degraded = fields["args"], fields["degraded"].kind
    is_call = f >= 0
    _expect(ids >= 0)
    _expect(np.where(is_call, called >= 0, (returned >= 0) & (outcome >= 0)))
    _expect(_among(args.kind, Kind.LIST, ABSENT))
    _expect(_among(degraded, Kind.TRUE, Kind.FALSE, ABSENT))
    calls, rest = np.flatnonzero(is_call), np.flatnonzero(~is_call)
    names, codes = _names(texts, f[calls])
    node = fields["node"].texts()
    arity = args.size[calls]
    return Events(
        calls=Calls(
            joint=ids[calls],
            process=fields["process"].numbers()[calls],
            f=codes,
            args=np.where(arity > 0, args.payload[calls], 0),
            arity=arity.astype(np.uint16),
            time_ns=called[calls],
            node=node[calls],
            order=calls,
        ),
        returns=Returns(
            joint=ids[rest],
            f=np.zeros(len(rest), np.uint16),
            outcome=outcome[rest].astype(np.uint8),
            value=fields["value"].payload[rest],
            time_ns=returned[rest],
            node=node[rest],
            error=fields["error"].texts()[rest],
            epoch=fields["epoch"].numbers(Kind.NIL)[rest],
            offset=fields["offset"].numbers(Kind.NIL)[rest],
            degraded=degraded[rest] == Kind.TRUE,
            order=rest,
        ),
        names=names,
        values=found.values,
    )


def _jepsen_events(found: Maps) -> Events:
    fields, texts = found.fields, found.values.texts
    absent = fields["process"].kind == ABSENT
    process = np.where(absent, 0, fields["process"].payload)
    client = absent | (fields["process"].kind == Kind.INT)
    _expect(~fields["key"].given)
    what = _codes(fields["type"].texts(client), texts, {**CODES, INVOKE: _INVOKED})
    _expect(~client | (what >= 0))
    is_call, is_return = client & (what == _INVOKED), client & (what != _INVOKED)
    f = fields["f"].texts(client)
    _expect(np.array([*(text != "" for text in texts), True])[f])
    node = np.where(_among(fields["node"].kind, *_TEXTUAL), fields["node"].payload, NONE).astype(np.int32)
    error, time_ns = fields["error"].texts(is_return & (what != OK)), fields["time"].numbers(Kind.NIL)
    value = np.where(is_call | (is_return & (what == OK)), fields["value"].payload, NONE)
    order = np.cumsum(client) - 1
    calls, rest = np.flatnonzero(is_call), np.flatnonzero(is_return)
    # An operation without a name is a transaction; that name comes after all texts.
    names, codes = _names((*texts, TRANSACTION), np.where(f < 0, len(texts), f))
    nothing = np.full(len(rest), NONE, np.int64)
    return Events(
        calls=Calls(
            joint=process[calls],
            process=process[calls],
            f=codes[calls],
            args=np.where(value[calls] < 0, 0, value[calls]),
            arity=(value[calls] >= 0).astype(np.uint16),
            time_ns=time_ns[calls],
            node=node[calls],
            order=order[calls],
        ),
        returns=Returns(
            joint=process[rest],
            f=codes[rest],
            outcome=what[rest].astype(np.uint8),
            value=value[rest],
            time_ns=time_ns[rest],
            node=node[rest],
            error=error[rest],
            epoch=nothing,
            offset=nothing,
            degraded=np.zeros(len(rest), np.bool_),
            order=order[rest],
        ),
        names=names,
        values=found.values,
        skipped=int((~client).sum()),
    )


def _codes(found: "NDArray[np.int32]", texts: Sequence[str], codes: Mapping[str, int]) -> "Ints":
    """Return what words stand for, NONE where there is none, or one that stands for nothing."""
    of_text = np.array([*(codes.get(text, NONE) for text in texts), NONE], np.int64)
    return of_text[found]


def _names(
    texts: Sequence[str], f: "NDArray[np.int32] | Ints"
) -> "tuple[tuple[str, ...], NDArray[np.uint16]]":
    """Return the names of operations, and for each operation the code of its name."""
    used = np.zeros(len(texts), np.bool_)
    used[f] = True
    code = np.cumsum(used) - 1
    return tuple(texts[place] for place in np.flatnonzero(used).tolist()), code[f].astype(np.uint16)
