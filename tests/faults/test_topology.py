import itertools
from collections.abc import Collection

import networkx as nx
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from faults.topology import AIMS, Direction, Shape, cut_links, shaped
from harness.machine import CLIENTS, Link

NODES = st.integers(2, 12).map(lambda count: tuple(f"n{index}" for index in range(1, count + 1)))
SEEDS = st.integers(0, 1000)
SHAPES = st.sampled_from(Shape)


@st.composite
def nodes_and_targets(draw: st.DrawFn, most: int = 12) -> tuple[tuple[str, ...], tuple[str, ...]]:
    nodes = draw(NODES)
    targets = draw(st.lists(st.sampled_from(nodes), min_size=1, max_size=most, unique=True))
    return nodes, tuple(targets)


def is_symmetric(links: Collection[Link]) -> bool:
    return all((b, a) in links for a, b in links)


def sees(nodes: tuple[str, ...], links: Collection[Link], node: str) -> frozenset[str]:
    return frozenset(other for other in nodes if (node, other) not in links)


@given(SHAPES, nodes_and_targets(), SEEDS, st.sampled_from(Direction))
def test_links_are_between_places_and_the_same_every_time(
    shape: Shape, cluster: tuple[tuple[str, ...], tuple[str, ...]], seed: int, direction: Direction
) -> None:
    nodes, targets = cluster
    links = cut_links(shape, nodes, targets, direction=direction, seed=seed)
    assert links == cut_links(shape, nodes, list(targets), direction=direction, seed=seed)
    assert links <= set(itertools.permutations((*nodes, CLIENTS), 2))
    assert is_symmetric(links) is (shape is not Shape.ONE_WAY or not links)
    graph = shaped(shape, nodes, targets, direction=direction, seed=seed)
    assert links == set(nx.complement(graph).edges)


@given(SHAPES, nodes_and_targets(), SEEDS)
def test_clients_are_cut_only_where_the_shape_says_so(
    shape: Shape, cluster: tuple[tuple[str, ...], tuple[str, ...]], seed: int
) -> None:
    nodes, targets = cluster
    cut = {place for link in cut_links(shape, nodes, targets, seed=seed) if CLIENTS in link for place in link}
    expected = {*targets, CLIENTS} if shape in {Shape.PRIMARY_CUT_OFF, Shape.CLIENTS_CUT_OFF} else set()
    assert cut == expected


@given(nodes_and_targets(), SEEDS)
def test_halves_leave_two_sides_that_are_whole(
    cluster: tuple[tuple[str, ...], tuple[str, ...]], seed: int
) -> None:
    nodes, targets = cluster
    links = cut_links(Shape.HALVES, nodes, targets, seed=seed)
    others = set(nodes) - set(targets)
    for node in nodes:
        side = set(targets) if node in targets else others
        assert sees(nodes, links, node) == side


@given(nodes_and_targets(), st.sampled_from([Shape.ISOLATED, Shape.PRIMARY_ISOLATED]))
def test_the_isolated_see_nobody_and_the_rest_all_of_the_rest(
    cluster: tuple[tuple[str, ...], tuple[str, ...]], shape: Shape
) -> None:
    nodes, targets = cluster
    links = cut_links(shape, nodes, targets)
    for node in nodes:
        expected = {node} if node in targets else set(nodes) - set(targets)
        assert sees(nodes, links, node) == expected
    assert not any(CLIENTS in link for link in links)


@given(NODES, SEEDS)
def test_a_primary_that_is_cut_off_reaches_nobody_at_all(nodes: tuple[str, ...], seed: int) -> None:
    links = cut_links(Shape.PRIMARY_CUT_OFF, nodes, nodes[:1], seed=seed)
    assert links == {
        link for other in (*nodes[1:], CLIENTS) for link in ((nodes[0], other), (other, nodes[0]))
    }


@given(nodes_and_targets())
def test_clients_cut_off_leaves_the_nodes_alone(cluster: tuple[tuple[str, ...], tuple[str, ...]]) -> None:
    nodes, targets = cluster
    assert all(CLIENTS in link for link in cut_links(Shape.CLIENTS_CUT_OFF, nodes, targets))
    everyone = cut_links(Shape.CLIENTS_CUT_OFF, nodes, ())
    assert everyone == cut_links(Shape.CLIENTS_CUT_OFF, nodes, nodes)
    assert len(everyone) == 2 * len(nodes)


@given(NODES, SEEDS)
def test_in_a_majority_ring_all_see_a_majority_and_no_two_the_same(nodes: tuple[str, ...], seed: int) -> None:
    assume(len(nodes) > 2)
    links = cut_links(Shape.MAJORITY_RING, nodes, nodes[:1], seed=seed)
    views = [sees(nodes, links, node) for node in nodes]
    assert all(len(view) > len(nodes) // 2 for view in views)
    assert len(set(views)) == len(nodes)
    assert any(nodes[0] in link for link in links), "the target loses somebody"


def test_two_nodes_have_no_majority_ring() -> None:
    assert not cut_links(Shape.MAJORITY_RING, ("n1", "n2"), ("n1",))


@given(NODES, SEEDS)
def test_a_bridge_joins_two_halves_that_do_not_see_each_other(nodes: tuple[str, ...], seed: int) -> None:
    assume(len(nodes) > 2)
    bridge = nodes[0]
    links = cut_links(Shape.BRIDGE, nodes, (bridge,), seed=seed)
    assert sees(nodes, links, bridge) == set(nodes)
    halves = {sees(nodes, links, node) - {bridge} for node in nodes[1:]}
    assert len(halves) == 2
    one, other = halves
    assert one | other == set(nodes[1:])
    assert not one & other
    assert abs(len(one) - len(other)) <= 1


@given(nodes_and_targets(), SEEDS)
def test_one_way_cuts_one_way(cluster: tuple[tuple[str, ...], tuple[str, ...]], seed: int) -> None:
    nodes, targets = cluster
    mute = cut_links(Shape.ONE_WAY, nodes, targets, direction=Direction.MUTE, seed=seed)
    deaf = cut_links(Shape.ONE_WAY, nodes, targets, direction=Direction.DEAF, seed=seed)
    others = set(nodes) - set(targets)
    assert mute == set(itertools.product(targets, others))
    assert deaf == {(b, a) for a, b in mute}
    assert not mute & deaf


@pytest.mark.parametrize("shape", [Shape.MAJORITY_RING, Shape.BRIDGE])
def test_the_seed_draws_what_the_shape_leaves_open(shape: Shape) -> None:
    nodes = tuple(f"n{index}" for index in range(1, 8))
    assert len({cut_links(shape, nodes, nodes[:1], seed=seed) for seed in range(20)}) > 5


def test_every_shape_has_an_aim() -> None:
    assert set(AIMS) == set(Shape)
