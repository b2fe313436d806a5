"""Long fork and causal reverse: writes that many readers see, in one order, or in the wrong one."""

import numpy as np
from numpy.typing import NDArray

from harness.columns.table import Table
from harness.columns.values import Builder, Kind
from harness.generate.making import NONE, Wish, picked, table
from harness.generate.schedule import Schedule, schedule
from harness.history import OK

Ints = NDArray[np.int64]

FORK_ANOMALIES = ("long-fork",)
REVERSE_ANOMALIES = ("causal-reverse",)
GROUP = 3
"""How many keys a read shows."""

BATCH = 12
"""How many operations in a row are about one group of keys: each key is written once, the others read."""

WRITES = 100
"""How many writes one collection gets before the next begins."""


def long_forks(
    random: np.random.Generator, operations: int, *, clients: int, unknown: float, anomaly: str | None
) -> Table:
    """Make transactions that write one key or read a group of them. O(n log n)."""
    when = schedule(random, operations, clients=clients, unknown=unknown)
    place = np.arange(operations)
    group, inside = place // BATCH, place % BATCH
    writes = inside % (BATCH // GROUP) == 0
    key = GROUP * group + inside // (BATCH // GROUP)
    written_ns = np.full(GROUP * (int(group.max(initial=0)) + 1), np.iinfo(np.int64).max)
    happened = writes & when.applied
    written_ns[key[happened]] = when.effect_ns[happened]
    keys = GROUP * group[:, None] + np.arange(GROUP)
    shown = written_ns[keys] < when.effect_ns[:, None]
    if anomaly is not None:
        _fork(random, when, writes, group, shown)
    return _transactions(when, writes, key, keys, shown)


def _fork(
    random: np.random.Generator,
    when: Schedule,
    writes: "NDArray[np.bool_]",
    group: Ints,
    shown: "NDArray[np.bool_]",
) -> None:
    """Let two reads of a group show two writes in opposite orders."""
    reads = np.flatnonzero(~writes & (when.outcome == OK))
    again = reads[1:][group[reads[1:]] == group[reads[:-1]]]
    second = picked(random, again, "group with two reads")
    first = int(reads[np.searchsorted(reads, second) - 1])
    shown[first], shown[second] = (True, False, False), (False, True, False)


def _transactions(
    when: Schedule, writes: "NDArray[np.bool_]", key: Ints, keys: Ints, shown: "NDArray[np.bool_]"
) -> Table:
    cells, count = Builder(), len(when)
    words = cells.add(["w", "r"])
    assert words == 0, "the texts are numbered as they are added"

    def micro(word: int, of: Ints, kind: "NDArray[np.uint8]") -> Ints:
        """Add `[word key 1]`, or nil in place of 1; return the cells of the lists."""
        kinds = np.column_stack((np.full(len(of), Kind.TEXT), np.full(len(of), Kind.INT), kind)).astype(
            np.uint8
        )
        payload = np.column_stack((np.full(len(of), word), of, (kind == Kind.INT).astype(np.int64)))
        first = cells.add_cells(kinds.ravel(), payload.ravel())
        lists = cells.add_containers(Kind.LIST, first + 3 * np.arange(len(of)), np.full(len(of), 3))
        return lists + np.arange(len(of))

    everywhere = keys.ravel()
    written = micro(0, key, np.full(count, Kind.INT, np.uint8))
    asked = micro(1, everywhere, np.full(len(everywhere), Kind.NIL, np.uint8))
    answer = micro(1, everywhere, np.where(shown.ravel(), Kind.INT, Kind.NIL).astype(np.uint8))
    sizes = np.where(writes, 1, GROUP)
    call = cells.add_containers(Kind.LIST, np.where(writes, written, asked[::GROUP]), sizes)
    done = cells.add_containers(Kind.LIST, np.where(writes, written, answer[::GROUP]), sizes)
    place = np.arange(count)
    return table(
        when,
        cells,
        f=np.zeros(count, np.int64),
        names=("txn",),
        args=call + place,
        arity=np.ones(count, np.int64),
        value=done + place,
    )


def causal_reverses(
    random: np.random.Generator, operations: int, *, clients: int, unknown: float, anomaly: str | None
) -> Table:
    """Make unique writes to collections, one after the other, and reads of them. O(n log n)."""
    when = schedule(random, operations, clients=clients, unknown=unknown)
    is_read = random.random(operations) < 0.2
    key = np.cumsum(~is_read) // WRITES
    order = np.lexsort((when.effect_ns, key))
    grown = order[(~is_read & when.applied)[order]]
    cells, place = Builder(), np.arange(operations)
    shared = cells.add_integers(grown)
    bounds = np.searchsorted(key[grown], np.arange(int(key.max(initial=0)) + 2))
    position = np.empty(operations, np.int64)
    position[order] = np.cumsum((~is_read & when.applied)[order]) - (~is_read & when.applied)[order]
    firsts, sizes = shared + bounds[key], position - bounds[key]
    if anomaly is not None:
        read, shown = _reversed(random, when, is_read, key, grown)
        firsts[read], sizes[read] = cells.add_integers(shown), len(shown)
    written = np.where(is_read, Kind.NIL, Kind.INT).astype(np.uint8)
    whole, pair = np.full(operations, Kind.INT, np.uint8), np.full(operations, 2)
    pairs = cells.add_cells(
        np.column_stack((whole, written)).ravel(), np.column_stack((key, np.where(is_read, 0, place))).ravel()
    )
    asked = cells.add_containers(Kind.LIST, pairs + 2 * place, pair)
    inner = cells.add_cells(
        np.column_stack((whole, np.full(operations, Kind.LIST, np.uint8))).ravel(),
        np.column_stack((key, firsts)).ravel(),
        np.column_stack((np.zeros(operations, np.int64), sizes)).ravel(),
    )
    answers = cells.add_containers(Kind.LIST, inner + 2 * place, pair)
    return table(
        when,
        cells,
        f=is_read.astype(np.int64),
        names=("write", "read"),
        args=asked + place,
        arity=np.ones(operations, np.int64),
        value=np.where(is_read, answers + place, NONE),
    )


def _reversed(
    random: np.random.Generator, when: Schedule, is_read: "NDArray[np.bool_]", key: Ints, grown: Ints
) -> tuple[int, Ints]:
    """Return a read, and what it shows: a write without one that was acknowledged before that was called."""
    reads = np.flatnonzero(is_read & (when.outcome == OK))
    for read in random.permutation(reads)[:1000].tolist():
        mine = grown[(key[grown] == key[read]) & (when.effect_ns[grown] < when.effect_ns[read])]
        sure = mine[when.outcome[mine] == OK]
        if not len(sure):
            continue
        latest = int(when.call_ns[mine].max())
        before = sure[when.return_ns[sure] < latest]
        if len(before):
            return read, mine[mine != int(random.choice(before))]
    raise Wish("no read shows a write that must come after another: ask for more operations, or another seed")
