"""Edges from each of some transactions to each of others, in little space.

"All who read this version come before all who wrote a next one" may be very many pairs. They go through
points: each target has one for itself and the targets before it, and one for itself and those after it. So a
source that is a target as well leads to all others and not to itself.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from msgspec import Struct

from checkers.transactions.columns import Ints
from checkers.transactions.dependencies import Edges, Kind

Bundle = tuple[Kind, Ints, Ints]
"""Edges of one kind, from each of the first to the second at the same place."""


class Fan(Struct, frozen=True, kw_only=True):
    """Edges that go through points, and how many nodes there are with these."""

    bundles: tuple[Bundle, ...]
    nodes: int


class _Targets(Struct, frozen=True, kw_only=True):
    """Targets by group, each with its two points; `first` and `count` tell where those of a group are."""

    group: Ints
    target: Ints
    first: Ints
    count: Ints
    upto: Ints
    since: Ints

    def reached(self, kind: Kind, src: Ints, code: Ints) -> Iterable[Bundle]:
        """Yield edges from sources to the targets of their groups, or to points that leave out themselves."""
        one, several = np.flatnonzero(self.count[code] == 1), np.flatnonzero(self.count[code] > 1)
        yield kind, src[one], self.target[self.first[code[one]]]
        src, code = src[several], code[several]
        rows = int(max(self.target.max(initial=0), src.max(initial=0))) + 1
        place = np.searchsorted(self.group * rows + self.target, code * rows + src)
        own = np.zeros(len(src), np.bool_)
        within = np.flatnonzero(place < len(self.target))
        at = place[within]
        own[within] = (self.group[at] == code[within]) & (self.target[at] == src[within])
        last = self.first[code] + self.count[code] - 1
        yield kind, src[~own], self.upto[last[~own]]
        before, after = own & (place > self.first[code]), own & (place < last)
        yield kind, src[before], self.upto[place[before] - 1]
        yield kind, src[after], self.since[place[after] + 1]

    def links(self) -> Iterable[Bundle]:
        """Yield the edges between points, and from them to their targets."""
        many = self.count[self.group] > 1
        inner = np.flatnonzero(many & (np.arange(len(self.group)) > self.first[self.group]))
        yield Kind.LINK, self.upto[many], self.target[many]
        yield Kind.LINK, self.since[many], self.target[many]
        yield Kind.LINK, self.upto[inner], self.upto[inner - 1]
        yield Kind.LINK, self.since[inner - 1], self.since[inner]


def fan(nodes: int, sources: Sequence[Bundle], group: Ints, target: Ints, groups: int) -> Fan:
    """Return edges from sources to all targets of their group but themselves.

    A source is a row and, in place of a node, its group: a code below `groups`. Targets are rows with their
    groups. Points are numbered from `nodes` on. O(n log n).
    """
    order = np.lexsort((target, group))
    group, target = group[order], target[order]
    new = np.ones(len(group), np.bool_)
    new[1:] = (group[1:] != group[:-1]) | (target[1:] != target[:-1])
    group, target = group[new], target[new]
    count = np.bincount(group, minlength=groups)
    size = len(target)
    targets = _Targets(
        group=group,
        target=target,
        first=np.cumsum(count) - count,
        count=count,
        upto=nodes + np.arange(size),
        since=nodes + size + np.arange(size),
    )
    bundles = [each for kind, src, code in sources for each in targets.reached(kind, src, code)]
    return Fan(bundles=(*bundles, *targets.links()), nodes=nodes + 2 * size)


def joined(transactions: int, nodes: int, bundles: Iterable[Bundle]) -> Edges:
    """Return edges as one table; those from a node to itself are left out."""
    kept = [(kind, src, dst, src != dst) for kind, src, dst in bundles]
    return Edges(
        transactions=transactions,
        nodes=nodes,
        src=np.concatenate([src[apart].astype(np.int32) for _, src, _, apart in kept]),
        dst=np.concatenate([dst[apart].astype(np.int32) for _, _, dst, apart in kept]),
        kind=np.concatenate(
            [np.full(int(np.count_nonzero(apart)), kind, np.uint8) for kind, _, _, apart in kept]
        ),
    )


def merged(*graphs: Edges) -> Edges:
    """Return the edges of several graphs of the same transactions, whose points have different numbers."""
    return Edges(
        transactions=graphs[0].transactions,
        nodes=max(each.nodes for each in graphs),
        src=np.concatenate([each.src for each in graphs]),
        dst=np.concatenate([each.dst for each in graphs]),
        kind=np.concatenate([each.kind for each in graphs]),
    )
