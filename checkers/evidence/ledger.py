"""The writes of a run as columns, and what the surviving history shows of them.

Everything about durability is asked per element: who wrote it, what became of the write, and is it there at
the end? One pass over the history answers for all elements; what is kept is a few arrays (about 65 bytes an
element) and the final lists, so a million operations fit in a few hundred megabytes.
"""

from array import array
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from harness.checker import RecordedRun
from harness.history import OK, OUTCOMES
from harness.operation import Operation
from harness.workload import Element, is_final_read

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_CODES = {outcome: code for code, outcome in enumerate(OUTCOMES)}


class Write(Struct, frozen=True, kw_only=True):
    """One row of the ledger: an element and the operation that wrote it; None where the system is silent."""

    row: int
    id: int
    key: str
    value: int
    call_ns: int
    return_ns: int | None
    epoch: int | None
    offset: int | None
    node: str | None
    degraded: bool

    @property
    def element(self) -> str:
        """Return the element as reports show it."""
        return f"{self.key}={self.value}"

    @property
    def size_bytes(self) -> int:
        """Return how much data the element is: its key, and eight bytes for the value."""
        return len(self.key) + 8


class Ledger(Struct, frozen=True, kw_only=True):
    """Every element that the history wrote or tried to write, one row each, in the order of the history.

    `key` and `node` index `keys` and `nodes`, `outcome` indexes `harness.history.OUTCOMES`; `node`,
    `return_ns`, `epoch` and `offset` are -1 where there is none. Rows of one operation are neighbours.
    `final` is what the survivor showed in the end, by key; `present` tells which elements are in it,
    `covered` whose keys were read at all, and `unwritten` lists what it shows though nobody wrote it. `lists`
    are the keys to which elements were appended, so that their order means something.
    """

    keys: tuple[str, ...]
    nodes: tuple[str, ...]
    id: "NDArray[np.int64]"
    key: "NDArray[np.int64]"
    value: "NDArray[np.int64]"
    call_ns: "NDArray[np.int64]"
    return_ns: "NDArray[np.int64]"
    outcome: "NDArray[np.int8]"
    epoch: "NDArray[np.int64]"
    offset: "NDArray[np.int64]"
    node: "NDArray[np.int64]"
    degraded: "NDArray[np.bool_]"
    present: "NDArray[np.bool_]"
    covered: "NDArray[np.bool_]"
    final: Mapping[str, tuple[int, ...]]
    unwritten: tuple[Element, ...]
    lists: frozenset[str]

    def acknowledged(self) -> "NDArray[np.bool_]":
        """Return the mask of rows whose operation was acknowledged."""
        acknowledged: NDArray[np.bool_] = self.outcome == OK
        return acknowledged

    def operations(self, mask: "NDArray[np.bool_]") -> int:
        """Return how many operations have a row in `mask`."""
        import numpy as np

        ids = self.id[mask]
        return int(np.count_nonzero(ids[1:] != ids[:-1])) + 1 if len(ids) else 0

    def absent(self) -> dict[Element, Write]:
        """Return the writes that the final state does not show, by element."""
        return {(write.key, write.value): write for write in self.writes(~self.present)}

    def last_offsets(self, mask: "NDArray[np.bool_]") -> dict[int, int]:
        """Return the last offset among the rows in `mask`, by epoch."""
        import numpy as np

        epochs, ranks = np.unique(self.epoch[mask], return_inverse=True)
        last = np.full(len(epochs), -1, dtype=np.int64)
        np.maximum.at(last, ranks, self.offset[mask])
        return dict(zip(epochs.tolist(), last.tolist(), strict=True))

    def first_offsets(self, mask: "NDArray[np.bool_]") -> dict[int, int]:
        """Return the first offset among the rows in `mask`, by epoch."""
        import numpy as np

        epochs, ranks = np.unique(self.epoch[mask], return_inverse=True)
        first = np.full(len(epochs), np.iinfo(np.int64).max, dtype=np.int64)
        np.minimum.at(first, ranks, self.offset[mask])
        return dict(zip(epochs.tolist(), first.tolist(), strict=True))

    def write(self, row: int) -> Write:
        """Return one row as a record."""
        node = int(self.node[row])
        return Write(
            row=row,
            id=int(self.id[row]),
            key=self.keys[self.key[row]],
            value=int(self.value[row]),
            call_ns=int(self.call_ns[row]),
            return_ns=_or_none(int(self.return_ns[row])),
            epoch=_or_none(int(self.epoch[row])),
            offset=_or_none(int(self.offset[row])),
            node=None if node < 0 else self.nodes[node],
            degraded=bool(self.degraded[row]),
        )

    def writes(self, mask: "NDArray[np.bool_]") -> Iterator[Write]:
        """Yield the rows in `mask` as records."""
        import numpy as np

        for row in np.flatnonzero(mask).tolist():
            yield self.write(row)


def read_ledger(run: RecordedRun) -> Ledger:
    """Return the ledger of a run. One pass over the history; values must fit 64 bits."""
    import numpy as np

    rows = _Rows()
    final: dict[str, tuple[int, ...]] = {}
    for operation in run.history:
        elements = run.workload.writes(operation)
        if elements:
            rows.add(operation, elements)
        elif is_final_read(operation, node=run.survivor, stopped_ns=run.stopped_ns):
            final |= shown(run, operation)
    columns = {name: np.array(column, dtype=np.int64) for name, column in rows.columns.items()}
    keys = tuple(rows.keys)
    present, unwritten = _compare(rows.keys, columns["key"], columns["value"], final)
    read = np.array([key in final for key in keys], dtype=np.bool_)
    return Ledger(
        keys=keys,
        nodes=tuple(rows.nodes),
        outcome=columns.pop("outcome").astype(np.int8),
        degraded=columns.pop("degraded").astype(np.bool_),
        present=present,
        covered=read[columns["key"]],
        final=final,
        unwritten=unwritten,
        lists=frozenset(rows.lists),
        **columns,
    )


def shown(run: RecordedRun, read: Operation) -> dict[str, tuple[int, ...]]:
    """Return the values that an answered `peek` showed, by key; () for keys without any."""
    values: dict[str, list[int]] = {str(key): [] for key in read.args[0]}
    for key, value in run.workload.sees(read):
        values.setdefault(key, []).append(value)
    return {key: tuple(found) for key, found in values.items()}


def appended_keys(operation: Operation) -> tuple[str, ...]:
    """Return the keys of the lists that an operation appends to."""
    if operation.f == "txn":
        return tuple(key for f, key, _ in operation.args[0] if f == "append")
    return (operation.args[0],) if operation.f == "append" else ()


_COLUMNS = ("id", "key", "value", "call_ns", "return_ns", "outcome", "epoch", "offset", "node", "degraded")


class _Rows:
    """The columns while they grow."""

    def __init__(self) -> None:
        self.columns: dict[str, array[int]] = {name: array("q") for name in _COLUMNS}
        self.keys: dict[str, int] = {}
        self.nodes: dict[str, int] = {}
        self.lists: set[str] = set()
        self._appends: tuple[Any, ...] = tuple(column.append for column in self.columns.values())

    def add(self, operation: Operation, elements: tuple[Element, ...]) -> None:
        """Append a row for each element."""
        self.lists.update(appended_keys(operation))
        node = -1 if operation.node is None else self.nodes.setdefault(operation.node, len(self.nodes))
        row_id, to_key, to_value, call, returned, outcome, epoch, offset, by, degraded = self._appends
        for key, value in elements:
            row_id(operation.id)
            to_key(self.keys.setdefault(key, len(self.keys)))
            to_value(value)
            call(operation.call_ns)
            returned(-1 if operation.return_ns is None else operation.return_ns)
            outcome(_CODES[operation.outcome])
            epoch(-1 if operation.epoch is None else operation.epoch)
            offset(-1 if operation.offset is None else operation.offset)
            by(node)
            degraded(operation.degraded)


def _compare(
    codes: Mapping[str, int],
    key: "NDArray[np.int64]",
    value: "NDArray[np.int64]",
    final: Mapping[str, tuple[int, ...]],
) -> "tuple[NDArray[np.bool_], tuple[Element, ...]]":
    """Return which (key, value) pairs the final state shows, and what it shows beyond them.

    O(n log n), independent of the values' range.
    """
    import numpy as np

    shown_key, shown_value, names = array("q"), array("q"), tuple(final)
    for index, name in enumerate(names):
        shown_key.extend([codes.get(name, len(codes) + index)] * len(final[name]))
        shown_value.extend(final[name])
    values = np.array(shown_value, np.int64)
    distinct, ranks = np.unique(np.concatenate([value, values]), return_inverse=True)
    pairs = np.concatenate([key, np.array(shown_key, np.int64)]) * len(distinct) + ranks
    written, shown_pairs = pairs[: len(key)], pairs[len(key) :]
    label = {codes.get(name, len(codes) + index): name for index, name in enumerate(names)}
    unwritten = tuple(
        (label[shown_key[place]], shown_value[place])
        for place in np.flatnonzero(~np.isin(shown_pairs, written)).tolist()
    )
    present: NDArray[np.bool_] = np.isin(written, shown_pairs)
    return present, unwritten


def _or_none(number: int) -> int | None:
    return None if number < 0 else number
