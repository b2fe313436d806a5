"""Strongly connected components: all cycles are inside of them (Tarjan 1972, as scipy has it)."""

import os
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from checkers.transactions.columns import Ints, Mask
from checkers.transactions.dependencies import Edges
from harness import memory
from harness.errors import MissingError

Nodes = NDArray[np.int32]

SCIPY_MB = 80
"""About what scipy takes by itself."""

UNSEARCHED = "cycles of transactions were not searched"

_THREADS = "OPENBLAS_NUM_THREADS"


def components(nodes: int, src: Nodes, dst: Nodes) -> Nodes:
    """Return the number of each node's component. O(nodes + edges).

    Raises MissingError where scipy is not installed or can't be loaded, and MemoryError where there is not enough
    for it.
    """
    csr_array, connected_components = _scipy()
    # Made so, equal edges become one: with an edge that is there twice scipy 1.17 searches for ever.
    graph = csr_array((np.ones(len(src)), (src, dst)), shape=(nodes, nodes))
    _, label = connected_components(graph, directed=True, connection="strong")
    found: Nodes = label
    return found


def available() -> bool:
    """Tell whether components can be found: whether scipy is there, if there is memory for it."""
    try:
        _scipy()
    except MissingError:
        return False
    except MemoryError:
        pass
    return True


def _scipy() -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Import what is needed of scipy.

    OpenBLAS, which is loaded with it, asks for memory for each of its threads, and asks for ever where it is
    refused. Nothing here needs it, so one thread is enough, and there must be room for that.
    """
    left_mb = memory.left_mb()
    if "scipy.sparse.csgraph" not in sys.modules and left_mb is not None and left_mb < SCIPY_MB:
        raise MemoryError(f"scipy takes {SCIPY_MB} MB, and {max(0, left_mb)} are left")
    threads = os.environ.get(_THREADS)
    os.environ[_THREADS] = "1"
    try:
        from scipy.sparse import csr_array
        from scipy.sparse.csgraph import connected_components
    except ModuleNotFoundError as error:
        raise MissingError(f"{UNSEARCHED}, which takes scipy: pip install 'acked[check]'") from error
    except ImportError as error:
        raise MissingError(f"{UNSEARCHED}: scipy can't be loaded: {error}") from error
    finally:
        if threads is None:
            del os.environ[_THREADS]
        else:
            os.environ[_THREADS] = threads
    return csr_array, connected_components


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
