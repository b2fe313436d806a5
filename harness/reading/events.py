"""What the lines of any history say, in columns: calls and returns, before they are joined to operations.

Each format's parser makes `Events` of a piece of a file, in whatever process; `gathered` puts pieces together. A
return belongs to the call before it that has the same joint, which is an operation's id in our own histories and
a process elsewhere.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from harness.columns.values import Builder, Values, concatenate
from harness.history import OUTCOMES

if TYPE_CHECKING:
    from numpy.typing import NDArray

Record = TypeVar("Record", bound=Struct)

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


def gathered(parts: Sequence[Events]) -> Events:
    """Return the events of a whole history from those of its pieces, in order."""
    values, renamed = concatenate([part.values for part in parts])
    names: dict[str, int] = {}
    calls, returns = [], []
    cells = events = 0
    for part, texts in zip(parts, renamed, strict=True):
        codes = np.array([names.setdefault(name, len(names)) for name in part.names], np.uint16)
        calls.append(
            replace(
                part.calls,
                f=codes[part.calls.f] if len(codes) else part.calls.f,
                args=part.calls.args + cells,
                node=_renamed(part.calls.node, texts),
                order=part.calls.order + events,
            )
        )
        returns.append(
            replace(
                part.returns,
                f=codes[part.returns.f] if len(codes) else part.returns.f,
                value=np.where(part.returns.value < 0, NONE, part.returns.value + cells),
                node=_renamed(part.returns.node, texts),
                error=_renamed(part.returns.error, texts),
                order=part.returns.order + events,
            )
        )
        cells += len(part.values)
        events += part.count
    return Events(
        calls=_stacked(Calls, calls),
        returns=_stacked(Returns, returns),
        names=tuple(names),
        values=values,
        skipped=sum(part.skipped for part in parts),
    )


def _stacked(kind: type[Record], records: Sequence[Record]) -> Record:
    return kind(
        **{
            name: np.concatenate([getattr(record, name) for record in records])
            for name in kind.__struct_fields__
        }
    )


def _renamed(column: "NDArray[np.int32]", texts: "NDArray[np.int64]") -> "NDArray[np.int32]":
    if not len(texts) or (column < 0).all():
        return column
    return np.where(column < 0, NONE, texts[column]).astype(np.int32)


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
