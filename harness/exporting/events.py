"""A table's calls and returns, in the order in which a recorder would have seen them."""

from collections.abc import Iterator

import numpy as np

from harness.columns.table import CHUNK, Table
from harness.operation import Operation

CALL, RETURN = range(2)


def events(table: Table) -> Iterator[tuple[int, Operation]]:
    """Yield (CALL or RETURN, operation) by time. At one instant by row, so that processes stay sequential.

    O(n log n); at most as many records are held as operations overlap, and some thousands more.
    """
    returned = np.flatnonzero(table.return_ns >= 0)
    rows = np.concatenate((np.arange(len(table)), returned))
    kinds = np.concatenate((np.full(len(table), CALL), np.full(len(returned), RETURN)))
    times = np.concatenate((table.call_ns, table.return_ns[returned]))
    order = np.lexsort((kinds, rows, times))
    rows, kinds = rows[order], kinds[order]
    open_: dict[int, Operation] = {}
    for first in range(0, len(order), CHUNK):
        part, what = rows[first : first + CHUNK], kinds[first : first + CHUNK]
        calls = part[what == CALL]
        open_.update(zip(calls.tolist(), table.at(calls), strict=True))
        for row, kind in zip(part.tolist(), what.tolist(), strict=True):
            operation = open_[row]
            if kind == RETURN or operation.return_ns is None:
                del open_[row]
            yield kind, operation
