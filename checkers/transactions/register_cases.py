"""What registers show to be wrong without any cycle (Kingsbury and Alvaro 2020)."""

from collections.abc import Iterator

import numpy as np

from checkers.transactions.anomalies import Anomaly
from checkers.transactions.cases import cases, pairs, updates
from checkers.transactions.columns import NIL
from checkers.transactions.dependencies import Case, Cases
from checkers.transactions.lookup import ABSENT
from checkers.transactions.registers import Registers
from checkers.transactions.words import Words
from harness.history import FAIL, OK


class RegisterCases:
    """The cases of one history."""

    def __init__(self, registers: Registers) -> None:
        self._registers = registers
        self._words = Words(registers.txns, registers.owner)

    def cases(self) -> Iterator[Cases]:
        """Yield the anomalies that there are."""
        found = (
            cases(Anomaly.GARBAGE, self._unwritten(), self._garbage),
            cases(Anomaly.CYCLIC_VERSIONS, self._disordered(), self._cyclic),
            cases(Anomaly.G1A, self._aborted(), self._aborted_read),
            cases(Anomaly.G1B, self._intermediate(), self._intermediate_read),
            cases(Anomaly.INTERNAL, self._contradictions(), self._internal),
            cases(Anomaly.LOST_UPDATE, self._lost_updates(), self._lost_update),
        )
        yield from filter(None, found)

    def _unwritten(self) -> list[int]:
        reads = self._registers.reads
        unwritten: list[int] = reads[self._registers.shown[reads] == ABSENT].tolist()
        return unwritten

    def _garbage(self, read: int) -> Case:
        return Case(text=f"{self._read(read)}, which nobody wrote", micro=(read,))

    def _disordered(self) -> list[tuple[int, ...]]:
        """Return the versions that come before each other, by component."""
        registers = self._registers
        by_label: dict[int, list[int]] = {}
        for version in registers.cyclic.tolist():
            by_label.setdefault(int(registers.label[version]), []).append(version)
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
        """Return the reads that differ from what their own transactions last read or wrote."""
        groups, txns = self._registers.groups, self._registers.txns
        place = np.arange(len(groups.micro))
        judged = groups.is_read & (groups.first < place) & (self._registers.outcome[groups.micro] == OK)
        read = np.flatnonzero(judged)
        wrong = txns.value[groups.micro[read]] != txns.value[groups.micro[read - 1]]
        reads: list[int] = np.sort(groups.micro[read[wrong]]).tolist()
        return reads

    def _internal(self, read: int) -> Case:
        before = self._words.before(read, lists=False)
        return Case(text=f"{self._read(read)}, having done before: {before}", micro=(read,))

    def _lost_updates(self) -> list[tuple[int, int]]:
        registers = self._registers
        reads = registers.groups.external_reads()
        known = (registers.outcome[reads] == OK) & (registers.shown[reads] != ABSENT)
        reads = reads[known & ~registers.distrusted[registers.txns.key[reads]]]
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
