"""Transactions as numpy columns: what the checkers of isolation read, whatever the history came from."""

from array import array
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from harness.history import OUTCOMES
from harness.operation import Outcome

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
Bytes = NDArray[np.uint8]

READ, WRITE = range(2)
"""The codes of micro-operations: a write is an append to a list, or sets a register."""

NIL = -(2**63)
"""The code of nothing: what a register shows that nobody has written."""

NEVER = 2**63 - 1
"""When a transaction returned of which nothing is known: it may take effect at any later time."""

WORDS = {"r": READ, "read": READ, "get": READ, "w": WRITE, "write": WRITE, "put": WRITE, "append": WRITE}
"""What micro-operations are called."""


class Transactions(Struct, frozen=True, kw_only=True):
    """Transactions, one a row, in any order, and their micro-operations in compressed rows.

    Times are nanoseconds from any origin; `return_ns` is NEVER where the outcome is unknown. `outcome` has
    the codes of `harness.history`. Transaction i has the micro-operations from `bounds[i]` to `bounds[i +
    1]`: `f`, the code of a `key` (`keys[code]` is its name), and a `value`: what is written, or what a
    register showed; NIL is nothing. What a list showed are the `size` codes in `elements` from `start` on;
    spans may overlap. What was read counts for transactions that are ok. Codes of values are the values
    themselves if `values` is None, else its indices.

    About 45 bytes a transaction, 41 a micro-operation and 8 an element.
    """

    id: Ints
    process: Ints
    call_ns: Ints
    return_ns: Ints
    outcome: Bytes
    bounds: Ints
    f: Bytes
    key: Ints
    value: Ints
    start: Ints
    size: Ints
    elements: Ints
    keys: Sequence[Any]
    values: Sequence[Any] | None = None

    def __len__(self) -> int:
        return len(self.id)

    @property
    def owner(self) -> Ints:
        """For each micro-operation the row of its transaction."""
        return np.repeat(np.arange(len(self)), np.diff(self.bounds))

    def name(self, code: int) -> Any:
        """Return the value that a code stands for."""
        if code == NIL:
            return None
        return code if self.values is None else self.values[code]

    def shown(self, micro: int) -> list[Any]:
        """Return the list that a read showed."""
        start, size = int(self.start[micro]), int(self.size[micro])
        return [self.name(code) for code in self.elements[start : start + size].tolist()]


class Builder:
    """Collects transactions one by one and makes columns of them; some microseconds a micro-operation."""

    def __init__(self) -> None:
        self._rows: tuple[array[int], ...] = tuple(array("q") for _ in range(5))
        self._micro: tuple[array[int], ...] = tuple(array("q") for _ in range(5))
        self._elements = array("q")
        self._bounds = array("q", [0])
        self._keys: dict[Hashable, int] = {}
        self._values: dict[Hashable, int] = {}

    def add(
        self,
        micro: Iterable[tuple[str, Hashable, Any]],
        *,
        id: int,
        process: int = 0,
        call_ns: int,
        return_ns: int | None = None,
        outcome: Outcome = Outcome.OK,
    ) -> None:
        """Add a transaction of micro-operations (name, key, value); its outcome is unknown without a return.

        What a list showed is a list; None for a read is an empty list, or an empty register. Raises KeyError
        for a name that is none of `WORDS`.
        """
        if outcome is Outcome.OK and return_ns is None:
            outcome = Outcome.INFO
        returned = NEVER if outcome is Outcome.INFO or return_ns is None else return_ns
        code = OUTCOMES.index(outcome)
        for column, number in zip(self._rows, (id, process, call_ns, returned, code), strict=True):
            column.append(number)
        for name, key, value in micro:
            shown = list(value) if isinstance(value, list | tuple) else []
            start = len(self._elements)
            self._elements.extend(self._code(each) for each in shown)
            alone = NIL if value is None or isinstance(value, list | tuple) else self._code(value)
            row = (WORDS[name], self._keys.setdefault(key, len(self._keys)), alone, start, len(shown))
            for column, number in zip(self._micro, row, strict=True):
                column.append(number)
        self._bounds.append(len(self._micro[0]))

    def build(self) -> Transactions:
        """Return what was added."""
        rows = [np.array(column, np.int64) for column in self._rows]
        f, key, value, start, size = (np.array(column, np.int64) for column in self._micro)
        return Transactions(
            id=rows[0],
            process=rows[1],
            call_ns=rows[2],
            return_ns=rows[3],
            outcome=rows[4].astype(np.uint8),
            bounds=np.array(self._bounds, np.int64),
            f=f.astype(np.uint8),
            key=key,
            value=value,
            start=start,
            size=size,
            elements=np.array(self._elements, np.int64),
            keys=tuple(self._keys),
            values=tuple(self._values),
        )

    def _code(self, value: Hashable) -> int:
        return self._values.setdefault(value, len(self._values))
