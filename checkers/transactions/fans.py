"""Edges from each of some transactions to each of others, in little space.

"All who read this version come before all who wrote a next one" may be very many pairs. They go through points:
each target has one for itself and the targets before it, and one for itself and those after it. So a source that is
a target as well leads to all others and not to itself.
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


def fan(nodes: int, sources: Sequence[Bundle], group: Ints, target: Ints, groups: int) -> Fan:
    """Return edges from sources to all targets of their group but themselves.

    A source is a row and, in place of a node, its group: a code below `groups`. Targets are rows with their groups.
    Points are numbered from `nodes` on. O(n log n).
    """
    order = np.lexsort((target, group))
    group, target = group[order], target[order]
    new = np.ones(len(group), np.bool_)
    new[1:] = (group[1:] != group[:-1]) | (target[1:] != target[:-1])
    group, target = group[new], target[new]
    count = np.bincount(group, minlength=groups) if len(group) else np.zeros(groups, np.int64)
    first = np.cumsum(count) - count
    upto, since = nodes + np.arange(len(target)), nodes + len(target) + np.arange(len(target))
    bundles: list[Bundle] = []
    for kind, src, code in sources:
        one = np.flatnonzero(count[code] == 1)
        bundles.append((kind, src[one], target[first[code[one]]]))
        several = np.flatnonzero(count[code] > 1)
        bundles += _through(kind, src[several], code[several], (group, target), (first, count), (upto, since))
    many = np.flatnonzero(count[group] > 1)
    inner = np.flatnonzero((count[group] > 1) & (np.arange(len(group)) > first[group]))
    bundles += [
        (Kind.LINK, upto[many], target[many]),
        (Kind.LINK, since[many], target[many]),
        (Kind.LINK, upto[inner], upto[inner - 1]),
        (Kind.LINK, since[inner - 1], since[inner]),
    ]
    return Fan(bundles=tuple(bundles), nodes=nodes + 2 * len(target))


def _through(
    kind: Kind,
    src: Ints,
    code: Ints,
    targets: tuple[Ints, Ints],
    spans: tuple[Ints, Ints],
    points: tuple[Ints, Ints],
) -> Iterable[Bundle]:
    """Yield edges from sources to the points that leave out themselves."""
    (group, target), (first, count), (upto, since) = targets, spans, points
    rows = int(max(target.max(initial=0), src.max(initial=0))) + 1
    wanted = code * rows + src
    place = np.searchsorted(group * rows + target, wanted)
    inside = np.minimum(place, max(0, len(target) - 1))
    own = (group[inside] == code) & (target[inside] == src) if len(target) else np.zeros(len(src), np.bool_)
    last = first[code] + count[code] - 1
    yield kind, src[~own], upto[last[~own]]
    before, after = own & (place > first[code]), own & (place < last)
    yield kind, src[before], upto[place[before] - 1]
    yield kind, src[after], since[place[after] + 1]


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
