"""What transactions on lists saw and missed of each other, where no search of cycles is needed to tell."""

from functools import cached_property

import numpy as np

from checkers.transactions.cases import pairs
from checkers.transactions.columns import Ints, Mask
from checkers.transactions.groups import Groups
from checkers.transactions.lists import Lists
from checkers.transactions.views import candidates
from harness.history import OK

Three = tuple[int, int, int]


class ListViews:
    """Fractured reads and updates of what somebody else had updated."""

    def __init__(self, lists: Lists, groups: Groups) -> None:
        self._lists = lists
        self._groups = groups

    @cached_property
    def foreseen(self) -> Ints:
        """The reads that show what their own transactions appended only later, each the first one of its key."""
        lists, leader = self._lists, self._groups.leader()
        place = np.full(len(leader), len(lists.writer), np.int64)
        seen = np.flatnonzero(lists.writer >= 0)
        np.minimum.at(place, leader[lists.writer[seen]], seen - lists.base[lists.version_key[seen]])
        reads = self._groups.external_reads()
        reads = reads[lists.outcome[reads] == OK]
        in_order = np.setdiff1d(reads, lists.odd, assume_unique=True)
        odd, writer = lists.odd_elements
        own = (writer >= 0) & (lists.owner[writer] == lists.owner[odd])
        return np.union1d(
            in_order[place[leader[in_order]] < lists.txns.size[in_order]], np.intersect1d(reads, odd[own])
        )

    def fractured(self) -> list[Three]:
        """Return, for each transaction and whom it saw in part, a read of that, one that missed it, and what."""
        lists = self._lists
        reads = self._reads
        shown = self._shown[reads]
        saw, shown = reads[shown >= 0], shown[shown >= 0]
        seen = lists.owner[lists.writer[lists.sound[shown]]]
        apart = seen != lists.owner[saw]
        found = candidates(
            lists.txns,
            lists.owner,
            saw=saw[apart],
            seen=seen[apart],
            reads=self._trusted(self._groups.first_reads()),
            writes=self._groups.last_writes(),
        )
        following = self._following[found.other]
        missed = self._place[found.write] >= following
        missed &= ~self._is_own(following, found.other)
        saw, other, write = found.saw[missed], found.other[missed], found.write[missed]
        rows = len(lists.txns)
        _, once = np.unique(lists.owner[saw] * rows + lists.owner[write], return_index=True)
        return _threes(saw[once], other[once], write[once])

    def overtaken(self) -> list[Three]:
        """Return, for each transaction and key, a read, what another one appended next, and a later own append."""
        lists, leader = self._lists, self._groups.leader()
        last = np.full(len(leader), -1, np.int64)
        writes = self._groups.last_writes()
        last[leader[writes]] = writes
        reads = self._reads
        own = last[leader[reads]]
        following = self._following[reads]
        late = (own >= 0) & (following < len(lists.sound)) & ~self._is_own(following, reads)
        late[late] = self._place[own[late]] > following[late]
        reads, own, following = reads[late], own[late], following[late]
        _, once = np.unique(own, return_index=True)
        return _threes(reads[once], lists.writer[lists.sound[following[once]]], own[once])

    @cached_property
    def _reads(self) -> Ints:
        return self._trusted(self._lists.reads)

    def _trusted(self, reads: Ints) -> Ints:
        lists = self._lists
        trusted: Ints = reads[(lists.outcome[reads] == OK) & ~lists.distrusted[lists.txns.key[reads]]]
        return trusted

    @cached_property
    def _neighbours(self) -> tuple[Ints, Ints]:
        """For each micro-operation that is such a read what `Lists.neighbours` tells, own appends left out.

        What follows the last version is an append that nobody saw.
        """
        lists, reads = self._lists, self._reads
        size = np.maximum(lists.txns.size[reads] - self._groups.own_writes()[reads], 0)
        shown, following = np.full((2, len(lists.txns.f)), -1, np.int64)
        shown[reads], following[reads] = lists.neighbours(reads, size)
        return shown, np.where(following < 0, len(lists.sound), following)

    @property
    def _shown(self) -> Ints:
        return self._neighbours[0]

    @property
    def _following(self) -> Ints:
        return self._neighbours[1]

    @cached_property
    def _place(self) -> Ints:
        """For each micro-operation the place of what it appended; appends that nobody saw come last."""
        place = self._lists.place.copy()
        place[self._lists.unseen] = len(self._lists.sound)
        return place

    def _is_own(self, version: Ints, reads: Ints) -> Mask:
        """Tell which versions are of the transactions that read."""
        lists = self._lists
        own: Mask = version < len(lists.sound)
        own[own] = lists.owner[lists.writer[lists.sound[version[own]]]] == lists.owner[reads[own]]
        return own


def _threes(first: Ints, second: Ints, third: Ints) -> list[Three]:
    return [(one, two, three) for (one, two), three in zip(pairs(first, second), third.tolist(), strict=True)]
