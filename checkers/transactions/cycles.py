"""Cycles among transactions: of each component that has some the worst one, as short as it can be found.

Components first, of ever more kinds of edges: a component of write dependencies alone has a G0, and so on, as
Elle does it (Kingsbury and Alvaro 2020). A cycle in which no two anti-dependencies are next to each other is
one of a graph with two nodes for each transaction: one for having come by an anti-dependency, and that one is
left by other kinds only. So each question is one about components, whose answer takes time in proportion to
the graph. Only components that have what is asked for are searched, breadth first.
"""

import numpy as np
from msgspec import Struct

from checkers.transactions.anomalies import CYCLES, ORDERS, Anomaly, Order, cycle, parts
from checkers.transactions.components import Core, Nodes, components, core
from checkers.transactions.dependencies import Edges, Kind
from checkers.transactions.walks import Walk, Walks

_DATA = {Anomaly.G0: Kind.WW, Anomaly.G1C: Kind.WW | Kind.WR}
_EXTRA = {
    Order.NONE: Kind.LINK,
    Order.PROCESS: Kind.LINK | Kind.PROCESS,
    Order.REALTIME: Kind.LINK | Kind.PROCESS | Kind.REALTIME,
}
_FORWARD = Kind.WW | Kind.WR
"""Dependencies that are no anti-dependencies."""


class Cycle(Struct, frozen=True, kw_only=True):
    """Transactions, each before the next one, and the last before the first: for what reason is in `kinds`."""

    anomaly: Anomaly
    rows: tuple[int, ...]
    kinds: tuple[Kind, ...]

    def __len__(self) -> int:
        return len(self.rows)


def cycles(edges: Edges, *, effort: int) -> tuple[list[Cycle], bool]:
    """Return the cycles of a graph, and whether all that was wanted was searched.

    For each anomaly one of each component that has it, unless it has a graver one. What is found is found
    whatever the `effort`, the number of edges that may be followed; but beyond it a cycle is not the
    shortest, and a graver one may be missed. O(nodes + edges), and the search of components with cycles.
    """
    search = _Search(core(edges), effort)
    search.run()
    return [search.told(anomaly, walk) for anomaly, walk in search.found], search.complete


class _Search:
    """The search of one graph."""

    def __init__(self, graph: Core, effort: int) -> None:
        self._core = graph
        self._walks = Walks(graph, effort)
        self.found: list[tuple[Anomaly, Walk]] = []
        self.complete = True

    def run(self) -> None:
        """Look for everything, the gravest first."""
        if not len(self._core):
            return
        for order in ORDERS:
            for base in (Anomaly.G0, Anomaly.G1C):
                allowed = _DATA[base] | _EXTRA[order]
                label = self._label(allowed)
                for members in self._open(label, base, order):
                    self._add(self._walks.shortest(members, label, allowed))
            self._anti(order)
        self.complete = not self._walks.exhausted

    def _anti(self, order: Order) -> None:
        """Look for cycles with anti-dependencies."""
        forward = _FORWARD | _EXTRA[order]
        label = self._doubled(forward)
        for base, way in ((Anomaly.G_SINGLE, self._walks.single), (Anomaly.G_NONADJACENT, self._walks.apart)):
            for members in self._open(label, base, order):
                self._add(way(members, label, forward))
        allowed = forward | Kind.RW
        label = self._label(allowed)
        for members in self._open(label, Anomaly.G2_ITEM, order):
            self._add(self._walks.shortest(members, label, allowed))

    def _label(self, allowed: Kind) -> Nodes:
        """Return the components of the graph of some kinds."""
        kept = (self._core.kind & allowed) != 0
        return components(len(self._core), self._core.src[kept], self._core.dst[kept])

    def _doubled(self, forward: Kind) -> Nodes:
        """Return the components of the graph in which an anti-dependency leads to the second of two nodes.

        Node i + n is node i as it is reached by an anti-dependency.
        """
        graph, size = self._core, len(self._core)
        ahead = (graph.kind & (forward & ~Kind.LINK)) != 0
        link, anti = graph.kind == Kind.LINK, graph.kind == Kind.RW
        src, dst = graph.src, graph.dst
        return components(
            2 * size,
            np.concatenate((src[ahead], src[ahead] + size, src[anti], src[link], src[link] + size)),
            np.concatenate((dst[ahead], dst[ahead], dst[anti] + size, dst[link], dst[link] + size)),
        )

    def _open(self, label: Nodes, base: Anomaly, order: Order) -> list[Nodes]:
        """Return the nodes of the components in which nothing as grave is known.

        Of a component of the doubled graph those that are not reached by an anti-dependency: each cycle has
        one.
        """
        wanted = np.bincount(label) > 1
        for anomaly, walk in self.found:
            known, needs = parts(anomaly)
            if CYCLES.index(known) <= CYCLES.index(base) and ORDERS.index(needs) <= ORDERS.index(order):
                wanted[label[walk.nodes[0]]] = False
        within = label[: len(self._core)]
        nodes = np.flatnonzero(wanted[within]).astype(np.int32)
        nodes = nodes[np.argsort(within[nodes], kind="stable")]
        return np.split(nodes, np.flatnonzero(np.diff(within[nodes])) + 1) if len(nodes) else []

    def _add(self, walk: Walk | None) -> None:
        if walk is not None:
            self.found.append((classified(walk), walk))

    def told(self, anomaly: Anomaly, walk: Walk) -> Cycle:
        """Return a walk by its rows, beginning with the first of them."""
        first = walk.nodes.index(min(walk.nodes))
        nodes, kinds = walk.nodes[first:] + walk.nodes[:first], walk.kinds[first:] + walk.kinds[:first]
        rows = tuple(int(self._core.origin[node]) for node in nodes)
        return Cycle(anomaly=anomaly, rows=rows, kinds=kinds)


def classified(walk: Walk) -> Anomaly:
    """Return what a cycle is called."""
    anti = walk.kinds.count(Kind.RW)
    if anti:
        several = Anomaly.G2_ITEM if walk.adjacent() else Anomaly.G_NONADJACENT
        base = Anomaly.G_SINGLE if anti == 1 else several
    else:
        base = Anomaly.G1C if Kind.WR in walk.kinds else Anomaly.G0
    if Kind.REALTIME in walk.kinds:
        return cycle(base, Order.REALTIME)
    return cycle(base, Order.PROCESS if Kind.PROCESS in walk.kinds else Order.NONE)
