"""What micro-operations of one transaction on one key have to do with each other.

Sorted by transaction, key and place, the micro-operations of a group are neighbours, and each question
("which own write came before this read?", "is this the last write?") is a shift or a running maximum.
"""

import numpy as np
from msgspec import Struct

from checkers.transactions.columns import READ, Ints, Mask, Transactions


class Groups(Struct, frozen=True, kw_only=True):
    """The micro-operations on each key in each transaction; position i is that of `micro[i]`.

    `first` is the first position of its group. `read_before` and `write_before` are the positions of the last
    read and the last write before it in its group, -1 where there is none; `writes` counts the writes before
    it.
    """

    micro: Ints
    first: Ints
    is_read: Mask
    read_before: Ints
    write_before: Ints
    writes: Ints

    def last_writes(self) -> Ints:
        """Return the micro-operations that are the last write of their group."""
        places = np.flatnonzero(~self.is_read)
        last = np.full(len(self.micro), -1, np.int64)
        last[self.first[places]] = places  # of several the last one counts
        return self.micro[last[last >= 0]]

    def first_reads(self) -> Ints:
        """Return the micro-operations that are the first read of their group."""
        return self.micro[self.is_read & (self.read_before < 0)]

    def external_reads(self) -> Ints:
        """Return the micro-operations that read before anything else was done with the key."""
        return self.micro[self.is_read & (self.read_before < 0) & (self.write_before < 0)]

    def own_writes(self) -> Ints:
        """Return for each micro-operation how many writes of its group come before it."""
        count = np.empty(len(self.micro), np.int64)
        count[self.micro] = self.writes
        return count

    def leader(self) -> Ints:
        """Return for each micro-operation the first position of its group."""
        first = np.empty(len(self.micro), np.int64)
        first[self.micro] = self.first
        return first


def groups(txns: Transactions, owner: Ints) -> Groups:
    """Return the groups of all micro-operations: O(n log n), little more than O(n) as they mostly come."""
    group = owner * max(1, len(txns.keys)) + txns.key
    micro = np.argsort(group, kind="stable")
    group = group[micro]
    place = np.arange(len(micro))
    new = np.ones(len(micro), np.bool_)
    new[1:] = group[1:] != group[:-1]
    first = np.maximum.accumulate(np.where(new, place, 0)) if len(micro) else place
    is_read = txns.f[micro] == READ
    writes = np.concatenate(([0], np.cumsum(~is_read)))
    return Groups(
        micro=micro,
        first=first,
        is_read=is_read,
        read_before=_last_before(is_read, first, place),
        write_before=_last_before(~is_read, first, place),
        writes=writes[:-1] - writes[first],
    )


def _last_before(mask: Mask, first: Ints, place: Ints) -> Ints:
    if not len(place):
        return place
    last = np.maximum.accumulate(np.where(mask, place, -1))
    before = np.concatenate(([-1], last[:-1]))
    return np.where(before >= first, before, -1)
