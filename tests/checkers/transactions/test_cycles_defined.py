"""Which models the cycles of a small graph rule out, by listing all of them, against the search by components."""

import random
from collections import Counter
from itertools import product

import networkx as nx
import numpy as np

from checkers.transactions.anomalies import Anomaly, Order, cycle
from checkers.transactions.cycles import cycles
from checkers.transactions.dependencies import Edges, Kind
from checkers.transactions.models import ruled_out

DATA = (Kind.WW, Kind.WR, Kind.RW, Kind.RW, Kind.RW)
TIME = (Kind.PROCESS, Kind.REALTIME)


def drawn(seed):
    """Edges between a few transactions, for one or more reasons each: who depends on whom, and why."""
    draws = random.Random(seed)
    count = draws.randrange(3, 7)
    kinds = (*DATA, *DATA, *TIME) if draws.random() < 0.4 else DATA
    likely = draws.choice((0.2, 0.3, 0.4))
    return count, sorted(
        {
            (one, other, draws.choice(kinds))
            for one, other in product(range(count), range(count))
            for _ in range(2)
            if one != other and draws.random() < likely
        }
    )


def named(kinds):
    """What a cycle of edges of these kinds is called."""
    anti = kinds.count(Kind.RW)
    beside = any(kinds[at - 1] == kinds[at] == Kind.RW for at in range(len(kinds)))
    if anti:
        base = Anomaly.G_SINGLE if anti == 1 else Anomaly.G2_ITEM if beside else Anomaly.G_NONADJACENT
    else:
        base = Anomaly.G1C if Kind.WR in kinds else Anomaly.G0
    order = (
        Order.REALTIME if Kind.REALTIME in kinds else Order.PROCESS if Kind.PROCESS in kinds else Order.NONE
    )
    return cycle(base, order)


def everything(edges):
    """The names of all cycles that meet no transaction twice."""
    reasons = {}
    for one, other, kind in edges:
        reasons.setdefault((one, other), []).append(kind)
    for nodes in nx.simple_cycles(nx.DiGraph(list(reasons))):
        hops = [reasons[nodes[at - 1], nodes[at]] for at in range(len(nodes))]
        yield from map(named, product(*hops))


def test_the_models_that_are_ruled_out_are_those_of_all_cycles():
    seen = Counter()
    for seed in range(1500):
        count, edges = drawn(seed)
        src, dst, kind = (np.array(column) for column in zip(*edges, strict=True)) if edges else ([], [], [])
        graph = Edges(
            transactions=count,
            nodes=count,
            src=np.array(src, np.int32),
            dst=np.array(dst, np.int32),
            kind=np.array(kind, np.uint8),
        )
        expected = ruled_out(everything(edges))
        for effort in (10**6, seed % 20):
            found, complete = cycles(graph, effort=effort)
            for each in found:
                hops = zip(each.rows, (*each.rows[1:], each.rows[0]), each.kinds, strict=True)
                assert set(hops) <= set(edges) and len(set(each.rows)) == len(each.rows), seed
                assert each.anomaly == named(each.kinds), seed
            assert complete or effort < 10**6
            ruled = ruled_out(each.anomaly for each in found)
            assert ruled == expected or (not complete and set(ruled) <= set(expected)), seed
        seen[expected] += 1
    assert len(seen) > 20, len(seen)
