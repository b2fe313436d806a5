"""Banks: transfers between accounts that may not be overdrawn, and reads of all balances."""

import numpy as np
from numpy.typing import NDArray

from harness.columns.table import Table
from harness.columns.values import Builder, Kind
from harness.generate.making import NONE, picked, table
from harness.generate.schedule import Schedule, schedule
from harness.history import FAIL, OK

Ints = NDArray[np.int64]

TRANSFER, READ = range(2)
ACCOUNTS = 8
BALANCE = 10
"""What each account has in the beginning."""

ANOMALIES = ("wrong-total", "negative-balance")


def banks(
    random: np.random.Generator, operations: int, *, clients: int, unknown: float, anomaly: str | None
) -> Table:
    """Make a history of one bank; a transfer of more than there is fails. O(n log n)."""
    when = schedule(random, operations, clients=clients, unknown=unknown)
    is_read = random.random(operations) < 0.5
    source = random.integers(0, ACCOUNTS, operations)
    target = (source + random.integers(1, ACCOUNTS, operations)) % ACCOUNTS
    amount = random.integers(1, 6, operations)
    shown, refused = _balances(when, is_read, source, target, amount)
    outcome = np.where(refused & (when.outcome == OK), FAIL, when.outcome).astype(np.uint8)
    answered = np.flatnonzero(is_read)
    if anomaly is not None:
        reads = np.flatnonzero(when.outcome[answered] == OK)
        one = picked(random, reads, "read")
        shown[one, 0] -= 1 if anomaly == "wrong-total" else shown[one, 0] + 1
        if anomaly == "negative-balance":
            shown[one, 1] = ACCOUNTS * BALANCE - shown[one].sum() + shown[one, 1]
    cells = Builder()
    args = _transfers(cells, source, target, amount)
    value = np.full(operations, NONE, np.int64)
    value[answered] = _maps(cells, shown)
    return table(
        when,
        cells,
        f=np.where(is_read, READ, TRANSFER),
        names=("transfer", "read"),
        args=args,
        arity=(~is_read).astype(np.int64),
        value=value,
        outcome=outcome,
    )


def _balances(
    when: Schedule, is_read: "NDArray[np.bool_]", source: Ints, target: Ints, amount: Ints
) -> "tuple[Ints, NDArray[np.bool_]]":
    """Return the balances that each read shows, read by read, and which transfers there was too little for."""
    order = when.in_effect()
    moves = order[~is_read[order] & when.applied[order]]
    balances, refused = [BALANCE] * ACCOUNTS, np.zeros(len(when), np.bool_)
    steps = np.zeros((len(moves) + 1, ACCOUNTS), np.int64)
    steps[0] = BALANCE
    short, done = [], []
    columns = (moves.tolist(), source[moves].tolist(), target[moves].tolist(), amount[moves].tolist())
    for place, (row, giver, taker, sum_) in enumerate(zip(*columns, strict=True)):
        if balances[giver] < sum_:
            short.append(row)
            continue
        balances[giver] -= sum_
        balances[taker] += sum_
        done.append(place)
    refused[short] = True
    kept = moves[done]
    np.subtract.at(steps, (np.array(done, np.int64) + 1, source[kept]), amount[kept])
    np.add.at(steps, (np.array(done, np.int64) + 1, target[kept]), amount[kept])
    before = np.searchsorted(when.effect_ns[moves], when.effect_ns[is_read], "left")
    return np.cumsum(steps, axis=0)[before], refused


def _transfers(cells: Builder, source: Ints, target: Ints, amount: Ints) -> Ints:
    """Add `{from: …, to: …, amount: …}` for each; return the cells."""
    count = len(source)
    words = cells.add(["from", "to", "amount"])
    assert words == 0, "the texts are numbered as they are added"
    kind = np.tile(np.array([Kind.TEXT, Kind.INT] * 3, np.uint8), (count, 1))
    payload = np.column_stack(
        (np.zeros(count), source, np.ones(count), target, np.full(count, 2), amount)
    ).astype(np.int64)
    first = cells.add_cells(kind.ravel(), payload.ravel())
    maps = cells.add_containers(Kind.MAP, first + 6 * np.arange(count), np.full(count, 6))
    return maps + np.arange(count)


def _maps(cells: Builder, shown: Ints) -> Ints:
    """Add `{0: …, 1: …, …}` for each row of balances; return the cells."""
    count = len(shown)
    payload = np.empty((count, 2 * ACCOUNTS), np.int64)
    payload[:, 0::2], payload[:, 1::2] = np.arange(ACCOUNTS), shown
    first = cells.add_integers(payload.ravel())
    starts = first + 2 * ACCOUNTS * np.arange(count)
    maps = cells.add_containers(Kind.MAP, starts, np.full(count, 2 * ACCOUNTS))
    return maps + np.arange(count)
