"""Who can talk to whom: the shapes of a partition as graphs, and the links to cut for them.

A graph has the nodes of the cluster and CLIENTS, and an edge for each direction in which packets pass. All
functions are pure. The shapes are those of Jepsen's nemesis (Kingsbury, 2013 on), with its names where it
has one; those that treat the clients apart are ours.
"""

import enum
import itertools
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import networkx as nx

from harness.draws import Draws
from harness.machine import CLIENTS, Link

if TYPE_CHECKING:
    Graph: TypeAlias = nx.DiGraph[str]


class Shape(enum.StrEnum):
    """How a network falls apart."""

    HALVES = "halves"
    """The targets on one side, all other nodes on the other; clients reach both."""
    ISOLATED = "isolated"
    """Each target is cut from all other nodes; clients reach it."""
    PRIMARY_ISOLATED = "primary-isolated"
    """As isolated, of the primary: it keeps its clients and loses its replicas."""
    PRIMARY_CUT_OFF = "primary-cut-off"
    """The primary is cut from all other nodes and from the clients."""
    CLIENTS_CUT_OFF = "clients-cut-off"
    """Clients can't reach the targets (without targets: any node), while the nodes see each other."""
    MAJORITY_RING = "majority-ring"
    """Every node sees a majority, and no two see the same."""
    BRIDGE = "bridge"
    """Two halves that see each other only through the target, which sees both."""
    ONE_WAY = "one-way"
    """Packets between the targets and the other nodes pass in one direction only."""


class Direction(enum.StrEnum):
    """What a target of a one-way cut can't do."""

    MUTE = "mute"
    """It hears the others, but is not heard."""
    DEAF = "deaf"
    """It is heard, but does not hear."""


AIMS: dict[Shape, str | None] = {
    Shape.HALVES: "minority",
    Shape.ISOLATED: "replica",
    Shape.PRIMARY_ISOLATED: "primary",
    Shape.PRIMARY_CUT_OFF: "primary",
    Shape.CLIENTS_CUT_OFF: None,
    Shape.MAJORITY_RING: "primary",
    Shape.BRIDGE: "replica",
    Shape.ONE_WAY: "primary",
}
"""The role that each shape aims at where a scenario names none."""


def cut_links(
    shape: Shape,
    nodes: Sequence[str],
    targets: Collection[str],
    *,
    direction: Direction = Direction.MUTE,
    seed: int = 0,
) -> frozenset[Link]:
    """Return the links to cut, so that the network of `nodes` and clients takes a shape.

    `seed` draws what the shape leaves open (the order of the ring, who is on which side of the bridge).
    Empty where the shape can't be had, such as a majority ring of two nodes.
    """
    graph = shaped(shape, nodes, targets, direction=direction, seed=seed)
    places = (*nodes, CLIENTS)
    return frozenset(pair for pair in itertools.permutations(places, 2) if not graph.has_edge(*pair))


def shaped(
    shape: Shape,
    nodes: Sequence[str],
    targets: Collection[str],
    *,
    direction: Direction = Direction.MUTE,
    seed: int = 0,
) -> "Graph":
    """Return the graph of who can send to whom in a network of this shape."""
    order = Draws(seed).shuffled(nodes)
    others = [node for node in order if node not in targets]
    graph = _everyone(nodes)
    match shape:
        case Shape.HALVES:
            _part(graph, targets, others)
        case Shape.ISOLATED | Shape.PRIMARY_ISOLATED:
            for target in targets:
                _part(graph, [target], [node for node in nodes if node != target])
        case Shape.PRIMARY_CUT_OFF:
            _part(graph, targets, [*others, CLIENTS])
        case Shape.CLIENTS_CUT_OFF:
            _part(graph, targets or nodes, [CLIENTS])
        case Shape.MAJORITY_RING:
            _make_ring(graph, order, targets)
        case Shape.BRIDGE:
            _part(graph, others[: len(others) // 2], others[len(others) // 2 :])
        case Shape.ONE_WAY if direction is Direction.MUTE:
            graph.remove_edges_from(itertools.product(targets, others))
        case Shape.ONE_WAY:
            graph.remove_edges_from(itertools.product(others, targets))
    return graph


def _everyone(nodes: Iterable[str]) -> "Graph":
    return nx.DiGraph(itertools.permutations((*nodes, CLIENTS), 2))


def _part(graph: "Graph", one: Collection[str], other: Collection[str]) -> None:
    graph.remove_edges_from(itertools.product(one, other))
    graph.remove_edges_from(itertools.product(other, one))


def _make_ring(graph: "Graph", order: Sequence[str], targets: Collection[str]) -> None:
    """Leave each node only as many neighbours to either side of a ring as a majority takes.

    Three nodes have no such ring, since there everybody is a neighbour. They become a line, with a target at
    one end: its ends see a majority each, its middle sees all, and these three are different.
    """
    if len(order) == 3:
        line = sorted(order, key=lambda node: node not in targets)
        _part(graph, line[:1], line[2:])
        return
    each_side = (len(order) // 2 + 1) // 2
    ring = nx.circulant_graph(len(order), list(range(1, each_side + 1)))
    for one, other in itertools.combinations(range(len(order)), 2):
        if not ring.has_edge(one, other):
            _part(graph, [order[one]], [order[other]])
