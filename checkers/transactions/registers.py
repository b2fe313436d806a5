"""Registers that are overwritten: a read shows which write it saw, but not what came before that.

Values are unique under their key, so that it is known who wrote what a read shows. Which version came before
which is told only by what somebody is sure of (Kingsbury and Alvaro 2020): see `Inferences`. That is a
partial order.
"""

from functools import cached_property

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from checkers.transactions.columns import NEVER, NIL, READ, WRITE, Ints, Mask, Transactions
from checkers.transactions.components import components, cyclic
from checkers.transactions.groups import Groups, groups
from checkers.transactions.lookup import ABSENT, Lookup
from checkers.transactions.spans import spanned
from harness.history import FAIL, INFO, OK


class Inferences(Struct, frozen=True, kw_only=True):
    """What is taken for granted of registers.

    That nothing comes before the first write is, always. `wfr_keys`: what a transaction writes comes after
    what it read of the same key. `sequential_keys`: a client sees and writes versions of a key in their
    order. `linearizable_keys`: so do all clients, in real time.
    """

    wfr_keys: bool = True
    sequential_keys: bool = False
    linearizable_keys: bool = False


class Access(Struct, frozen=True, kw_only=True):
    """What each transaction did with each key that it touched, if it happened; versions as in `Registers`.

    `shown` is the version that it read before anything else, `installed` the one that it left; -1 for none.
    `read` and `write` are the micro-operations.
    """

    row: Ints
    key: Ints
    read: Ints
    shown: Ints
    write: Ints

    @property
    def first(self) -> Ints:
        """The version that it met first."""
        return np.where(self.shown >= 0, self.shown, self.write)

    @property
    def last(self) -> Ints:
        """The version that it left behind."""
        return np.where(self.write >= 0, self.write, self.shown)


class Order(Struct, frozen=True, kw_only=True):
    """What is known of the order of versions: pairs `earlier[i]`, `later[i]`.

    `because` has for each pair the two micro-operations that tell it; -1 for the first version. `cyclic` are
    versions that come before themselves, whose keys have no pairs; those of one `label` come before each other.
    """

    earlier: Ints
    later: Ints
    because: Ints
    cyclic: Ints
    label: NDArray[np.int32]


class Registers:
    """The versions of every key, and their order.

    A version is the micro-operation that wrote it; the one before all writes of key k is the number of micro-
    operations plus k.
    """

    def __init__(self, txns: Transactions, infer: Inferences) -> None:
        self.txns = txns
        self.owner = txns.owner
        self.outcome = txns.outcome[self.owner]
        self.groups = groups(txns, self.owner)
        self.writes = np.flatnonzero(txns.f == WRITE)
        self.reads = np.flatnonzero((txns.f == READ) & (self.outcome == OK))
        self._lookup = Lookup(txns.key[self.writes], txns.value[self.writes])
        self.shown = np.full(len(txns.f), ABSENT, np.int64)
        self.shown[self.reads] = self._written(self.reads)
        self.is_last = np.zeros(len(txns.f) + len(txns.keys), np.bool_)
        self.is_last[self.groups.last_writes()] = True
        self.is_last[len(txns.f) :] = True
        self._infer = infer

    @property
    def ambiguous(self) -> Ints:
        """The writes of values that were written to their key more than once, or that are nothing."""
        writes: Ints = self.writes[self._lookup.repeated | (self.txns.value[self.writes] == NIL)]
        return writes

    @cached_property
    def happened(self) -> Mask:
        """Which transactions surely happened: acknowledged, or an acknowledged one read what they wrote."""
        happened: Mask = self.txns.outcome == OK
        shown = self.shown[self.reads]
        writers = self.owner[shown[(shown >= 0) & (shown < len(self.txns.f))]]
        happened[writers[self.txns.outcome[writers] == INFO]] = True
        return happened

    def failed(self, version: Ints) -> Mask:
        """Tell which versions are of transactions that failed."""
        failed = (version >= 0) & (version < len(self.txns.f))
        failed[failed] = self.outcome[version[failed]] == FAIL
        return failed

    @cached_property
    def access(self) -> Access:
        """What happened to trusted keys; reads of versions that nobody installed are left out."""
        grouped: Groups = self.groups
        heads = np.flatnonzero(grouped.first == np.arange(len(grouped.first)))
        write = np.full(len(grouped.first), -1, np.int64)
        last = grouped.last_writes()
        place = np.empty(len(self.txns.f), np.int64)
        place[grouped.micro] = np.arange(len(grouped.micro))
        write[grouped.first[place[last]]] = last
        micro = grouped.micro[heads]
        row, key, write = self.owner[micro], self.txns.key[micro], write[heads]
        shown = np.where(self.txns.f[micro] == READ, self.shown[micro], -1)
        sound = (shown >= 0) & self.is_last[np.maximum(shown, 0)] & ~self.failed(shown)
        shown = np.where(sound, shown, -1)
        kept = self.happened[row] & ~self.distrusted[key] & ((shown >= 0) | (write >= 0))
        return Access(row=row[kept], key=key[kept], read=micro[kept], shown=shown[kept], write=write[kept])

    @cached_property
    def distrusted(self) -> Mask:
        """The keys of which nothing is concluded, because their writes are alike."""
        distrusted = np.zeros(len(self.txns.keys), np.bool_)
        distrusted[self.txns.key[self.ambiguous]] = True
        return distrusted

    def _written(self, reads: Ints) -> Ints:
        key, value = self.txns.key[reads], self.txns.value[reads]
        found = self._lookup.find(key, value)
        version = self.writes[found] if len(self.writes) else found
        return np.where(value == NIL, len(self.txns.f) + key, np.where(found >= 0, version, ABSENT))

    @cached_property
    def order(self) -> Order:
        """Collect what is known of the order, and leave out keys whose versions come before themselves.

        Raises what `components` raises.
        """
        access, count = self.access, len(self.txns.f)
        written = access.write >= 0
        nowhere = np.full(int(np.count_nonzero(written)), -1, np.int64)
        told = [(count + access.key[written], access.write[written], nowhere, nowhere)]
        if self._infer.wfr_keys:
            both = written & (access.shown >= 0)
            told.append((access.shown[both], access.write[both], access.read[both], access.write[both]))
        if self._infer.sequential_keys:
            told.append(self._between(*_successive(access, self.txns)))
        if self._infer.linearizable_keys:
            told.append(self._between(*_frontier(access, self.txns)))
        earlier, later, one, other = (np.concatenate(column) for column in zip(*told, strict=True))
        apart = earlier != later
        earlier, later, because = earlier[apart], later[apart], np.stack((one[apart], other[apart]))
        label = components(count + len(self.txns.keys), earlier.astype(np.int32), later.astype(np.int32))
        key = np.concatenate((self.txns.key, np.arange(len(self.txns.keys))))
        themselves = np.flatnonzero(cyclic(label))
        wrong = np.zeros(len(self.txns.keys), np.bool_)
        wrong[key[themselves]] = True
        kept = ~wrong[key[later]]
        return Order(
            earlier=earlier[kept], later=later[kept], because=because[:, kept], cyclic=themselves, label=label
        )

    def _between(self, one: Ints, other: Ints) -> tuple[Ints, Ints, Ints, Ints]:
        """Return the order that follows from one access being before another."""
        access = self.access
        left = np.where(access.write >= 0, access.write, access.read)
        met = np.where(access.shown >= 0, access.read, access.write)
        return access.last[one], access.first[other], left[one], met[other]


def _successive(access: Access, txns: Transactions) -> tuple[Ints, Ints]:
    """Return each access with the next one of the same client to the same key."""
    process, call = txns.process[access.row], txns.call_ns[access.row]
    order = np.lexsort((call, access.key, process))
    one, other = order[:-1], order[1:]
    same = (process[one] == process[other]) & (access.key[one] == access.key[other])
    same &= txns.return_ns[access.row[one]] <= call[other]
    return one[same], other[same]


def _frontier(access: Access, txns: Transactions) -> tuple[Ints, Ints]:
    """Return accesses with those to the same key that were called after they had returned, and none in between.

    As many pairs as there are accesses times how many are concurrent.
    """
    call, back = txns.call_ns[access.row], txns.return_ns[access.row]
    _, rank = np.unique(np.concatenate((call, back)), return_inverse=True)
    span = int(rank.max(initial=0)) + 2
    called, returned = access.key * span + rank[: len(call)], access.key * span + rank[len(call) :]
    known = np.flatnonzero(back != NEVER)
    order = known[np.argsort(returned[known], kind="stable")]
    ends = returned[order]
    latest = np.maximum.accumulate(called[order]) if len(order) else ends
    until = np.searchsorted(ends, called, "left")
    before = np.where(until > 0, latest[until - 1] if len(latest) else 0, 0)
    since = np.searchsorted(ends, np.maximum(before, access.key * span), "left")
    sizes = np.maximum(0, until - since)
    return order[spanned(since, sizes)], np.repeat(np.arange(len(called)), sizes)
