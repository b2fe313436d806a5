"""Histories of transactions on lists as columns, as long as one likes: serial ones, and with write skews.

Ten keys are in use at a time; each is appended to 32 times and then replaced by a fresh one. A transaction
has one to four micro-operations, half of which append.
"""

import numpy as np

from checkers.transactions import READ, WRITE, Transactions
from checkers.transactions.spans import spanned

ACTIVE = 10
LENGTH = 32
CLIENTS = 5
STEP_NS = 1_000


def made(count: int, *, skews: bool, seed: int = 1) -> Transactions:
    """Return transactions that took effect one after the other, all acknowledged.

    With `skews` each reads what was there before the one before it, every fourth even before the one before
    that, unless they append to the same list, which snapshot isolation does not allow.
    """
    random = np.random.default_rng(seed)
    sizes = random.integers(1, 5, count)
    bounds = np.concatenate(([0], np.cumsum(sizes)))
    owner = np.repeat(np.arange(count), sizes)
    slot = random.integers(0, ACTIVE, len(owner))
    write = random.random(len(owner)) < 0.5
    before = _appended_before(slot, write)
    if skews:
        before -= _missed(owner, slot, write, count)
    key, place = slot + ACTIVE * (before // LENGTH), before % LENGTH
    size = np.where(write, 0, place)
    effect = STEP_NS * np.arange(1, count + 1)
    return Transactions(
        id=np.arange(count),
        process=np.arange(count) % CLIENTS,
        call_ns=effect - random.integers(2 * STEP_NS + 1, 3 * STEP_NS, count),
        return_ns=effect + random.integers(1, 2 * STEP_NS, count),
        outcome=np.zeros(count, np.uint8),
        bounds=bounds,
        f=np.where(write, WRITE, READ).astype(np.uint8),
        key=key,
        value=place + 1,
        start=np.cumsum(size) - size,
        size=size,
        elements=spanned(np.ones(len(size), np.int64), size),
        keys=range(int(key.max()) + 1),
    )


def _appended_before(slot, write):
    """Return how many appends to the same slot came before each micro-operation."""
    order = np.argsort(slot, kind="stable")
    upto = np.cumsum(write[order]) - write[order]
    first = np.searchsorted(slot[order], np.arange(ACTIVE))
    counts = np.empty(len(slot), np.int64)
    counts[order] = upto - np.repeat(upto[first], np.bincount(slot, minlength=ACTIVE))
    return counts


def _missed(owner, slot, write, count):
    """Return for each micro-operation how many appends of the transaction before its own it does not see."""
    appended = np.zeros((count + 2, ACTIVE), np.int8)
    np.add.at(appended, (owner[write] + 2, slot[write]), 1)
    mine, one, two = appended[2:], appended[1:-1], appended[:-2]
    first = ~((mine > 0) & (one > 0)).any(axis=1)
    second = first & (np.arange(count) % 4 == 0) & ~((mine > 0) & (two > 0)).any(axis=1)
    return np.where(first[owner], one[owner, slot], 0) + np.where(second[owner], two[owner, slot], 0)
