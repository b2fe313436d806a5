"""Who wrote this value under this key? Answered for whole columns at once."""

import numpy as np

from checkers.transactions.columns import Ints, Mask

ABSENT = -1
"""The answer for what nobody wrote."""

_SPARE = 4
"""A direct table may have so many places for each entry; sparser values are looked up by sorting."""


class Lookup:
    """Entries by (key, value). Values may be any 64-bit numbers; small ones cost O(1) each, others O(log n)."""

    def __init__(self, key: Ints, value: Ints) -> None:
        low = int(value.min()) if len(value) else 0
        span = int(value.max()) - low + 1 if len(value) else 1
        keys = int(key.max()) + 1 if len(key) else 1
        self._low, self._span, self._keys = low, span, keys
        self._distinct: Ints | None = None
        if span * keys > 2**62:
            self._distinct = np.unique(value)
            self._span = len(self._distinct)
        codes = self._codes(key, value)
        size = self._span * keys
        self._table: Ints | None = None
        if size <= _SPARE * len(key) + 1024:
            self._table = np.full(size, ABSENT, np.int64)
            self._table[codes] = np.arange(len(codes))
            self.repeated = np.bincount(codes, minlength=size)[codes] > 1
            return
        self._order = np.argsort(codes, kind="stable")
        self._sorted = codes[self._order]
        alike = np.zeros(len(codes) + 1, np.bool_)
        alike[1:-1] = self._sorted[1:] == self._sorted[:-1]
        self.repeated = np.zeros(len(codes), np.bool_)
        self.repeated[self._order] = alike[1:] | alike[:-1]

    repeated: Mask
    """Which entries are not the only ones of their key and value."""

    def find(self, key: Ints, value: Ints) -> Ints:
        """Return an entry for each key and value, ABSENT where there is none."""
        inside = (key >= 0) & (key < self._keys)
        if self._distinct is None:
            inside &= (value >= self._low) & (value <= self._low + (self._span - 1))
        elif len(self._distinct):
            place = np.minimum(np.searchsorted(self._distinct, value), len(self._distinct) - 1)
            inside &= self._distinct[place] == value
        found = np.full(len(key), ABSENT, np.int64)
        rows = slice(None) if inside.all() else np.flatnonzero(inside)
        codes = self._codes(key[rows], value[rows])
        if self._table is not None:
            found[rows] = self._table[codes]
        elif len(self._sorted):
            place = np.minimum(np.searchsorted(self._sorted, codes), len(self._sorted) - 1)
            found[rows] = np.where(self._sorted[place] == codes, self._order[place], ABSENT)
        return found

    def _codes(self, key: Ints, value: Ints) -> Ints:
        within = value - self._low if self._distinct is None else np.searchsorted(self._distinct, value)
        return key * self._span + within
