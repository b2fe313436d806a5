"""Strongly connected components: all cycles are inside of them (Tarjan 1972, as scipy has it)."""

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from checkers.transactions.columns import Ints, Mask
from checkers.transactions.dependencies import Edges
from harness.errors import MissingError

Nodes = NDArray[np.int32]


def components(nodes: int, src: Nodes, dst: Nodes) -> Nodes:
    """Return the number of each node's component; raises MissingError without scipy. O(nodes + edges)."""
    try:
        from scipy.sparse import csr_array
        from scipy.sparse.csgraph import connected_components
    except ImportError as error:
        raise MissingError("cycles are searched with scipy: pip install 'acked[check]'") from error
    # Made so, equal edges become one: with an edge that is there twice scipy 1.17 searches for ever.
    graph = csr_array((np.ones(len(src)), (src, dst)), shape=(nodes, nodes))
    _, label = connected_components(graph, directed=True, connection="strong")
    found: Nodes = label
    return found


def cyclic(label: Nodes) -> Mask:
    """Return for each node whether its component has others."""
    several: Mask = np.bincount(label, minlength=1)[label] > 1
    return several


class Core(Struct, frozen=True, kw_only=True):
    """The part of a graph that has cycles: its nodes, renumbered, and the edges within components.

    `origin` has the number of each node in the whole graph; `real` tells which are transactions.
    """

    origin: Ints
    real: Mask
    src: Nodes
    dst: Nodes
    kind: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.origin)


def core(edges: Edges) -> Core:
    """Return the part of a graph that has cycles: O(nodes + edges)."""
    label = components(edges.nodes, edges.src, edges.dst)
    inside = cyclic(label)
    kept = np.flatnonzero(inside[edges.src] & (label[edges.src] == label[edges.dst]))
    origin = np.flatnonzero(inside)
    number = np.zeros(edges.nodes, np.int32)
    number[origin] = np.arange(len(origin), dtype=np.int32)
    return Core(
        origin=origin,
        real=origin < edges.transactions,
        src=number[edges.src[kept]],
        dst=number[edges.dst[kept]],
        kind=edges.kind[kept],
    )
