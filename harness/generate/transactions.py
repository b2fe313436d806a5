"""Transactions on lists (list-append) or registers (rw-register), serial or under snapshot isolation.

Ten keys are in use at a time; each is written 32 times and then replaced by a fresh one. A transaction has one to
four micro-operations, half of which write. Serial transactions happen at one moment each. Under snapshot isolation
a transaction reads what was there when it was called, and commits at its moment unless somebody else has committed
a write to one of its keys since then: then it fails. Two that read what the other writes may both commit: write
skew, which only serializability forbids.
"""

from array import array
from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from harness.columns.table import Table
from harness.columns.values import Builder, Kind
from harness.generate.making import Wish, picked, table
from harness.generate.schedule import Schedule, schedule
from harness.history import FAIL, OK

Ints = NDArray[np.int64]

ACTIVE = 10
"""How many keys are in use at a time."""

LENGTH = 32
"""How often a key is written."""

LONGEST = 4
"""How many micro-operations a transaction has at most."""

ANOMALIES = ("aborted-read", "lost-update")

_NONE = -1


class Stream(Struct, frozen=True, kw_only=True):
    """Micro-operations, one after the other; transaction i has those from `bounds[i]` on.

    `seen` is, for a read, how many committed elements the list had in the snapshot (the last is what a register
    showed), and `own` how many of the transaction's own follow. `value` is what is written.
    """

    bounds: Ints
    is_write: NDArray[np.bool_]
    key: Ints
    value: Ints
    seen: Ints
    own: Ints


class Wrong(Struct, frozen=True, kw_only=True):
    """A read that shows another prefix than it should, and then perhaps a value that was never committed."""

    micro: int
    seen: int
    more: tuple[int, ...] = ()
    failed: int = _NONE
    """The transaction that must have failed for it, if any."""


class Store(Struct, frozen=True, kw_only=True):
    """What was committed: the values of each key in their order, LENGTH places a key; and who failed."""

    values: Ints
    failed: NDArray[np.bool_]


def transactions(
    random: np.random.Generator,
    operations: int,
    *,
    clients: int,
    unknown: float,
    lists: bool,
    snapshots: bool,
    anomaly: str | None,
) -> Table:
    """Make a history of transactions; about 5 µs each."""
    when = schedule(random, operations, clients=clients, unknown=unknown)
    sizes = random.integers(1, LONGEST + 1, operations)
    bounds = np.concatenate(([0], np.cumsum(sizes)))
    is_write = random.random(int(bounds[-1])) < 0.5
    slots = random.integers(0, ACTIVE, int(bounds[-1]))
    stream, store = _carried_out(when, bounds, is_write, slots, snapshots=snapshots)
    outcome = np.where(store.failed & (when.outcome == OK), FAIL, when.outcome).astype(np.uint8)
    if anomaly is None:
        return _table(when, stream, store, outcome, lists=lists)
    wrong = _wrong(random, when, stream, outcome, anomaly=anomaly)
    return _table(when, stream, store, outcome, lists=lists, wrong=wrong)


def _carried_out(
    when: Schedule, bounds: Ints, is_write: NDArray[np.bool_], slots: Ints, *, snapshots: bool
) -> tuple[Stream, Store]:
    """Carry out the transactions in the order of their moments; a snapshot is taken at the call."""
    moments = when.effect_ns
    begins = when.call_ns if snapshots else moments
    steps = np.concatenate((begins, moments))
    ends = np.concatenate((np.zeros(len(when), np.int64), np.ones(len(when), np.int64)))
    rows = np.concatenate((np.arange(len(when)), np.arange(len(when))))
    order = np.lexsort((ends, rows, steps))
    bounds_, writes, places = bounds.tolist(), is_write.tolist(), slots.tolist()
    applied = when.applied.tolist()
    key, value, seen, own = (array("q", bytes(8 * len(places))) for _ in range(4))
    current, handed = list(range(ACTIVE)), [0] * ACTIVE
    fresh = ACTIVE
    length: list[int] = [0] * ACTIVE
    committed = array("q", bytes(8 * ACTIVE * LENGTH))
    failed = [False] * len(when)
    for row, is_end in zip(rows[order].tolist(), ends[order].tolist(), strict=True):
        first, last = bounds_[row], bounds_[row + 1]
        if not is_end:
            for micro in range(first, last):
                slot = places[micro]
                if writes[micro]:
                    if handed[slot] == LENGTH:
                        current[slot], handed[slot] = fresh, 0
                        fresh += 1
                        length.append(0)
                        committed.extend((0,) * LENGTH)
                    handed[slot] += 1
                    value[micro] = handed[slot]
                mine = current[slot]
                key[micro] = mine
                seen[micro] = length[mine]
                own[micro] = sum(writes[other] and key[other] == mine for other in range(first, micro))
            continue
        if not applied[row]:
            continue
        written = [micro for micro in range(first, last) if writes[micro]]
        # `seen` of a write is how much was there in the snapshot: more now means that somebody came before.
        if any(length[key[micro]] != seen[micro] for micro in written):
            failed[row] = True
            continue
        for micro in written:
            mine = key[micro]
            committed[mine * LENGTH + length[mine]] = value[micro]
            length[mine] += 1
    stream = Stream(
        bounds=bounds,
        is_write=is_write,
        key=np.asarray(key),
        value=np.asarray(value),
        seen=np.asarray(seen),
        own=np.asarray(own),
    )
    return stream, Store(values=np.asarray(committed), failed=np.array(failed, np.bool_))


def _wrong(
    random: np.random.Generator, when: Schedule, stream: Stream, outcome: NDArray[np.uint8], *, anomaly: str
) -> Wrong:
    """Choose a read, and what it shows instead; raises Wish where there is no place for the anomaly."""
    of = np.repeat(np.arange(len(when)), np.diff(stream.bounds))
    reads = np.flatnonzero(~stream.is_write & (outcome[of] == OK) & (stream.own == 0))
    if anomaly == "lost-update":
        return _lost_update(random, stream, of, reads)
    undone = np.flatnonzero(stream.is_write & ((outcome[of] == FAIL) | ~when.applied[of]))
    for write in random.permutation(undone)[:1000].tolist():
        those = reads[(stream.key[reads] == stream.key[write]) & (of[reads] != of[write])]
        if len(those):
            read = int(random.choice(those))
            value = int(stream.value[write])
            return Wrong(micro=read, seen=int(stream.seen[read]), more=(value,), failed=int(of[write]))
    raise Wish("no transaction failed whose write could be read: ask for --unknown, or --isolation snapshot")


def _lost_update(random: np.random.Generator, stream: Stream, of: Ints, reads: Ints) -> Wrong:
    """Let a transaction read the version that an earlier one read, though both wrote the key afterwards."""
    writers = set(zip(of[stream.is_write].tolist(), stream.key[stream.is_write].tolist(), strict=True))
    updates: dict[int, list[int]] = {}
    for read in reads.tolist():
        if (int(of[read]), int(stream.key[read])) in writers:
            updates.setdefault(int(stream.key[read]), []).append(read)
    pairs = [
        (one, other)
        for those in updates.values()
        for one, other in pairwise(those)
        if of[one] != of[other] and stream.seen[one] < stream.seen[other]
    ]
    one, other = pairs[picked(random, np.arange(len(pairs)), "two transactions that read and write one key")]
    return Wrong(micro=other, seen=int(stream.seen[one]))


def _table(
    when: Schedule,
    stream: Stream,
    store: Store,
    outcome: NDArray[np.uint8],
    *,
    lists: bool,
    wrong: Wrong | None = None,
) -> Table:
    cells, seen, outcomes = Builder(), stream.seen, outcome
    words = cells.add(["append" if lists else "w", "r"])
    assert words == 0, "the texts are numbered as they are added"
    if wrong is not None:
        seen = seen.copy()
        seen[wrong.micro] = wrong.seen
        outcomes = outcome.copy()
        outcomes[wrong.failed if wrong.failed != _NONE else slice(0)] = FAIL
    more = {} if wrong is None else {wrong.micro: list(wrong.more)}
    kind, payload, size = (_shown_lists if lists else _shown_values)(cells, stream, store, seen, more)
    asked = _micro(
        cells, stream, np.where(stream.is_write, Kind.INT, Kind.NIL), stream.value, np.zeros_like(size)
    )
    answered = _micro(cells, stream, kind, payload, size)
    sizes = np.diff(stream.bounds)
    call = cells.add_containers(Kind.LIST, asked + stream.bounds[:-1], sizes)
    done = cells.add_containers(Kind.LIST, answered + stream.bounds[:-1], sizes)
    place = np.arange(len(when))
    return table(
        when,
        cells,
        f=np.zeros(len(when), np.int64),
        names=("txn",),
        args=call + place,
        arity=np.ones(len(when), np.int64),
        value=done + place,
        outcome=outcomes,
    )


def _micro(cells: Builder, stream: Stream, kind: Ints, payload: Ints, size: Ints) -> int:
    """Add `[word key value]` for each micro-operation; return the first one's cell."""
    count = len(stream.key)
    kinds = np.column_stack((np.full(count, Kind.TEXT), np.full(count, Kind.INT), kind)).astype(np.uint8)
    payloads = np.column_stack(((~stream.is_write).astype(np.int64), stream.key, payload))
    sizes = np.column_stack((np.zeros(count, np.int64), np.zeros(count, np.int64), size))
    first = cells.add_cells(kinds.ravel(), payloads.ravel(), sizes.ravel())
    return cells.add_containers(Kind.LIST, first + 3 * np.arange(count), np.full(count, 3))


def _shown_lists(
    cells: Builder, stream: Stream, store: Store, seen: Ints, more: Mapping[int, list[int]]
) -> tuple[Ints, Ints, Ints]:
    """Return kind, payload and size of each third part: what is appended, or the list that is shown.

    A list is the beginning of what its key has in the end, and most of them share those cells.
    """
    base = cells.add_integers(store.values)
    payload = np.where(stream.is_write, stream.value, base + stream.key * LENGTH)
    size = np.where(stream.is_write, 0, seen)
    odd = sorted({*np.flatnonzero(~stream.is_write & (stream.own > 0)).tolist(), *more})
    lists = []
    for micro in odd:
        begin = int(stream.key[micro]) * LENGTH
        lists.append(
            [
                *store.values[begin : begin + int(seen[micro])].tolist(),
                *_own(stream, micro),
                *more.get(micro, ()),
            ]
        )
    firsts, counts = cells.add_spans(lists)
    payload[odd], size[odd] = firsts, counts
    return np.where(stream.is_write, Kind.INT, Kind.LIST), payload, size


def _shown_values(
    cells: Builder, stream: Stream, store: Store, seen: Ints, more: Mapping[int, list[int]]
) -> tuple[Ints, Ints, Ints]:
    """Return kind, payload and size of each third part: what is written, or the value that is shown."""
    last = np.maximum(0, stream.key * LENGTH + seen - 1)
    payload = np.where(stream.is_write, stream.value, store.values[last])
    nil = ~stream.is_write & (seen == 0)
    for micro in np.flatnonzero(~stream.is_write & (stream.own > 0)).tolist():
        payload[micro], nil[micro] = _own(stream, micro)[-1], False
    for micro, values in more.items():
        if values:
            payload[micro], nil[micro] = values[-1], False
    return np.where(nil, Kind.NIL, Kind.INT), np.where(nil, 0, payload), np.zeros(len(payload), np.int64)


def _own(stream: Stream, micro: int) -> list[int]:
    """Return what the transaction of a read had written to its key before."""
    first = int(stream.bounds[np.searchsorted(stream.bounds, micro, "right") - 1])
    before = np.arange(first, micro)
    mine = before[stream.is_write[before] & (stream.key[before] == stream.key[micro])]
    return [int(value) for value in stream.value[mine]]
