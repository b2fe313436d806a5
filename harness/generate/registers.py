"""Registers: reads, writes and compare-and-sets, on keys one after the other at full concurrency.

Half of the operations read, 30 % write, and 20 % compare and set, of which 70 % guess the value right. Values are
small (0 to 4, so that the same one is written again and again) or unique. A compare-and-set that guesses wrong is
answered `false`: that is an observation, too.
"""

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from harness.columns.table import Table
from harness.columns.values import Builder, Kind
from harness.generate.making import NONE, Wish, table
from harness.generate.schedule import Schedule, schedule
from harness.history import OK

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

GET, PUT, CAS = range(3)
NAMES = ("get", "put", "cas")
SMALL = 5
"""How many small values there are."""

TRIES = 2000
"""How many reads are looked at for one that can be made stale."""

_NIL = -1


class Shares(Struct, frozen=True, kw_only=True):
    """How many of the operations do what."""

    reads: float = 0.5
    writes: float = 0.3
    right: float = 0.7


class Drawn(Struct, frozen=True, kw_only=True):
    """What each operation does, in the order of the calls; values are -1 for nil."""

    key: Ints
    f: Ints
    before: Ints
    """The value just before the operation took effect."""
    new: Ints
    old: Ints
    sets: Flags
    """Whether it is a write, or a compare-and-set that guesses right."""
    right: Flags


def registers(
    random: np.random.Generator,
    operations: int,
    *,
    clients: int,
    keys: int,
    unknown: float,
    unique: bool,
    cas: bool,
    anomaly: str | None,
) -> Table:
    """Make a history of registers; raises Wish where the anomaly finds no place. O(n log n)."""
    when = schedule(random, operations, clients=clients, unknown=unknown)
    drawn = _drawn(random, when, keys=keys, unique=unique, shares=Shares(writes=0.3 if cas else 0.5))
    shown = np.where(drawn.f == GET, drawn.before, _NIL)
    if anomaly is not None:
        shown = _stale(random, when, drawn, shown)
    return _table(when, drawn, shown, keys)


def _drawn(random: np.random.Generator, when: Schedule, *, keys: int, unique: bool, shares: Shares) -> Drawn:
    count = len(when)
    dice = random.random(count)
    f = np.where(dice < shares.reads, GET, np.where(dice < shares.reads + shares.writes, PUT, CAS))
    key = np.arange(count) * keys // max(1, count)
    right = (f == CAS) & (random.random(count) < shares.right)
    sets = (f == PUT) | right
    new = np.arange(count) + 1 if unique else random.integers(0, SMALL, count)
    before = _before(when, key, sets & when.applied, new)
    other = _others(random, new, before, unique=unique)
    return Drawn(
        key=key, f=f, before=before, new=new, old=np.where(right, before, other), sets=sets, right=right
    )


def _before(when: Schedule, key: Ints, sets: Flags, new: Ints) -> Ints:
    """Return the value of each operation's register just before its effect."""
    order = np.lexsort((when.effect_ns, key))
    places = np.arange(len(order))
    begins = (
        np.concatenate(([True], key[order][1:] != key[order][:-1])) if len(order) else np.zeros(0, np.bool_)
    )
    # The place of the last operation up to here that set the register; one that begins a key stands for nil.
    marks = np.maximum.accumulate(np.where(sets[order] | begins, places, 0)) if len(order) else places
    after = np.where(sets[order][marks], new[order][marks], _NIL)
    earlier = np.concatenate(([_NIL], after[:-1])) if len(order) else after
    found = np.empty(len(order), np.int64)
    found[order] = np.where(begins, _NIL, earlier)
    return found


def _others(random: np.random.Generator, new: Ints, before: Ints, *, unique: bool) -> Ints:
    """Return a value for each operation that is not the one before it."""
    if not unique:
        return np.where(
            before == _NIL, random.integers(0, SMALL, len(new)), (before + 1 + new % (SMALL - 1)) % SMALL
        )
    guess = new[random.integers(0, len(new), len(new))] if len(new) else new
    return np.where(guess == before, guess + len(new), guess)


def _stale(random: np.random.Generator, when: Schedule, drawn: Drawn, shown: Ints) -> Ints:
    """Let one read show a value that was overwritten for certain before it began, and is not written again."""
    reads = np.flatnonzero((drawn.f == GET) & (when.outcome == OK))
    for read in random.permutation(reads)[:TRIES].tolist():
        mine = np.flatnonzero((drawn.key == drawn.key[read]) & (drawn.sets | (drawn.f == CAS)))
        begun = mine[when.call_ns[mine] <= when.return_ns[read]]
        over = begun[
            drawn.sets[begun] & (when.outcome[begun] == OK) & (when.return_ns[begun] < when.call_ns[read])
        ]
        if len(over) < 2:
            continue
        last_call = int(when.call_ns[over].max())
        gone = (when.outcome[begun] == OK) & (when.return_ns[begun] < last_call)
        possible = set(drawn.new[begun[~gone]].tolist())
        stale = [value for value in drawn.new[over].tolist() if value not in possible]
        if stale:
            changed = shown.copy()
            changed[read] = stale[-1]
            return changed
    raise Wish(
        "no read can be made stale for certain: ask for fewer clients, more operations, or another seed"
    )


def _table(when: Schedule, drawn: Drawn, shown: Ints, keys: int) -> Table:
    cells = Builder()
    names = cells.add([f"k{number}" for number in range(keys)])
    count = len(when)
    # Three cells for each operation: the key, and what is written or compared.
    kind = np.full((count, 3), Kind.INT, np.uint8)
    payload = np.zeros((count, 3), np.int64)
    kind[:, 0], payload[:, 0] = Kind.TEXT, drawn.key
    payload[:, 1] = np.where(drawn.f == CAS, drawn.old, drawn.new)
    payload[:, 2] = drawn.new
    kind[:, 1][(drawn.f == CAS) & (drawn.old == _NIL)] = Kind.NIL
    first = cells.add_cells(kind.ravel(), payload.ravel())
    read = cells.add_integers(shown)
    answers = cells.add([False, True])
    assert names == 0, "texts of keys are numbered as the keys are"
    value = np.where(shown == _NIL, NONE, read + np.arange(count))
    return table(
        when,
        cells,
        f=drawn.f,
        names=NAMES,
        args=first + 3 * np.arange(count),
        arity=drawn.f + 1,
        value=np.where(drawn.f == CAS, answers + drawn.right, np.where(drawn.f == GET, value, NONE)),
    )
