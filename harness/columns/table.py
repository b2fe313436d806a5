"""A whole history as columns, arguments and values included: what is judged at scale."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from harness.clock import Origin
from harness.columns.values import Builder, Values, spanned
from harness.history import FAIL, OUTCOMES
from harness.operation import Operation

if TYPE_CHECKING:
    from numpy.typing import NDArray


CHUNK = 8192
"""How many records are made at once."""


class Logged(Struct, frozen=True, kw_only=True):
    """Where a system's log has each operation, as it told: -1 where it did not."""

    epoch: "NDArray[np.int64]"
    offset: "NDArray[np.int64]"
    degraded: "NDArray[np.bool_]"


class Table(Struct, frozen=True, kw_only=True):
    """The operations of a history; row i is the i-th call. About 100 bytes an operation.

    Times are nanoseconds, or places of lines where the history has no times (`timed` is False then).
    `return_ns` is -1 for an operation that never returned. `f` indexes `names`, `outcome` indexes
    `harness.history.OUTCOMES`, `node` and `error` index `values.texts` (-1: none). The arguments of a row are the
    `arity` cells from `args` on; `value` is a cell, or -1 for nil.
    """

    id: "NDArray[np.int64]"
    process: "NDArray[np.int64]"
    f: "NDArray[np.uint16]"
    names: tuple[str, ...]
    call_ns: "NDArray[np.int64]"
    return_ns: "NDArray[np.int64]"
    outcome: "NDArray[np.uint8]"
    args: "NDArray[np.int64]"
    arity: "NDArray[np.uint16]"
    value: "NDArray[np.int64]"
    node: "NDArray[np.int32]"
    error: "NDArray[np.int32]"
    values: Values
    logged: Logged | None = None
    timed: bool = True
    origin: Origin | None = None

    def __len__(self) -> int:
        return len(self.id)

    def called(self, *names: str) -> "NDArray[np.bool_]":
        """Return for each row whether the operation is called so."""
        wanted = np.array([name in names for name in self.names], np.bool_)
        return wanted[self.f] if len(self) else np.zeros(0, np.bool_)

    def rows(self, *names: str) -> "NDArray[np.int64]":
        """Return the rows of the operations that are called so, in the order of their calls."""
        return np.flatnonzero(self.called(*names))

    def others(self, *names: str) -> dict[str, int]:
        """Return how many operations that may have happened are called otherwise, by their names. O(n)."""
        others = (self.outcome != FAIL) & ~self.called(*names)
        counts = np.bincount(self.f[others], minlength=len(self.names)).tolist()
        return {name: count for name, count in zip(self.names, counts, strict=True) if count}

    def operations(self) -> Iterator[Operation]:
        """Yield every operation as a record, in the order of the rows. O(n), a few microseconds each."""
        for first in range(0, len(self), CHUNK):
            yield from self.at(np.arange(first, min(first + CHUNK, len(self))))

    def at(self, rows: "NDArray[np.int64]") -> list[Operation]:
        """Return some operations as records."""
        arity = self.arity[rows].astype(np.int64)
        args, ends = self.values.objects(spanned(self.args[rows], arity)), np.cumsum(arity).tolist()
        texts, logged = self.values.texts, self.logged
        none = [None] * len(rows)

        def known(column: "NDArray[np.int64]") -> list[int | None]:
            return [None if number < 0 else number for number in column[rows].tolist()]

        def named(column: "NDArray[np.int32]") -> list[str | None]:
            return [None if place < 0 else texts[place] for place in column[rows].tolist()]

        return [
            Operation(
                id=id_,
                process=process,
                f=self.names[f],
                args=tuple(args[end - count : end]),
                node=node,
                call_ns=call_ns,
                return_ns=return_ns,
                outcome=OUTCOMES[outcome],
                value=value,
                epoch=epoch,
                offset=offset,
                degraded=bool(degraded),
                error=error,
            )
            for (
                id_,
                process,
                f,
                end,
                count,
                node,
                call_ns,
                return_ns,
                outcome,
                value,
                epoch,
                offset,
                degraded,
                error,
            ) in zip(
                self.id[rows].tolist(),
                self.process[rows].tolist(),
                self.f[rows].tolist(),
                ends,
                arity.tolist(),
                named(self.node),
                self.call_ns[rows].tolist(),
                known(self.return_ns),
                self.outcome[rows].tolist(),
                self.values.objects(self.value[rows]),
                none if logged is None else known(logged.epoch),
                none if logged is None else known(logged.offset),
                none if logged is None else logged.degraded[rows].tolist(),
                named(self.error),
                strict=True,
            )
        ]


def table_of(operations: Iterable[Operation]) -> Table:
    """Return operations as columns, in the order of their calls."""
    kept = sorted(operations, key=lambda operation: operation.call_ns)
    cells, names = Builder(), dict[str, int]()
    args, arity = cells.add_spans([operation.args for operation in kept])
    first = cells.add([operation.value for operation in kept])
    nil = np.array([operation.value is None for operation in kept], np.bool_)

    def texts(column: list[str | None]) -> "NDArray[np.int32]":
        return np.array([-1 if text is None else cells.text(text) for text in column], np.int32)

    def numbers(column: list[int | None]) -> "NDArray[np.int64]":
        return np.array([-1 if number is None else number for number in column], np.int64)

    node = texts([operation.node for operation in kept])
    error = texts([operation.error for operation in kept])
    logged = Logged(
        epoch=numbers([operation.epoch for operation in kept]),
        offset=numbers([operation.offset for operation in kept]),
        degraded=np.array([operation.degraded for operation in kept], np.bool_),
    )
    return Table(
        id=numbers([operation.id for operation in kept]),
        process=numbers([operation.process for operation in kept]),
        f=np.array([names.setdefault(operation.f, len(names)) for operation in kept], np.uint16),
        names=tuple(names),
        call_ns=numbers([operation.call_ns for operation in kept]),
        return_ns=numbers([operation.return_ns for operation in kept]),
        outcome=np.array([OUTCOMES.index(operation.outcome) for operation in kept], np.uint8),
        args=args,
        arity=arity.astype(np.uint16),
        value=np.where(nil, -1, first + np.arange(len(kept))),
        node=node,
        error=error,
        values=cells.build(),
        logged=logged if _told(logged) else None,
    )


def _told(logged: Logged) -> bool:
    return bool((logged.epoch >= 0).any() or (logged.offset >= 0).any() or logged.degraded.any())
