"""What lists show to be wrong without any cycle (Kingsbury and Alvaro 2020)."""

from collections.abc import Iterator

import numpy as np

from checkers.transactions.anomalies import Anomaly
from checkers.transactions.cases import cases, elements, pairs, updates
from checkers.transactions.columns import Ints, Mask
from checkers.transactions.dependencies import Case, Cases
from checkers.transactions.groups import Groups
from checkers.transactions.list_views import ListViews, Three
from checkers.transactions.lists import Lists
from checkers.transactions.lookup import ABSENT
from checkers.transactions.spans import spanned
from checkers.transactions.words import Words
from harness.history import FAIL, OK


class ListCases:
    """The cases of one history."""

    def __init__(self, lists: Lists, groups: Groups) -> None:
        self._lists = lists
        self._groups = groups
        self._views = ListViews(lists, groups)
        self._words = Words(lists.txns, lists.owner)

    def cases(self) -> Iterator[Cases]:
        """Yield the anomalies that there are."""
        found = (
            cases(Anomaly.DUPLICATES, self._one_a_key(self._lists.twice), self._duplicate),
            cases(Anomaly.GARBAGE, self._unwritten(), self._garbage),
            cases(Anomaly.INCOMPATIBLE_ORDER, self._one_a_key(self._lists.odd), self._incompatible),
            cases(Anomaly.DIRTY_UPDATE, self._dirty_updates(), self._dirty_update),
            cases(Anomaly.G1A, self._aborted(), self._aborted_read),
            cases(Anomaly.G1B, self._intermediate(), self._intermediate_read),
            cases(Anomaly.INTERNAL, self._contradictions(), self._internal),
            cases(Anomaly.FRACTURED_READ, self._views.fractured(), self._fractured_read),
            cases(Anomaly.LOST_UPDATE, self._lost_updates(), self._lost_update),
            cases(Anomaly.G_CURSOR, self._views.overtaken(), self._overtaken),
        )
        yield from filter(None, found)

    def _one_a_key(self, reads: Ints) -> list[int]:
        """Return one read of each key: how many contradict a read depends on which one is believed."""
        _, first = np.unique(self._lists.txns.key[reads], return_index=True)
        return [int(read) for read in np.sort(reads[first])]

    def _duplicate(self, read: int) -> Case:
        codes = elements(self._lists.txns, read).tolist()
        value = next(code for place, code in enumerate(codes) if code in codes[:place])
        told = self._lists.txns.name(value)
        text = f"{self._read(read)}, with {told} more than once"
        return Case(text=text, micro=(read,))

    def _unwritten(self) -> list[int]:
        """Return reads that show what nobody wrote."""
        lists = self._lists
        keys = np.unique(lists.version_key[lists.writer == ABSENT])
        read, writer = lists.odd_elements
        return self._one_a_key(np.union1d(lists.longest[keys], read[writer == ABSENT]))

    def _garbage(self, read: int) -> Case:
        lists = self._lists
        codes = elements(lists.txns, read)
        writer = lists.written(np.full(len(codes), lists.txns.key[read]), codes)
        value = lists.txns.name(int(codes[writer == ABSENT][0]))
        return Case(text=f"{self._read(read)}, with {value}, which nobody wrote", micro=(read,))

    def _incompatible(self, read: int) -> Case:
        other = int(self._lists.longest[self._lists.txns.key[read]])
        text = f"{self._read(read)}, and {self._read(other)}: neither is how the other one begins"
        return Case(text=text, micro=(read, other))

    def _aborted(self) -> list[tuple[int, int]]:
        """Return aborted appends, each with a read that shows it."""
        lists = self._lists
        seen = np.flatnonzero(lists.failed(lists.writer))
        read, writer = lists.odd_elements
        odd = lists.failed(writer)
        writes = np.concatenate((lists.writer[seen], writer[odd]))
        _, once = np.unique(writes, return_index=True)
        reads = np.concatenate((lists.longest[lists.version_key[seen]], read[odd]))
        return pairs(writes[once], reads[once])

    def _aborted_read(self, pair: tuple[int, int]) -> Case:
        write, read = pair
        text = (
            f"{self._read(read)}, with {self._words.value(write)} of {self._words.name(write)}, which failed"
        )
        return Case(text=text, micro=(read, write))

    def _dirty_updates(self) -> list[tuple[int, int]]:
        """Return aborted appends with the next one after it in the list that happened."""
        lists = self._lists
        aborted = lists.failed(lists.writer) & ~lists.distrusted[lists.version_key]
        bad = np.flatnonzero(aborted)
        place = np.searchsorted(lists.sound, bad, "right")
        bad, place = bad[place < len(lists.sound)], place[place < len(lists.sound)]
        good = lists.sound[place]
        same = lists.version_key[good] == lists.version_key[bad]
        return pairs(lists.writer[bad[same]], lists.writer[good[same]])

    def _dirty_update(self, pair: tuple[int, int]) -> Case:
        bad, good = pair
        read = int(self._lists.longest[self._lists.txns.key[bad]])
        words = self._words
        text = (
            f"{words.name(good)} appended {words.value(good)} to {words.key(good)} on top of {words.value(bad)} "
            f"of {words.name(bad)}, which failed: {self._read(read)}"
        )
        return Case(text=text, micro=(good, bad, read))

    def _intermediate(self) -> list[tuple[int, int]]:
        """Return appends that were not their transactions' last ones, each with a read that ends with it."""
        lists, txns = self._lists, self._lists.txns
        reads = lists.reads[txns.size[lists.reads] > 0]
        write = lists.written(txns.key[reads], txns.elements[txns.start[reads] + txns.size[reads] - 1])
        known = write >= 0
        reads, write = reads[known], write[known]
        last = np.zeros(len(txns.f), np.bool_)
        last[self._groups.last_writes()] = True
        wrong = ~last[write] & (lists.owner[write] != lists.owner[reads]) & (lists.outcome[write] != FAIL)
        return pairs(write[wrong], reads[wrong])

    def _intermediate_read(self, pair: tuple[int, int]) -> Case:
        write, read = pair
        text = (
            f"{self._read(read)}, up to {self._words.value(write)} of {self._words.name(write)}, "
            f"which appended more to it"
        )
        return Case(text=text, micro=(read, write))

    def _contradictions(self) -> list[int]:
        """Return the reads that do not show what their own transactions read and appended before.

        A read must end with the transaction's appends since its last read, and begin with what that showed; the
        first one must not show what is appended later.
        """
        wrong = self._sizes_differ() | self._own_differ() | self._beginnings_differ()
        reads: list[int] = np.union1d(self._groups.micro[wrong], self._views.foreseen).tolist()
        return reads

    @property
    def _judged(self) -> Mask:
        """The positions of reads that something came before."""
        groups = self._groups
        before = (groups.read_before >= 0) | (groups.write_before >= 0)
        judged: Mask = groups.is_read & before & (self._lists.outcome[groups.micro] == OK)
        return judged

    def _since(self, place: Ints) -> Ints:
        """Return how many own appends lie between each position and the last read before it."""
        groups = self._groups
        before = groups.read_before[place]
        return groups.writes[place] - np.where(before >= 0, groups.writes[before], 0)

    def _sizes_differ(self) -> Mask:
        groups, size = self._groups, self._lists.txns.size[self._groups.micro]
        place = np.flatnonzero(self._judged)
        before = groups.read_before[place]
        least = self._since(place) + np.where(before >= 0, size[before], 0)
        wrong = np.where(before >= 0, size[place] != least, size[place] < least)
        return _mask(len(size), place[wrong])

    def _own_differ(self) -> Mask:
        """Compare each own append with what the next own read shows at its place."""
        groups, txns = self._groups, self._lists.txns
        place = np.flatnonzero(self._judged)
        place = place[txns.size[groups.micro[place]] >= self._since(place)]
        since = self._since(place)
        read = np.repeat(place, since)
        before = np.repeat(np.maximum(groups.read_before[place] + 1, groups.first[place]), since)
        nth = spanned(np.zeros(len(since), np.int64), since)
        shown = txns.start[groups.micro[read]] + txns.size[groups.micro[read]] - np.repeat(since, since) + nth
        wrong = txns.elements[shown] != txns.value[groups.micro[before + nth]]
        return _mask(len(groups.micro), read[wrong])

    def _beginnings_differ(self) -> Mask:
        """Compare reads with those before them; only where one of them is odd, for all others begin alike."""
        groups, lists = self._groups, self._lists
        odd = _mask(len(lists.txns.f), lists.odd)[groups.micro]
        place = np.flatnonzero(self._judged & (groups.read_before >= 0))
        place = place[odd[place] | odd[groups.read_before[place]]]
        wrong = []
        for read, before in pairs(groups.micro[place], groups.micro[groups.read_before[place]]):
            earlier = elements(lists.txns, before)
            wrong.append(not np.array_equal(elements(lists.txns, read)[: len(earlier)], earlier))
        return _mask(len(groups.micro), place[np.array(wrong, np.bool_)])

    def _internal(self, read: int) -> Case:
        return Case(text=f"{self._read(read)}, {self._words.own(read, lists=True)}", micro=(read,))

    def _lost_updates(self) -> list[tuple[int, int]]:
        lists = self._lists
        reads = self._groups.external_reads()
        reads = reads[(lists.outcome[reads] == OK) & ~lists.distrusted[lists.txns.key[reads]]]
        reads = np.setdiff1d(reads, self._views.foreseen, assume_unique=True)
        return updates(lists.txns, lists.owner, reads, lists.txns.size[reads])

    def _lost_update(self, pair: tuple[int, int]) -> Case:
        one, other = pair
        text = f"{self._read(one)}, and {self._words.name(other)}, too; both appended to it"
        return Case(text=text, micro=pair)

    def _fractured_read(self, three: Three) -> Case:
        saw, other, write = three
        words = self._words
        text = (
            f"{self._read(saw)}, with what {words.name(write)} appended, and {words.key(other)} as "
            f"{words.list(other)}, without {words.value(write)}, which {words.name(write)} appended, too"
        )
        return Case(text=text, micro=three)

    def _overtaken(self, three: Three) -> Case:
        read, next_, own = three
        words = self._words
        text = (
            f"{self._read(read)}, and appended {words.value(own)} to it after {words.name(next_)} had appended "
            f"{words.value(next_)}"
        )
        return Case(text=text, micro=three)

    def _read(self, read: int) -> str:
        words = self._words
        return f"{words.name(read)} read {words.key(read)} as {words.list(read)}"


def _mask(size: int, places: Ints) -> Mask:
    mask = np.zeros(size, np.bool_)
    mask[places] = True
    return mask
