"""The order of time between transactions: that of each client's calls, and that of real time.

Real time orders n transactions in up to n² pairs. Here it takes 3 n edges: instants are nodes of their own. A
transaction leads to the first instant that matters after its return, instants lead from one to the next, and
each leads to the transactions that were called before the next one. An instant matters if something was
called after a return; returns with no call between them share it.
"""

import numpy as np

from checkers.transactions.columns import NEVER, Ints, Mask, Transactions
from checkers.transactions.dependencies import Edges, Kind
from checkers.transactions.fans import joined
from harness.history import OK


def by_process(txns: Transactions, happened: Mask) -> Edges:
    """Return edges from each client's last acknowledged transaction to its next ones: O(n log n).

    Who waits for no answer may be called again before anything took effect, so a transaction of unknown
    outcome comes after others, and not before.
    """
    rows = np.flatnonzero(happened)
    rows = rows[np.lexsort((txns.call_ns[rows], txns.process[rows]))]
    process, known = txns.process[rows], txns.outcome[rows] == OK
    place = np.arange(len(rows))
    last = np.maximum.accumulate(np.where(known, place, -1)) if len(rows) else place
    before = np.concatenate(([-1], last[:-1])) if len(rows) else place
    after = place[(before >= 0) & (process[before] == process)]
    src, dst = rows[before[after]], rows[after]
    apart = txns.return_ns[src] <= txns.call_ns[dst]
    return joined(len(txns), len(txns), ((Kind.PROCESS, src[apart], dst[apart]),))


def by_realtime(txns: Transactions, happened: Mask, nodes: int) -> Edges:
    """Return the edges of real time, with instants as nodes from `nodes` on: O(n log n).

    Intervals are closed: who returns in the nanosecond in which another is called is concurrent with it.
    """
    rows = np.flatnonzero(happened)
    known = rows[txns.return_ns[rows] != NEVER]
    order = known[np.argsort(txns.return_ns[known])]
    returns = txns.return_ns[order]
    earlier = _counts(returns, txns.call_ns[rows])
    matters = np.zeros(len(order) + 1, np.bool_)
    matters[earlier] = True
    matters[0] = False
    instant = nodes - 1 + np.cumsum(matters)
    """Of each number of returns the last instant up to it."""
    count = int(np.count_nonzero(matters))
    follows = instant[: len(order)] + 1
    """Of each return the first instant after it."""
    leads = follows < nodes + count
    later = earlier > 0
    chain = np.arange(nodes, nodes + count)
    return joined(
        len(txns),
        nodes + count,
        (
            (Kind.REALTIME, order[leads], follows[leads]),
            (Kind.REALTIME, chain[:-1], chain[1:]),
            (Kind.REALTIME, instant[earlier[later]], rows[later]),
        ),
    )


def _counts(returns: Ints, calls: Ints) -> Ints:
    """Return for each call how many returns are earlier: both sorted first, which is kinder to the cache."""
    order = np.argsort(calls)
    counts = np.empty(len(calls), np.int64)
    counts[order] = np.searchsorted(returns, calls[order], "left")
    return counts
