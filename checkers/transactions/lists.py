"""Lists that are appended to: a read shows the whole order of what came before it (Kingsbury and Alvaro 2020).

Values are unique under their key, so the longest read of a key tells the order of its versions, and any other
read must show a beginning of that. Then it is known who wrote, who read and who overwrote each version.
"""

from functools import cached_property

import numpy as np

from checkers.transactions.columns import READ, WRITE, Ints, Mask, Transactions
from checkers.transactions.lookup import ABSENT, Lookup
from checkers.transactions.spans import spanned
from harness.history import FAIL, INFO, OK

_CHUNK = 1 << 20
"""How many elements are compared at once."""


class Lists:
    """The versions of every key. O(micro-operations × log + elements), some 100 bytes a micro-operation.

    `longest[key]` is a read of a key that shows most of it, ABSENT if nobody read it. What it shows are
    `length[key]` versions, which are numbered from `base[key]` on over all keys. `writer` has the
    micro-operation that appended each version, ABSENT where nobody did. `odd` are reads that show no
    beginning of that.
    """

    def __init__(self, txns: Transactions) -> None:
        self.txns = txns
        self.owner = txns.owner
        self.outcome = txns.outcome[self.owner]
        self.writes = np.flatnonzero(txns.f == WRITE)
        self.reads = np.flatnonzero((txns.f == READ) & (self.outcome == OK))
        self._lookup = Lookup(txns.key[self.writes], txns.value[self.writes])
        key, size, keys = txns.key[self.reads], txns.size[self.reads], len(txns.keys)
        self.length = np.zeros(keys, np.int64)
        np.maximum.at(self.length, key, size)
        self.longest = np.full(keys, ABSENT, np.int64)
        most = size == self.length[key]
        self.longest[key[most]] = self.reads[most]
        self.base = np.cumsum(self.length) - self.length
        shown = np.flatnonzero(self.longest != ABSENT)
        self._version = txns.elements[spanned(txns.start[self.longest[shown]], self.length[shown])]
        self.version_key = np.repeat(np.arange(keys), self.length)
        self.writer = self.written(self.version_key, self._version)
        self.odd = self._odd()

    def written(self, key: Ints, value: Ints) -> Ints:
        """Return the micro-operation that wrote each value under its key, ABSENT where none did."""
        found = self._lookup.find(key, value)
        return np.where(found >= 0, self.writes[found], ABSENT) if len(self.writes) else found

    @property
    def ambiguous(self) -> Ints:
        """The appends of values that were appended to their key more than once."""
        return self.writes[self._lookup.repeated]

    @cached_property
    def twice(self) -> Ints:
        """The reads that show an element twice: of those that show most of their keys, and of the odd ones."""
        some = np.unique(np.concatenate((self.longest[self.longest != ABSENT], self.odd)))
        size = self.txns.size[some]
        which = np.repeat(np.arange(len(some)), size)
        shown = Lookup(which, self.txns.elements[spanned(self.txns.start[some], size)])
        return some[np.unique(which[shown.repeated])]

    @cached_property
    def distrusted(self) -> Mask:
        """The keys of which nothing is concluded: their reads contradict each other, or their writes are alike."""
        distrusted = np.zeros(len(self.txns.keys), np.bool_)
        for micro in (self.odd, self.twice, self.ambiguous):
            distrusted[self.txns.key[micro]] = True
        return distrusted

    @cached_property
    def odd_elements(self) -> tuple[Ints, Ints]:
        """For each element of the odd reads the read, and who wrote the element."""
        size = self.txns.size[self.odd]
        read, place = np.repeat(self.odd, size), spanned(self.txns.start[self.odd], size)
        return read, self.written(self.txns.key[read], self.txns.elements[place])

    @cached_property
    def happened(self) -> Mask:
        """Which transactions surely happened: acknowledged, or an acknowledged one read what they wrote."""
        happened: Mask = self.txns.outcome == OK
        seen = np.concatenate((self.writer, self.odd_elements[1]))
        writers = self.owner[seen[seen >= 0]]
        happened[writers[self.txns.outcome[writers] == INFO]] = True
        return happened

    def failed(self, writer: Ints) -> Mask:
        """Tell which writing micro-operations are of transactions that failed."""
        failed = writer >= 0
        failed[failed] = self.outcome[writer[failed]] == FAIL
        return failed

    @cached_property
    def sound(self) -> Ints:
        """The versions of trusted keys whose writers are known and happened, in their order."""
        sound = self.writer >= 0
        sound[sound] = self.happened[self.owner[self.writer[sound]]]
        return np.flatnonzero(sound & ~self.distrusted[self.version_key])

    @cached_property
    def unseen(self) -> Ints:
        """The appends to trusted keys that happened and that no read shows: they come after all that one shows.

        Only of keys that somebody read.
        """
        seen = np.zeros(len(self.txns.f), np.bool_)
        seen[self.writer[self.writer >= 0]] = True
        key = self.txns.key[self.writes]
        unseen = self.happened[self.owner[self.writes]] & ~seen[self.writes]
        writes: Ints = self.writes[unseen & ~self.distrusted[key] & (self.longest[key] != ABSENT)]
        return writes

    @cached_property
    def place(self) -> Ints:
        """For each micro-operation the sound version that it wrote: its place among these, -1 if none."""
        place = np.full(len(self.txns.f), -1, np.int64)
        place[self.writer[self.sound]] = np.arange(len(self.sound))
        return place

    def neighbours(self, reads: Ints, size: Ints) -> tuple[Ints, Ints]:
        """Return for reads of so many elements which sound version each showed last, and which follows; or -1."""
        sound = np.zeros(len(self.writer), np.bool_)
        sound[self.sound] = True
        upto = np.concatenate(([0], np.cumsum(sound)))
        key = self.txns.key[reads]
        begin = self.base[key]
        count = upto[begin + size]
        shown = np.where(count > upto[begin], count - 1, -1)
        following = np.where(upto[begin + self.length[key]] > count, count, -1)
        return shown, following

    def _odd(self) -> Ints:
        """Compare all reads with the longest of their keys, some at a time."""
        txns = self.txns
        ends = np.cumsum(txns.size[self.reads])
        odd, first = np.zeros(len(self.reads), np.bool_), 0
        while first < len(self.reads):
            before = int(ends[first - 1]) if first else 0
            last = max(first + 1, int(np.searchsorted(ends, before + _CHUNK)))
            some = self.reads[first:last]
            shown = txns.elements[spanned(txns.start[some], txns.size[some])]
            expected = self._version[spanned(self.base[txns.key[some]], txns.size[some])]
            wrong = np.flatnonzero(shown != expected)
            odd[first + np.searchsorted(ends[first:last] - before, wrong, "right")] = True
            first = last
        return self.reads[odd]
