"""Which transactions depend on each other by the registers that they write and read."""

import numpy as np

from checkers.transactions.columns import Ints
from checkers.transactions.dependencies import Edges, Evidence, Kind
from checkers.transactions.fans import fan, joined
from checkers.transactions.registers import Registers
from checkers.transactions.words import Words


class RegisterEdges:
    """The dependencies of one history."""

    def __init__(self, registers: Registers) -> None:
        self._registers = registers
        self._words = Words(registers.txns, registers.owner)

    def edges(self) -> Edges:
        """Return the edges: O(micro-operations × log).

        Whoever wrote or read a version comes before whoever wrote a later one.
        """
        registers, owner = self._registers, self._registers.owner
        txns, access, count = registers.txns, registers.access, len(registers.txns.f)
        written = access.write[access.write >= 0]
        reads, version = access.row[access.shown >= 0], access.shown[access.shown >= 0]
        real = version < count
        after = fan(
            len(txns),
            ((Kind.WW, owner[written], written), (Kind.RW, reads, version)),
            registers.order.earlier,
            owner[registers.order.later],
            count + len(txns.keys),
        )
        return joined(
            len(txns),
            after.nodes,
            ((Kind.WR, owner[version[real]], reads[real]), *after.bundles),
        )

    def evidence(self, kind: Kind, before: int, after: int) -> Evidence:
        """Return why there is an edge of a kind between two rows: O(accesses and pairs of versions)."""
        access = self._registers.access
        count = len(self._registers.txns.f)
        reader = after if kind is Kind.WR else before
        mine = access.row == reader
        if kind is Kind.WR:
            seen = mine & (access.shown >= 0) & (access.shown < count)
            place = np.flatnonzero(seen)[self._registers.owner[access.shown[seen]] == before][0]
            write, read = int(access.shown[place]), int(access.read[place])
            return Evidence(before=write, after=read, text=self._words.was_read(write, read))
        versions = access.write[mine] if kind is Kind.WW else access.shown[mine]
        pair = self._pair(versions[versions >= 0], after)
        order = self._registers.order
        earlier, later = int(order.earlier[pair]), int(order.later[pair])
        one, other = order.because[:, pair].tolist()
        why = self._words.order(earlier, later, one, other, nil=earlier >= count)
        if kind is Kind.WW:
            return Evidence(before=earlier, after=later, witness=one, text=why)
        read = int(access.read[np.flatnonzero(mine & (access.shown == earlier))[0]])
        text = f"{self._words.overwritten(read, later)}: {why}"
        return Evidence(before=read, after=later, witness=one, text=text)

    def _pair(self, versions: Ints, row: int) -> int:
        """Return the place of a pair of one of these versions and a later one by a row."""
        order = self._registers.order
        later = np.flatnonzero(np.isin(order.earlier, versions))
        return int(later[self._registers.owner[order.later[later]] == row][0])
