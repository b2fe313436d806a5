"""What can be made, by name: workloads, and the anomalies that can be planted in each."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from msgspec import Struct

from harness.columns.table import Table
from harness.errors import UsageError
from harness.generate import banks, counters, forks, ids, queues, registers, sets, transactions
from harness.generate.making import Wish


class Wanted(Struct, frozen=True, kw_only=True):
    """What to make. Not every workload uses every field."""

    workload: str
    operations: int
    seed: int = 1
    clients: int = 5
    keys: int = 1
    unknown: float = 0.0
    unique: bool = False
    reads: int = 1
    snapshots: bool = False
    anomaly: str | None = None


Maker = Callable[[np.random.Generator, Wanted], Table]


class Kind(Struct, frozen=True):
    """A workload: what makes it, which anomalies it may have, and what it is."""

    make: Maker
    anomalies: tuple[str, ...]
    title: str


def _simple(make: Callable[..., Table], random: np.random.Generator, wanted: Wanted) -> Table:
    return make(
        random, wanted.operations, clients=wanted.clients, unknown=wanted.unknown, anomaly=wanted.anomaly
    )


def _registers(random: np.random.Generator, wanted: Wanted, *, cas: bool) -> Table:
    return registers.registers(
        random,
        wanted.operations,
        clients=wanted.clients,
        keys=wanted.keys,
        unknown=wanted.unknown,
        unique=wanted.unique,
        cas=cas,
        anomaly=wanted.anomaly,
    )


def _sets(random: np.random.Generator, wanted: Wanted) -> Table:
    return sets.sets(
        random,
        wanted.operations,
        clients=wanted.clients,
        unknown=wanted.unknown,
        reads=wanted.reads,
        anomaly=wanted.anomaly,
    )


def _transactions(random: np.random.Generator, wanted: Wanted, *, lists: bool) -> Table:
    return transactions.transactions(
        random,
        wanted.operations,
        clients=wanted.clients,
        unknown=wanted.unknown,
        lists=lists,
        snapshots=wanted.snapshots,
        anomaly=wanted.anomaly,
    )


WORKLOADS: Mapping[str, Kind] = {
    "cas-register": Kind(partial(_registers, cas=True), ("stale-read",), "reads, writes, compare-and-sets"),
    "register": Kind(partial(_registers, cas=False), ("stale-read",), "reads and writes"),
    "set-full": Kind(_sets, sets.ANOMALIES, "adds of unique elements, reads of the whole set"),
    "counter": Kind(partial(_simple, counters.counters), counters.ANOMALIES, "increments, decrements, reads"),
    "bank": Kind(partial(_simple, banks.banks), banks.ANOMALIES, "transfers, reads of all balances"),
    "total-queue": Kind(partial(_simple, queues.queues), queues.ANOMALIES, "enqueues, dequeues, a drain"),
    "unique-ids": Kind(partial(_simple, ids.ids), ids.ANOMALIES, "identifiers handed out"),
    "list-append": Kind(
        partial(_transactions, lists=True),
        transactions.ANOMALIES,
        "transactions that append to lists and read",
    ),
    "rw-register": Kind(
        partial(_transactions, lists=False),
        transactions.ANOMALIES,
        "transactions that write registers and read",
    ),
    "long-fork": Kind(
        partial(_simple, forks.long_forks), forks.FORK_ANOMALIES, "single writes, reads of groups of keys"
    ),
    "causal-reverse": Kind(
        partial(_simple, forks.causal_reverses), forks.REVERSE_ANOMALIES, "unique writes, reads of all"
    ),
}
"""The workloads, by the name of the checker or the model that judges them."""


def generate(wanted: Wanted) -> Table:
    """Make a history: a function of what is wanted, the seed included.

    Raises UsageError for an anomaly that the workload does not have, or for which there is no place.
    """
    kind = WORKLOADS[wanted.workload]
    if wanted.anomaly is not None and wanted.anomaly not in kind.anomalies:
        allowed = ", ".join(kind.anomalies)
        raise UsageError(
            f"--anomaly {wanted.anomaly}: {wanted.workload} does not have it; allowed: {allowed}"
        )
    try:
        return kind.make(np.random.default_rng(wanted.seed), wanted)
    except Wish as wish:
        raise UsageError(f"--anomaly {wanted.anomaly}: {wish}") from wish
