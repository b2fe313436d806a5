"""Which transactions depend on each other by the lists that they append to and read.

An append that surely happened and that no read shows comes after everything that the longest read shows; so
whoever read it all comes before that append.
"""

from functools import cached_property

import numpy as np

from checkers.transactions.columns import WRITE, Ints
from checkers.transactions.dependencies import Edges, Evidence, Kind
from checkers.transactions.fans import fan, joined
from checkers.transactions.lists import Lists
from checkers.transactions.words import Words


class ListEdges:
    """The dependencies of one history."""

    def __init__(self, lists: Lists) -> None:
        self._lists = lists
        self._words = Words(lists.txns, lists.owner)

    def edges(self) -> Edges:
        """Return the edges: O(micro-operations)."""
        lists, owner, key = self._lists, self._lists.owner, self._lists.txns.key
        writer, version_key = owner[lists.writer[lists.sound]], lists.version_key[lists.sound]
        same = version_key[1:] == version_key[:-1]
        after = np.flatnonzero(same)
        last = np.flatnonzero(~np.append(same, False)) if len(writer) else after
        reads, reader = self._reads, owner[self._reads]
        shown, following = self._neighbours
        has, to_the_end = shown >= 0, following < 0
        ends = fan(
            len(lists.txns),
            (
                (Kind.WW, writer[last], version_key[last]),
                (Kind.RW, reader[to_the_end], key[reads[to_the_end]]),
            ),
            key[lists.unseen],
            owner[lists.unseen],
            len(lists.txns.keys),
        )
        return joined(
            len(lists.txns),
            ends.nodes,
            (
                (Kind.WW, writer[after], writer[after + 1]),
                (Kind.WR, writer[shown[has]], reader[has]),
                (Kind.RW, reader[~to_the_end], writer[following[~to_the_end]]),
                *ends.bundles,
            ),
        )

    def evidence(self, kind: Kind, before: int, after: int) -> Evidence:
        """Return why there is an edge of a kind between two rows: O(their micro-operations)."""
        match kind:
            case Kind.WR:
                return self._of_read(kind, after, before)
            case Kind.RW:
                return self._of_read(kind, before, after)
        return self._of_writes(before, after)

    @cached_property
    def _reads(self) -> Ints:
        return self._lists.reads[~self._lists.distrusted[self._lists.txns.key[self._lists.reads]]]

    @cached_property
    def _neighbours(self) -> tuple[Ints, Ints]:
        return self._lists.neighbours(self._reads, self._lists.txns.size[self._reads])

    def _micro(self, row: int) -> range:
        bounds = self._lists.txns.bounds
        return range(int(bounds[row]), int(bounds[row + 1]))

    def _is_unseen(self, micro: int) -> bool:
        unseen = self._lists.unseen
        place = int(np.searchsorted(unseen, micro))
        return place < len(unseen) and int(unseen[place]) == micro

    def _of_writes(self, before: int, after: int) -> Evidence:
        lists, key = self._lists, self._lists.txns.key
        for one in self._micro(before):
            place = int(lists.place[one])
            if place < 0:
                continue
            witness = int(lists.longest[key[one]])
            is_last = place + 1 == len(lists.sound) or lists.version_key[lists.sound[place + 1]] != key[one]
            if not is_last:
                other = int(lists.writer[lists.sound[place + 1]])
                if int(lists.owner[other]) == after:
                    text = self._words.appended_after(one, other, witness)
                    return Evidence(before=one, after=other, witness=witness, text=text)
                continue
            for other in self._micro(after):
                if key[other] == key[one] and self._is_unseen(other):
                    text = self._words.appended_unseen(one, other, witness)
                    return Evidence(before=one, after=other, witness=witness, text=text)
        raise AssertionError(f"row {before} wrote nothing right before row {after}")

    def _of_read(self, kind: Kind, reader: int, writer: int) -> Evidence:
        """Return why a reader comes after a writer (WR) or before it (RW)."""
        lists, key = self._lists, self._lists.txns.key
        for read in self._micro(reader):
            at = int(np.searchsorted(self._reads, read))
            if at == len(self._reads) or int(self._reads[at]) != read:
                continue
            place = int(self._neighbours[0 if kind is Kind.WR else 1][at])
            write = int(lists.writer[lists.sound[place]]) if place >= 0 else -1
            if write >= 0 and int(lists.owner[write]) == writer:
                if kind is Kind.WR:
                    text = self._words.was_read(write, read)
                    return Evidence(before=write, after=read, text=text)
                witness = int(lists.longest[key[read]])
                text = self._words.was_missed(read, write, witness)
                return Evidence(before=read, after=write, witness=witness, text=text)
            if kind is Kind.RW and place < 0:
                for other in self._micro(writer):
                    if lists.txns.f[other] == WRITE and key[other] == key[read] and self._is_unseen(other):
                        text = self._words.was_missed_by_all(read, other)
                        return Evidence(before=read, after=other, text=text)
        raise AssertionError(f"row {reader} did not read next to what row {writer} wrote")
