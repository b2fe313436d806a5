"""The order of a register's versions: what is taken for granted of it, word for word, against the checker."""

import random
from collections import Counter
from itertools import product

import networkx as nx
import pytest
from small_transactions import columns, r, t, w

from checkers.transactions import Inferences, check

KEYS = ("x", "y")

NOTHING = "nothing"
"""The version before all writes."""


def drawn(seed):
    """Transactions of a few clients, one after the other each; reads show any version of their key, or nothing."""
    draws = random.Random(seed)
    count = draws.randrange(2, 6)
    what = {id: {key: draws.choice(("", "r", "w", "rw")) for key in KEYS} for id in range(count)}
    writers = {key: [id for id in what if "w" in what[id][key]] for key in KEYS}
    free = Counter()
    found = []
    for id, does in what.items():
        micro = []
        for key, ops in does.items():
            if "r" in ops:
                others = [each for each in writers[key] if each != id]
                micro.append(r(key, draws.choice((None, *others, *others))))
            if "w" in ops:
                micro.append(w(key, id))
        process = draws.randrange(3)
        call = free[process] + draws.choice((0, 0, 1, 3))
        free[process] = back = call + draws.choice((1, 2, 6))
        if micro:
            found.append(t(id, *micro, process=process, call=call, back=back))
    return found


def met_and_left(txn, key):
    """The versions that a transaction met first and left behind; nothing if it did not touch the key."""
    values = [NOTHING if value is None else value for _, name, value in txn.micro if name == key]
    return (values[0], values[-1]) if values else None


def order(txns, key, infer):
    """Which version of a key comes before which, as far as it is taken for granted."""
    touched = [(txn, *told) for txn in txns if (told := met_and_left(txn, key))]
    for txn, met, left in touched:
        if any(f == "w" and name == key for f, name, _ in txn.micro):
            yield NOTHING, left  # nothing comes before what somebody wrote
            if infer.wfr_keys:
                yield met, left
    for (one, _, left), (other, met, _) in product(touched, touched):
        if infer.sequential_keys and one.process == other.process and one.back <= other.call and one != other:
            yield left, met
        if infer.linearizable_keys and one.back < other.call:
            yield left, met


@pytest.mark.parametrize(
    "sequential,linearizable", [(False, False), (True, False), (False, True), (True, True)]
)
def test_versions_that_come_before_each_other(sequential, linearizable):
    infer = Inferences(sequential_keys=sequential, linearizable_keys=linearizable)
    seen = Counter()
    for seed in range(300):
        txns = drawn(seed)
        graphs = [nx.DiGraph((a, b) for a, b in order(txns, key, infer) if a != b) for key in KEYS]
        knots = [
            each for graph in graphs for each in nx.strongly_connected_components(graph) if len(each) > 1
        ]
        result = check(columns(txns), "rw-register", infer=infer)
        (told,) = [each.count for each in result.found if each.anomaly == "cyclic-versions"] or [0]
        assert told == len(knots), seed
        seen[bool(told)] += 1
    assert min(seen.values()) > 20, seen
