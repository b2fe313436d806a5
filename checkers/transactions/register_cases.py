"""What registers show to be wrong without any cycle (Kingsbury and Alvaro 2020)."""

from collections.abc import Iterator

import numpy as np

from checkers.transactions.anomalies import Anomaly
from checkers.transactions.cases import cases, pairs, updates
from checkers.transactions.columns import NIL, Ints
from checkers.transactions.dependencies import Case, Cases
from checkers.transactions.lookup import ABSENT
from checkers.transactions.registers import Registers
from checkers.transactions.views import candidates
from checkers.transactions.words import Words
from harness.history import FAIL, OK


class RegisterCases:
    """The cases of one history."""

    def __init__(self, registers: Registers) -> None:
        self._registers = registers
        self._words = Words(registers.txns, registers.owner)

    def cases(self) -> Iterator[Cases]:
        """Yield the anomalies that there are; those last that take the order of versions, which may be refused."""
        found = (
            cases(Anomaly.GARBAGE, self._unwritten(), self._garbage),
            cases(Anomaly.G1A, self._aborted(), self._aborted_read),
            cases(Anomaly.G1B, self._intermediate(), self._intermediate_read),
            cases(Anomaly.INTERNAL, self._contradictions(), self._internal),
            cases(Anomaly.LOST_UPDATE, self._lost_updates(), self._lost_update),
        )
        yield from filter(None, found)
        ordered = (
            cases(Anomaly.CYCLIC_VERSIONS, self._disordered(), self._cyclic),
            cases(Anomaly.FRACTURED_READ, self._fractures(), self._fractured_read),
        )
        yield from filter(None, ordered)

    def _unwritten(self) -> list[int]:
        reads = self._registers.reads
        unwritten: list[int] = reads[self._registers.shown[reads] == ABSENT].tolist()
        return unwritten

    def _garbage(self, read: int) -> Case:
        return Case(text=f"{self._read(read)}, which nobody wrote", micro=(read,))

    def _disordered(self) -> list[tuple[int, ...]]:
        """Return the versions that come before each other, by component."""
        order = self._registers.order
        by_label: dict[int, list[int]] = {}
        for version in order.cyclic.tolist():
            by_label.setdefault(int(order.label[version]), []).append(version)
        return [tuple(versions) for versions in by_label.values()]

    def _cyclic(self, versions: tuple[int, ...]) -> Case:
        """Tell of versions, the one before all writes last."""
        writes = tuple(each for each in versions if each < len(self._registers.txns.f))
        values = [*(self._words.value(each) for each in writes), *("nil" for _ in versions[len(writes) :])]
        text = f"the versions {', '.join(values)} of {self._words.key(writes[0])} come before each other"
        return Case(text=text, micro=writes)

    def _aborted(self) -> list[tuple[int, int]]:
        reads = self._registers.reads
        shown = self._registers.shown[reads]
        failed = self._registers.failed(shown)
        return pairs(shown[failed], reads[failed])

    def _aborted_read(self, pair: tuple[int, int]) -> Case:
        write, read = pair
        return Case(
            text=f"{self._read(read)} of {self._words.name(write)}, which failed", micro=(read, write)
        )

    def _intermediate(self) -> list[tuple[int, int]]:
        registers = self._registers
        reads = registers.reads
        shown = registers.shown[reads]
        real = (shown >= 0) & (shown < len(registers.txns.f))
        reads, shown = reads[real], shown[real]
        wrong = ~registers.is_last[shown] & (registers.owner[shown] != registers.owner[reads])
        wrong &= registers.outcome[shown] != FAIL
        return pairs(shown[wrong], reads[wrong])

    def _intermediate_read(self, pair: tuple[int, int]) -> Case:
        write, read = pair
        text = f"{self._read(read)} of {self._words.name(write)}, which overwrote it itself"
        return Case(text=text, micro=(read, write))

    def _contradictions(self) -> list[int]:
        """Return the reads that differ from what their own transactions last read or wrote, or foresee it."""
        groups, txns = self._registers.groups, self._registers.txns
        place = np.arange(len(groups.micro))
        judged = groups.is_read & (groups.first < place) & (self._registers.outcome[groups.micro] == OK)
        read = np.flatnonzero(judged)
        wrong = txns.value[groups.micro[read]] != txns.value[groups.micro[read - 1]]
        reads: list[int] = np.union1d(groups.micro[read[wrong]], self._foreseen()).tolist()
        return reads

    def _foreseen(self) -> Ints:
        """Return the first reads that show what their own transactions wrote only later."""
        registers = self._registers
        reads = registers.groups.external_reads()
        reads = reads[registers.outcome[reads] == OK]
        shown = registers.shown[reads]
        own = (shown >= 0) & (shown < len(registers.txns.f))
        own[own] = registers.owner[shown[own]] == registers.owner[reads[own]]
        foreseen: Ints = reads[own]
        return foreseen

    def _internal(self, read: int) -> Case:
        return Case(text=f"{self._read(read)}, {self._words.own(read, lists=False)}", micro=(read,))

    def _fractures(self) -> list[tuple[int, int, int]]:
        """Return, for each transaction and whom it saw in part, two reads and the write that the second missed.

        That it missed it is known where its version is known to come right before what was written.
        """
        registers, count = self._registers, len(self._registers.txns.f)
        access, owner = registers.access, registers.owner
        told = access.shown >= 0
        reads, version, row = access.read[told], access.shown[told], access.row[told]
        real = version < count
        real[real] = owner[version[real]] != row[real]
        found = candidates(
            registers.txns,
            owner,
            saw=reads[real],
            seen=owner[version[real]],
            reads=reads,
            writes=access.write[access.write >= 0],
        )
        size = count + len(registers.txns.keys)
        earlier = registers.shown[found.other] * size + found.write
        missed = np.isin(earlier, registers.order.earlier * size + registers.order.later)
        saw, other, write = found.saw[missed], found.other[missed], found.write[missed]
        _, once = np.unique(owner[saw] * len(registers.txns) + owner[write], return_index=True)
        those = (column[once].tolist() for column in (saw, other, write))
        return list(zip(*those, strict=True))

    def _fractured_read(self, three: tuple[int, int, int]) -> Case:
        saw, other, write = three
        words = self._words
        text = (
            f"{self._read(saw)}, which {words.name(write)} wrote, and {words.key(other)} as "
            f"{words.value(other)}, before {words.name(write)} wrote {words.value(write)}"
        )
        return Case(text=text, micro=three)

    def _lost_updates(self) -> list[tuple[int, int]]:
        registers = self._registers
        reads = registers.groups.external_reads()
        known = (registers.outcome[reads] == OK) & (registers.shown[reads] != ABSENT)
        reads = reads[known & ~registers.distrusted[registers.txns.key[reads]]]
        reads = np.setdiff1d(reads, self._foreseen(), assume_unique=True)
        return updates(registers.txns, registers.owner, reads, registers.shown[reads])

    def _lost_update(self, pair: tuple[int, int]) -> Case:
        one, other = pair
        return Case(
            text=f"{self._read(one)}, and {self._words.name(other)}, too; both overwrote it", micro=pair
        )

    def _read(self, read: int) -> str:
        words = self._words
        nothing = self._registers.txns.value[read] == NIL
        return f"{words.name(read)} read {words.key(read)} as {'nil' if nothing else words.value(read)}"
