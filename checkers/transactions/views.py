"""What transactions saw of each other: one of two writes, and not the other.

Reads are atomic if whoever sees one write of a transaction sees all of them, or later ones (Bailis and others,
2014; Cerone, Bernardi and Gotsman, 2015). They are where there is no fractured read, no cycle of write and read
dependencies, and no read that contradicts its own transaction: each then sees those that it has read from.
"""

import numpy as np
from msgspec import Struct

from checkers.transactions.columns import Ints, Transactions
from checkers.transactions.spans import spanned


class Fractures(Struct, frozen=True, kw_only=True):
    """Candidates: a read `saw` a write of another transaction, whose `write` to another key `other` may miss."""

    saw: Ints
    other: Ints
    write: Ints


def candidates(
    txns: Transactions, owner: Ints, *, saw: Ints, seen: Ints, reads: Ints, writes: Ints
) -> Fractures:
    """Return all writes of whom a transaction has seen to other keys that it read.

    `saw` are reads that show a write of the transactions `seen`; `reads` are the first ones of each transaction
    and key, `writes` the last ones. O(n log n), n being all writes of those that were seen, each time.
    """
    keys, rows = max(1, len(txns.keys)), len(txns)
    writes = writes[np.argsort(owner[writes], kind="stable")]
    count = np.bincount(owner[writes], minlength=rows)
    several = (count[seen] > 1) & (np.bincount(owner[reads], minlength=rows)[owner[saw]] > 1)
    saw, seen = saw[several], seen[several]
    first = np.cumsum(count) - count
    write = writes[spanned(first[seen], count[seen])]
    saw = np.repeat(saw, count[seen])
    read_at = owner[reads] * keys + txns.key[reads]
    order = np.argsort(read_at, kind="stable")
    read_at = read_at[order]
    wanted = owner[saw] * keys + txns.key[write]
    place = np.minimum(np.searchsorted(read_at, wanted), len(read_at) - 1)
    found = (txns.key[write] != txns.key[saw]) & (read_at[place] == wanted) if len(read_at) else place < 0
    return Fractures(saw=saw[found], other=reads[order[place[found]]], write=write[found])
