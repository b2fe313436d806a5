"""How transactions and their micro-operations are told, the same everywhere."""

from collections.abc import Sequence
from typing import Any

from checkers.transactions.columns import READ, Ints, Transactions

SHOWN = 12
"""How many elements of a list are written out; of a longer one the last."""


class Words:
    """The words of one history."""

    def __init__(self, txns: Transactions, owner: Ints) -> None:
        self._txns = txns
        self._owner = owner

    def name(self, micro: int) -> str:
        """Return what the transaction of a micro-operation is called."""
        return self.transaction(int(self._owner[micro]))

    def transaction(self, row: int) -> str:
        """Return what a transaction is called: T and its id."""
        return f"T{self._txns.id[row]}"

    def key(self, micro: int) -> str:
        """Return the key of a micro-operation."""
        return str(self._txns.keys[int(self._txns.key[micro])])

    def value(self, micro: int) -> str:
        """Return what a micro-operation wrote, or a register showed."""
        return _shown(self._txns.name(int(self._txns.value[micro])))

    def list(self, micro: int) -> str:
        """Return the list that a read showed, or its end."""
        return shown(self._txns.shown(micro))

    def witness(self, read: int, write: int) -> str:
        """Tell that a read shows what was appended, with what is around it."""
        elements = self._txns.shown(read)
        value = self._txns.name(int(self._txns.value[write]))
        end = min(len(elements), elements.index(value) + SHOWN // 2)
        told = shown(elements[:end], more=end < len(elements))
        return f"{self.name(read)} read {told}"

    def micro(self, micro: int, *, lists: bool) -> str:
        """Return a micro-operation: `append x 3`, `r x [1, 2]`."""
        key = self.key(micro)
        if self._txns.f[micro] != READ:
            return f"{'append' if lists else 'w'} {key} {self.value(micro)}"
        return f"r {key} {self.list(micro) if lists else self.value(micro)}"

    def own(self, micro: int, *, lists: bool) -> str:
        """Tell what a transaction did with the key of a micro-operation before it, or if it was nothing, then."""
        first, end = self._txns.bounds[self._owner[micro] : self._owner[micro] + 2].tolist()
        same = [each for each in range(first, end) if self._txns.key[each] == self._txns.key[micro]]
        before = [self.micro(each, lists=lists) for each in same if each < micro]
        if before:
            return f"having done before: {', '.join(before)}"
        after = (self.micro(each, lists=lists) for each in same if each > micro)
        return f"before it did this: {', '.join(after)}"

    def appended_after(self, one: int, other: int, witness: int) -> str:
        """Tell that an append came right after another."""
        return (
            f"{self.name(other)} appended {self.value(other)} to {self.key(one)} after {self.name(one)} had "
            f"appended {self.value(one)}: {self.witness(witness, other)}"
        )

    def appended_unseen(self, one: int, other: int, witness: int) -> str:
        """Tell that an append came after all that was ever read."""
        return (
            f"{self.name(other)} appended {self.value(other)} to {self.key(one)}, which no read shows, so after "
            f"{self.name(one)} had appended {self.value(one)}: {self.name(witness)} read {self.list(witness)}"
        )

    def was_read(self, write: int, read: int) -> str:
        """Tell that a read showed what another transaction wrote."""
        seen = f"{self.value(write)}, which {self.name(write)} wrote"
        return f"{self.name(read)} read {self.key(read)}, and saw {seen}"

    def was_missed(self, read: int, write: int, witness: int) -> str:
        """Tell that a read of a list did not show what was appended next."""
        return (
            f"{self.name(read)} read {self.key(read)} as {self.list(read)}, without {self.value(write)}, which "
            f"{self.name(write)} appended next: {self.witness(witness, write)}"
        )

    def was_missed_by_all(self, read: int, write: int) -> str:
        """Tell that a read of a list did not show what no read showed."""
        return (
            f"{self.name(read)} read {self.key(read)} as {self.list(read)}, without {self.value(write)}, which "
            f"{self.name(write)} appended and no read shows"
        )

    def overwritten(self, read: int, write: int) -> str:
        """Tell that a read of a register showed a version before the one that another transaction wrote."""
        return (
            f"{self.name(read)} read {self.key(read)} as {self.value(read)}, before {self.name(write)} wrote "
            f"{self.value(write)}"
        )

    def order(self, earlier: int, later: int, one: int, other: int, *, nil: bool) -> str:
        """Tell why a version of a register comes before another: who met them, and in which order."""
        first = "nil" if nil else self.value(earlier)
        said = f"{first} came before {self.value(later)}"
        if one < 0:
            return f"{said}, since nothing is written before nil"
        if self._owner[one] == self._owner[other]:
            return f"{said}, since {self.name(one)} read the one and wrote the other"
        return f"{said}, since {self.name(one)} met the one before {self.name(other)} met the other"


def shown(elements: Sequence[Any], *, more: bool = False) -> str:
    """Return a list as text; of a long one its end. `more` says that it goes on."""
    told = ", ".join(_shown(each) for each in elements[-SHOWN:])
    return f"[{'… ' if len(elements) > SHOWN else ''}{told}{' …' if more else ''}]"


def _shown(value: Any) -> str:
    return "nil" if value is None else str(value)
