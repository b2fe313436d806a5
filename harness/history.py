"""Every operation of a run, to be read as often as needed, as records or as columns.

A history on disk is streamed: reading holds only some lines and the calls that have not returned yet, so its
length is limited by the disk; a small one is read once and kept. `columns` holds about 45 bytes an operation.
"""

import functools
import os
from array import array
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from harness import json_lines
from harness.clock import Origin
from harness.errors import DamagedError
from harness.operation import Operation, Outcome
from harness.recording import Header, read_header

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OUTCOMES: tuple[Outcome, ...] = (Outcome.OK, Outcome.FAIL, Outcome.INFO)
"""The outcome that each code in `Columns.outcome` stands for."""

OK, FAIL, INFO = range(3)
"""The codes of `Columns.outcome`."""


SMALL_BYTES = 4 << 20
"""A history up to this size is kept in memory, where it takes a few times as much."""


class Columns(Struct, frozen=True, kw_only=True):
    """A history as numpy arrays; row i is the i-th operation that iterating yields.

    Times are nanoseconds since the origin. `return_ns`, `epoch` and `offset` are -1 where there is none.
    `f` indexes `names`; `outcome` indexes `OUTCOMES`.
    """

    id: "NDArray[np.int64]"
    call_ns: "NDArray[np.int64]"
    return_ns: "NDArray[np.int64]"
    outcome: "NDArray[np.uint8]"
    process: "NDArray[np.int64]"
    f: "NDArray[np.uint16]"
    names: tuple[str, ...]
    epoch: "NDArray[np.int64]"
    offset: "NDArray[np.int64]"
    degraded: "NDArray[np.bool_]"


class _Row(Struct):
    """What the columns need of a line; also all that joining a call with its return needs."""

    id: int
    process: int = -1
    f: str | None = None
    call: int | None = None
    returned: int | None = msgspec.field(default=None, name="return")
    outcome: Outcome | None = None
    epoch: int | None = None
    offset: int | None = None
    degraded: bool = False


class _Line(_Row):
    """A whole line."""

    args: tuple[Any, ...] = ()
    node: str | None = None
    value: Any = None
    error: str | None = None


class History:
    """The operations of one run.

    Iterating yields them in the order of their returns, and at the end those that never returned, in the
    order of their calls. It may be done many times, also at once. A damaged file raises DamagedError with file
    and line; a last line that was cut off by a crash is left out, and `truncated` is True.
    """

    def __init__(
        self,
        operations: Callable[[], Iterator[Operation]],
        rows: Callable[[], Iterator[tuple[Any, Any]]],
        *,
        origin: Origin | None = None,
        truncated: bool = False,
    ) -> None:
        self.origin = origin
        self.truncated = truncated
        self._operations = operations
        self._rows = rows
        self._columns: Columns | None = None

    @classmethod
    def open(cls, path: Path) -> "History":
        """Return the history in a file; reads the header only."""
        header, truncated, size_bytes = _open(path)
        if size_bytes > SMALL_BYTES:
            return cls(
                lambda: _operations(path),
                lambda: _joined(path, _Row),
                origin=header.origin,
                truncated=truncated,
            )
        kept = functools.cache(lambda: tuple(_operations(path)))
        return cls(
            lambda: iter(kept()), lambda: map(_rows, kept()), origin=header.origin, truncated=truncated
        )

    @classmethod
    def of(cls, operations: Iterable[Operation]) -> "History":
        """Return a history of these operations, in memory, in the order that iterating promises."""
        kept = tuple(operations)
        returned = sorted((op for op in kept if op.return_ns is not None), key=lambda op: op.return_ns or 0)
        ordered = (*returned, *sorted((op for op in kept if op.return_ns is None), key=lambda op: op.call_ns))
        return cls(lambda: iter(ordered), lambda: map(_rows, ordered))

    def __iter__(self) -> Iterator[Operation]:
        return self._operations()

    def columns(self) -> Columns:
        """Return the history as arrays; read once, then kept. O(n), about 2 µs an operation."""
        if self._columns is None:
            self._columns = _columns(self._rows())
        return self._columns


def _open(path: Path) -> tuple[Header, bool, int]:
    """Return a file's header, whether its last line was cut off, and its size in bytes."""
    try:
        with path.open("rb") as file:
            first = file.readline()
            size_bytes = file.seek(0, os.SEEK_END)
            file.seek(max(0, size_bytes - 1))
            truncated = file.read(1) != b"\n"
    except OSError as error:
        raise DamagedError(f"{path}: {error.strerror or error}") from error
    return read_header(first, str(path)), truncated, size_bytes


def _joined(path: Path, kind: type[_Row]) -> Iterator[tuple[Any, Any]]:
    """Yield (call, return or None) by return; holds the calls that are open."""
    pending: dict[int, _Row] = {}
    for number, line in json_lines.read(path, kind, passed=1):
        if line.call is not None and line.f is not None and line.id not in pending:
            pending[line.id] = line
        elif line.returned is not None and line.outcome is not None and line.id in pending:
            yield pending.pop(line.id), line
        else:
            raise DamagedError(
                f"{path}:{number}: damaged line: neither a new call nor the return of an open one"
            )
    for call in pending.values():
        yield call, None


def _operations(path: Path) -> Iterator[Operation]:
    for call, line in _joined(path, _Line):
        if line is None:
            yield Operation(
                id=call.id,
                process=call.process,
                f=call.f,
                args=call.args,
                node=call.node,
                call_ns=call.call,
            )
        else:
            yield Operation(
                id=call.id,
                process=call.process,
                f=call.f,
                args=call.args,
                node=line.node or call.node,
                call_ns=call.call,
                return_ns=line.returned,
                outcome=line.outcome,
                value=line.value,
                epoch=line.epoch,
                offset=line.offset,
                degraded=line.degraded,
                error=line.error,
            )


def _rows(operation: Operation) -> tuple[_Row, _Row]:
    """Return the rows of an operation's call and of its return."""
    return (
        _Row(id=operation.id, process=operation.process, f=operation.f, call=operation.call_ns),
        _Row(
            id=operation.id,
            returned=operation.return_ns,
            outcome=operation.outcome,
            epoch=operation.epoch,
            offset=operation.offset,
            degraded=operation.degraded,
        ),
    )


def _columns(rows: Iterator[tuple[_Row, _Row | None]]) -> Columns:
    import numpy as np

    codes = {outcome: code for code, outcome in enumerate(OUTCOMES)}
    names: dict[str, int] = {}
    ids, calls, returns, processes, epochs, offsets = (array("q") for _ in range(6))
    outcomes, degraded, fs = array("B"), array("B"), array("H")
    for call, returned in rows:
        ids.append(call.id)
        calls.append(call.call or 0)
        processes.append(call.process)
        fs.append(names.setdefault(call.f or "", len(names)))
        line = returned or _NEVER
        returns.append(-1 if line.returned is None else line.returned)
        outcomes.append(codes[line.outcome or Outcome.INFO])
        epochs.append(-1 if line.epoch is None else line.epoch)
        offsets.append(-1 if line.offset is None else line.offset)
        degraded.append(line.degraded)
    return Columns(
        id=np.asarray(ids),
        call_ns=np.asarray(calls),
        return_ns=np.asarray(returns),
        outcome=np.asarray(outcomes),
        process=np.asarray(processes),
        f=np.asarray(fs),
        names=tuple(names),
        epoch=np.asarray(epochs),
        offset=np.asarray(offsets),
        degraded=np.asarray(degraded).view(np.bool_),
    )


_NEVER = _Row(id=-1)
