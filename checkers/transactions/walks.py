"""Short closed walks in a graph with cycles, found breadth first from one transaction after the other."""

from collections import deque

import numpy as np
from msgspec import Struct

from checkers.transactions.columns import Ints
from checkers.transactions.components import Core, Nodes
from checkers.transactions.dependencies import Kind


class Walk(Struct, frozen=True, kw_only=True):
    """Transactions, as nodes of the core, each with the kind of its edge to the next, the last to the first."""

    nodes: tuple[int, ...]
    kinds: tuple[Kind, ...]

    def __len__(self) -> int:
        return len(self.nodes)

    def adjacent(self) -> bool:
        """Tell whether two anti-dependencies are next to each other."""
        return any(
            one == other == Kind.RW
            for one, other in zip(self.kinds, (*self.kinds[1:], self.kinds[0]), strict=True)
        )

    def simple(self) -> "Walk":
        """Return a part that meets no transaction twice, and has no adjacent anti-dependencies if this has none.

        Where a walk meets itself it is two; of the four edges there one pair can be of anti-dependencies, not
        both.
        """
        seen: dict[int, int] = {}
        for place, node in enumerate(self.nodes):
            if node in seen:
                inner, outer = self._part(seen[node], place)
                return (inner if self.adjacent() or not inner.adjacent() else outer).simple()
            seen[node] = place
        return self

    def left_by_anti(self) -> "Walk":
        """Return the walk from a transaction on that an anti-dependency leads from, but none to."""
        first = self.kinds.index(Kind.RW) if Kind.RW in self.kinds else 0
        return Walk(
            nodes=self.nodes[first:] + self.nodes[:first], kinds=self.kinds[first:] + self.kinds[:first]
        )

    def _part(self, first: int, last: int) -> "tuple[Walk, Walk]":
        inner = Walk(nodes=self.nodes[first:last], kinds=self.kinds[first:last])
        nodes, kinds = self.nodes[:first] + self.nodes[last:], self.kinds[:first] + self.kinds[last:]
        return inner, Walk(nodes=nodes, kinds=kinds)


class Walks:
    """Searches in one core. `exhausted` is True once more than `effort` edges were looked at.

    A state is a node, or, in the doubled graph, a node + n: reached by an anti-dependency, which may not be
    followed by another one. Labels are components of states.
    """

    def __init__(self, graph: Core, effort: int) -> None:
        order = np.argsort(graph.src, kind="stable")
        self._size = len(graph)
        ends: Ints = np.concatenate(([0], np.cumsum(np.bincount(graph.src, minlength=self._size))))
        self._ends = ends.tolist()
        self._dst = graph.dst[order].tolist()
        self._kind = graph.kind[order].tolist()
        self._real = graph.real.tolist()
        self._left = effort

    @property
    def exhausted(self) -> bool:
        """Whether the effort is spent."""
        return self._left < 0

    def shortest(self, members: Nodes, label: Nodes, allowed: Kind) -> Walk | None:
        """Return a short cycle of allowed kinds in a component."""
        return self._best(members, label, first=allowed, then=allowed)

    def single(self, members: Nodes, label: Nodes, forward: Kind) -> Walk | None:
        """Return a short cycle with one anti-dependency in a doubled component, None if there is none."""
        return self._best(members, label, first=Kind.RW, then=forward)

    def apart(self, members: Nodes, label: Nodes, forward: Kind) -> Walk | None:
        """Return a short cycle with anti-dependencies of which no two are adjacent, in a doubled component."""
        found = self._best(members, label, first=Kind.RW, then=forward | Kind.RW)
        return None if found is None else found.simple().left_by_anti()

    def _best(self, members: Nodes, label: Nodes, *, first: Kind, then: Kind) -> Walk | None:
        """Try one transaction after the other; once the effort is spent, the first that is found is taken."""
        best: Walk | None = None
        for node in members.tolist():
            if not self._real[node]:
                continue
            if self.exhausted and (best is not None or not then & Kind.RW):
                break
            found = self._around(node, label, first=first, then=then, below=len(best) if best else None)
            if found is not None:
                best = found
                if len(best) == 2:
                    break
        return best

    def _around(self, start: int, label: Nodes, *, first: Kind, then: Kind, below: int | None) -> Walk | None:
        """Return the shortest walk from a transaction back to it, of fewer than `below` transactions."""
        size, doubled, real = self._size, len(label) > self._size, self._real
        ends, dst, kinds = self._ends, self._dst, self._kind
        component = label[start]
        came: dict[int, tuple[int, int]] = {}
        line = deque(((start, 0),))
        allowed = int(first)
        while line:
            state, far = line.popleft()
            if below is not None and far + 1 >= below:
                break
            node, anti = (state - size, True) if state >= size else (state, False)
            begin, end = ends[node], ends[node + 1]
            self._left -= end - begin
            for edge in range(begin, end):
                kind = kinds[edge]
                if not kind & allowed:
                    continue
                onward = dst[edge]
                if doubled and (kind == Kind.RW or (kind == Kind.LINK and anti)):
                    if anti and kind == Kind.RW:
                        continue
                    onward += size
                if onward in came or label[onward] != component:
                    continue
                came[onward] = (state, kind)
                if onward == start:
                    return self._told(start, came)
                if real[dst[edge]]:
                    line.append((onward, far + 1))
                else:
                    line.appendleft((onward, far))
            allowed = int(then | Kind.LINK)
        return None

    def _told(self, start: int, came: dict[int, tuple[int, int]]) -> Walk:
        nodes: list[int] = []
        kinds: list[Kind] = []
        state = start
        while True:
            state, kind = came[state]
            node = state % self._size
            if self._real[node]:
                nodes.append(node)
                kinds.append(Kind(kind))
            if state == start:
                return Walk(nodes=tuple(reversed(nodes)), kinds=tuple(reversed(kinds)))
