"""What the lines of any history say, in columns: calls and returns, before they are joined to operations.

Each format's parser makes `Events` of a piece of a file, in whatever process; `gathered` puts pieces together. A
return belongs to the call before it that has the same joint, which is an operation's id in our own histories and
a process elsewhere.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct

from harness.columns.growing import Growing, unknown
from harness.columns.values import Builder, Concatenation, Values
from harness.history import OUTCOMES

if TYPE_CHECKING:
    from numpy.typing import NDArray

NONE = -1
"""Stands for what an event does not tell: a time, a node, an error, a place in a log."""

INVOKE = "invoke"
"""How others' formats call a call."""

TRANSACTION = "txn"
"""What an operation without a name is: Elle's files leave it out."""

CODES = {str(outcome): code for code, outcome in enumerate(OUTCOMES)}
"""The code of each outcome, by the word that all formats have for it."""


class CallLists(Struct, kw_only=True):
    """Calls as plain lists. Lists that a format never fills stay empty; None is what a call does not tell.

    Where `process` is empty the joints are the processes. `order` places a call among all events of its piece.
    """

    joint: list[int] = []
    process: list[int] = []
    f: list[str] = []
    args: list[Sequence[Any]] = []
    time_ns: list[int | None] = []
    node: list[str | None] = []
    order: list[int] = []


class ReturnLists(Struct, kw_only=True):
    """Returns as plain lists. `f` stays empty where a return does not repeat what was called."""

    joint: list[int] = []
    f: list[str] = []
    outcome: list[int] = []
    value: list[Any] = []
    time_ns: list[int | None] = []
    node: list[str | None] = []
    error: list[str | None] = []
    epoch: list[int | None] = []
    offset: list[int | None] = []
    degraded: list[bool] = []
    order: list[int] = []


class Calls(Struct, frozen=True, kw_only=True):
    """Calls as arrays; the fields mean what they mean in a `Table`."""

    joint: "NDArray[np.int64]"
    process: "NDArray[np.int64]"
    f: "NDArray[np.uint16]"
    args: "NDArray[np.int64]"
    arity: "NDArray[np.uint16]"
    time_ns: "NDArray[np.int64]"
    node: "NDArray[np.int32]"
    order: "NDArray[np.int64]"


class Returns(Struct, frozen=True, kw_only=True):
    """Returns as arrays."""

    joint: "NDArray[np.int64]"
    f: "NDArray[np.uint16]"
    outcome: "NDArray[np.uint8]"
    value: "NDArray[np.int64]"
    time_ns: "NDArray[np.int64]"
    node: "NDArray[np.int32]"
    error: "NDArray[np.int32]"
    epoch: "NDArray[np.int64]"
    offset: "NDArray[np.int64]"
    degraded: "NDArray[np.bool_]"
    order: "NDArray[np.int64]"


_CALLS: Mapping[str, type[np.generic]] = {
    "joint": np.int64, "process": np.int64, "f": np.uint16, "args": np.int64, "arity": np.uint16,
    "time_ns": np.int64, "node": np.int32, "order": np.int64,
}  # fmt: skip
_RETURNS: Mapping[str, type[np.generic]] = {
    "joint": np.int64, "f": np.uint16, "outcome": np.uint8, "value": np.int64, "time_ns": np.int64,
    "node": np.int32, "error": np.int32, "epoch": np.int64, "offset": np.int64, "degraded": np.bool_,
    "order": np.int64,
}  # fmt: skip


class Events(Struct, frozen=True, kw_only=True):
    """The calls and returns of a piece of a history; `skipped` counts what is no client's."""

    calls: Calls
    returns: Returns
    names: tuple[str, ...]
    values: Values
    skipped: int = 0

    @property
    def count(self) -> int:
        """How many events there are."""
        return len(self.calls.joint) + len(self.returns.joint)


def events_of(calls: CallLists, returns: ReturnLists, *, skipped: int = 0) -> Events:
    """Return plain lists as arrays. Raises TypeError for a value that no history has."""
    cells = Builder()
    names = {name: code for code, name in enumerate(dict.fromkeys(calls.f) | dict.fromkeys(returns.f))}
    args, arity = cells.add_spans(calls.args)
    called, returned = len(calls.joint), len(returns.joint)
    return Events(
        calls=Calls(
            joint=np.array(calls.joint, np.int64),
            process=np.array(calls.process or calls.joint, np.int64),
            f=np.array(list(map(names.__getitem__, calls.f)), np.uint16),
            args=args,
            arity=arity.astype(np.uint16),
            time_ns=_numbers(calls.time_ns, called),
            node=_texts(calls.node, cells, called),
            order=np.array(calls.order, np.int64),
        ),
        returns=Returns(
            joint=np.array(returns.joint, np.int64),
            f=np.array(list(map(names.__getitem__, returns.f)) or [0] * returned, np.uint16),
            outcome=np.array(returns.outcome, np.uint8),
            value=_values(returns.value, cells, returned),
            time_ns=_numbers(returns.time_ns, returned),
            node=_texts(returns.node, cells, returned),
            error=_texts(returns.error, cells, returned),
            epoch=_numbers(returns.epoch, returned),
            offset=_numbers(returns.offset, returned),
            degraded=np.array(returns.degraded or [False] * returned, np.bool_),
            order=np.array(returns.order, np.int64),
        ),
        names=tuple(map(str, names)),
        values=cells.build(),
        skipped=skipped,
    )


def gathered(parts: Iterable[Events], share: Callable[[], float] = unknown) -> Events:
    """Return the events of a whole history from those of its pieces, in order, each of which is let go of.

    `share` tells how much of the history the pieces make that have come so far.
    """
    values = Concatenation(share)
    names: dict[str, int] = {}
    calls: dict[str, Growing[Any]] = {name: Growing(dtype, share) for name, dtype in _CALLS.items()}
    returns: dict[str, Growing[Any]] = {name: Growing(dtype, share) for name, dtype in _RETURNS.items()}
    events = skipped = 0
    for part in parts:
        cells, texts = len(values), values.add(part.values)
        codes = np.array([names.setdefault(name, len(names)) for name in part.names], np.uint16)
        called, returned = _extended(calls, part.calls), _extended(returns, part.returns)
        for added in (called, returned):
            added["order"] += events
            if len(codes):
                added["f"][:] = codes[added["f"]]
        called["args"] += cells
        value = returned["value"]
        value[value >= 0] += cells
        for column in (called["node"], returned["node"], returned["error"]):
            _rename(column, texts)
        events += part.count
        skipped += part.skipped
    return Events(
        calls=Calls(**{name: column.whole() for name, column in calls.items()}),
        returns=Returns(**{name: column.whole() for name, column in returns.items()}),
        names=tuple(names),
        values=values.build(),
        skipped=skipped,
    )


def _extended(columns: Mapping[str, Growing[Any]], more: Struct) -> "dict[str, NDArray[Any]]":
    return {name: column.extend(getattr(more, name)) for name, column in columns.items()}


def _rename(column: "NDArray[np.int32]", texts: "NDArray[np.int64]") -> None:
    some = column >= 0
    if some.any():
        column[some] = texts[column[some]]


def _values(column: Sequence[Any], cells: Builder, count: int) -> "NDArray[np.int64]":
    told = [value is not None for value in column]
    if not any(told):
        return np.full(count, NONE, np.int64)
    found = np.full(count, NONE, np.int64)
    first = cells.add([value for value in column if value is not None])
    found[np.array(told, np.bool_)] = first + np.arange(sum(told))
    return found


def _numbers(column: Sequence[int | None], count: int) -> "NDArray[np.int64]":
    if not column:
        return np.full(count, NONE, np.int64)
    try:
        return np.array(column, np.int64)
    except TypeError:
        return np.array([NONE if number is None else number for number in column], np.int64)


def _texts(column: Sequence[str | None], cells: Builder, count: int) -> "NDArray[np.int32]":
    if not column:
        return np.full(count, NONE, np.int32)
    return np.array([NONE if text is None else cells.text(text) for text in column], np.int32)
