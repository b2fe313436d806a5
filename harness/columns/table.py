"""A whole history as columns, arguments and values included: what is judged at scale."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from harness.clock import Origin
from harness.columns.values import Builder, Values
from harness.history import OUTCOMES
from harness.operation import Operation

if TYPE_CHECKING:
    from numpy.typing import NDArray


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

    def rows(self, *names: str) -> "NDArray[np.int64]":
        """Return the rows of the operations that are called so, in the order of their calls."""
        codes = [code for code, name in enumerate(self.names) if name in names]
        return np.flatnonzero(np.isin(self.f, codes))

    def operation(self, row: int) -> Operation:
        """Return one operation as a record."""
        texts, node, error = self.values.texts, int(self.node[row]), int(self.error[row])
        returned, logged = int(self.return_ns[row]), self.logged
        epoch = -1 if logged is None else int(logged.epoch[row])
        offset = -1 if logged is None else int(logged.offset[row])
        return Operation(
            id=int(self.id[row]),
            process=int(self.process[row]),
            f=self.names[int(self.f[row])],
            args=tuple(self.values.run(int(self.args[row]), int(self.arity[row]))),
            node=None if node < 0 else texts[node],
            call_ns=int(self.call_ns[row]),
            return_ns=None if returned < 0 else returned,
            outcome=OUTCOMES[int(self.outcome[row])],
            value=self.values.get(int(self.value[row])),
            epoch=None if epoch < 0 else epoch,
            offset=None if offset < 0 else offset,
            degraded=logged is not None and bool(logged.degraded[row]),
            error=None if error < 0 else texts[error],
        )

    def operations(self) -> Iterator[Operation]:
        """Yield every operation as a record, in the order of the calls. O(n), about 10 µs each."""
        return map(self.operation, range(len(self)))


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
