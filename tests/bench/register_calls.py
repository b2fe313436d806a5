"""Histories of compare-and-set registers as columns, by clients that are always busy; linearizable by making.

Half of the operations read, 30 % write, 20 % compare and set, of which 70 % guess right. Durations are
exponential, the effect is at a uniform point of the interval, keys are used one after another at full concurrency.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from checkers.linearizability import ABSENT, NEVER, NIL, Calls

READ, WRITE, CAS = range(3)
KINDS = ("read", "write", "cas")
SMALL = 5
SPAN = 400
"""How many effects back a stale read looks for a value that is surely gone."""


class Numbers(Sequence[Any]):
    """The values None, False, True, 0, 1, … without a list of them."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count + 3

    def __getitem__(self, code: Any) -> Any:
        return (None, False, True)[code] if code < 3 else int(code) - 3


def register_calls(
    operations: int,
    *,
    clients: int,
    keys: int = 1,
    unique: bool = False,
    unknown: float = 0.0,
    stale: bool = False,
    seed: int = 1,
) -> Calls:
    """Return a history; with `stale`, one read shows a value that was surely overwritten: the last that can."""
    random = np.random.default_rng(seed)
    share = -(-operations // clients) + 20
    durations = random.exponential(1e6, (clients, share)).astype(np.int64) + 1
    returns = np.cumsum(durations, axis=1)
    effects = returns - (random.random((clients, share)) * durations).astype(np.int64)
    order = np.argsort(effects, axis=None, kind="stable")[:operations]
    return_ns = returns.ravel()[order]
    call_ns = return_ns - durations.ravel()[order]
    key = np.arange(operations) * keys // operations
    kind = random.choice(3, operations, p=(0.5, 0.3, 0.2))
    right = random.random(operations) < 0.7
    lost = random.random(operations) < unknown
    applied = ((kind == WRITE) | ((kind == CAS) & right)) & (~lost | (random.random(operations) < 0.5))
    new = 3 + (np.arange(operations) if unique else random.integers(0, SMALL, operations))
    before = _before(key, applied, new)
    guess = _wrong(random, before, new, applied, unique=unique)
    shown = before.copy()
    if stale:
        sets = (kind == WRITE) | ((kind == CAS) & (right | lost))
        until_ns = np.where(lost, NEVER, return_ns)
        candidates = reversed(np.flatnonzero((kind == READ) & ~lost & (key == 0)).tolist())
        read, value = next(filter(None, (_gone(row, call_ns, until_ns, sets, new) for row in candidates)))
        shown[read] = value
    result = np.where(kind == READ, shown, np.where(kind == WRITE, NIL, np.where(right, 2, 1)))
    return Calls(
        key=key.astype(np.int32),
        keys=range(keys),
        call_ns=call_ns,
        return_ns=np.where(lost, NEVER, return_ns),
        kind=kind.astype(np.uint8),
        kinds=KINDS,
        first=np.where(
            kind == READ, ABSENT, np.where(kind == WRITE, new, np.where(right, before, guess))
        ).astype(np.int32),
        second=np.where(kind == CAS, new, ABSENT).astype(np.int32),
        result=np.where(lost, ABSENT, result).astype(np.int32),
        known=~lost,
        values=Numbers(2 * operations + SMALL),
        id=np.arange(operations),
        process=(order // share).astype(np.int32),
    )


def _before(key: NDArray[np.int64], applied: NDArray[np.bool_], new: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return each key's value just before each effect."""
    begins = np.flatnonzero(np.diff(key, prepend=-1))
    marks = np.where(applied, np.arange(len(key)), -1)
    last = np.concatenate(([-1], np.maximum.accumulate(marks)[:-1]))
    last = np.where(last < begins[key], -1, last)
    return np.where(last < 0, NIL, new[last])


def _wrong(
    random: np.random.Generator,
    before: NDArray[np.int64],
    new: NDArray[np.int64],
    applied: NDArray[np.bool_],
    *,
    unique: bool,
) -> NDArray[np.int64]:
    """Return values other than the present ones: unique ones are some effects old."""
    if not unique:
        return np.where(before == NIL, 3, 3 + (before - 3 + random.integers(1, SMALL, len(new))) % SMALL)
    past = new[applied]
    place = np.searchsorted(past, before) - 1 - random.integers(0, 20, len(new))
    return np.where(place >= 0, past[np.maximum(place, 0)], 3 + len(new))


def _gone(
    read: int,
    call_ns: NDArray[np.int64],
    return_ns: NDArray[np.int64],
    sets: NDArray[np.bool_],
    new: NDArray[np.int64],
) -> tuple[int, int] | None:
    """Return the read and a value that it can't show whatever is unknown; None if there is none."""
    begun = np.flatnonzero(sets & (call_ns <= return_ns[read]))
    over = begun[return_ns[begun] < call_ns[read]]
    if not len(over):
        return None
    last_call = call_ns[over].max()
    possible = new[begun[return_ns[begun] >= last_call]]
    gone = np.setdiff1d(new[over[-SPAN:]], possible)
    return (read, int(gone[0])) if len(gone) else None
