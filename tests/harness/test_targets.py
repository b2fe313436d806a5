import asyncio
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import targets as targets_module
from harness.draws import Draws
from harness.errors import NodeError
from harness.system import NodeStatus, Role
from harness.targets import Targets, primary_of

NODES = ("n1", "n2", "n3", "n4", "n5")


class Tells:
    """A system that only has statuses; those that are missing do not answer."""

    def __init__(self, statuses: Mapping[str, NodeStatus]) -> None:
        self.statuses = dict(statuses)
        self.asked = 0
        self.later: Mapping[str, NodeStatus] = {}

    async def status(self, node: str) -> NodeStatus:
        self.asked += 1
        await asyncio.sleep(0)
        if self.later and self.asked > 3 * len(NODES):
            self.statuses = dict(self.later)
        if node not in self.statuses:
            raise NodeError(f"{node} does not answer")
        return self.statuses[node]


def replica(flushed: int | None = None) -> NodeStatus:
    return NodeStatus(role=Role.REPLICA, flushed=flushed)


def cluster(**confirmed: int) -> Tells:
    """A cluster with n2 as its primary."""
    primary = NodeStatus(role=Role.PRIMARY, epoch=3, replicas=confirmed)
    return Tells({node: primary if node == "n2" else replica() for node in NODES})


def resolve(system: Tells, target: str | None, seed: int = 0) -> tuple[str, ...]:
    return asyncio.run(Targets(system, NODES).resolve(target, Draws(seed)))  # type: ignore[arg-type]


def test_names_and_roles() -> None:
    system = cluster(n1=5, n3=9, n4=9, n5=2)
    assert resolve(system, None) == ()
    assert resolve(system, "n3") == ("n3",)
    assert resolve(system, "all") == NODES
    assert resolve(system, "primary") == ("n2",)
    assert resolve(system, "replicas") == ("n1", "n3", "n4", "n5")
    assert resolve(system, "slowest") == ("n5",)
    assert resolve(system, "primary+n5 + n1") == ("n1", "n2", "n5")


@given(st.integers(0, 2**32))
def test_draws_are_seeded_and_right(seed: int) -> None:
    system = cluster(n1=5, n3=9, n4=9, n5=2)
    for target, allowed, size in (
        ("replica", {"n1", "n3", "n4", "n5"}, 1),
        ("holder", {"n3", "n4"}, 1),
        ("minority", set(NODES), 2),
        ("majority", set(NODES), 3),
    ):
        chosen = resolve(system, target, seed)
        assert chosen == resolve(system, target, seed)
        assert len(chosen) == size
        assert set(chosen) <= allowed


def test_every_candidate_comes_up() -> None:
    system = cluster(n1=5, n3=9, n4=9, n5=2)
    assert {resolve(system, "holder", seed) for seed in range(40)} == {("n3",), ("n4",)}
    assert {"n2" in resolve(system, "majority", seed) for seed in range(40)} == {True, False}


def test_what_nodes_flushed_counts_where_the_primary_does_not_tell() -> None:
    system = Tells({"n1": NodeStatus(role=Role.PRIMARY), "n2": replica(4), "n3": replica(7), "n4": replica()})
    assert resolve(system, "holder") == ("n3",)
    assert resolve(system, "slowest") == ("n4",)


def test_of_two_primaries_the_newer_counts() -> None:
    old, new = NodeStatus(role=Role.PRIMARY, epoch=1), NodeStatus(role=Role.PRIMARY, epoch=2)
    assert primary_of({"n1": old, "n2": new, "n3": replica()}) == "n2"
    assert primary_of({"n3": replica()}) is None


def test_a_primary_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets_module, "ASK_EVERY_S", 0.001)
    system = Tells({node: replica() for node in NODES})
    system.later = cluster().statuses
    assert resolve(system, "primary") == ("n2",)


class Silent(Tells):
    """A system in which some nodes take their time."""

    def __init__(self, statuses: Mapping[str, NodeStatus], silent: tuple[str, ...], delay_s: float) -> None:
        super().__init__(statuses)
        self.silent = silent
        self.delay_s = delay_s
        self.given_up: list[str] = []

    async def status(self, node: str) -> NodeStatus:
        try:
            await asyncio.sleep(self.delay_s if node in self.silent else 0)
        except asyncio.CancelledError:
            self.given_up.append(node)
            raise
        return await super().status(node)


def test_nodes_that_are_silent_do_not_hold_up_a_fault() -> None:
    system = Silent(cluster().statuses, ("n1", "n4"), 60)
    assert resolve(system, "replicas") == ("n3", "n5")
    assert system.given_up == ["n1", "n4"], "nobody goes on asking"


def test_those_that_are_a_little_late_are_heard() -> None:
    system = Silent(cluster(n1=5, n3=9, n4=9, n5=2).statuses, ("n1", "n4"), 0.01)
    assert resolve(system, "replicas") == ("n1", "n3", "n4", "n5")


def test_all_are_waited_for_while_none_says_that_it_is_the_primary() -> None:
    assert resolve(Silent(cluster().statuses, ("n2",), 0.2), "primary") == ("n2",)


def test_no_primary_is_an_error_that_tells_what_the_nodes_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets_module, "PRIMARY_WAIT_S", 0.01)
    monkeypatch.setattr(targets_module, "ASK_EVERY_S", 0.001)
    waiting = NodeStatus(role=Role.REPLICA, note="waiting for n2")
    with pytest.raises(NodeError, match=r"no node was primary for 0.01 s: n1 is replica \(waiting for n2\)"):
        resolve(Tells({"n1": waiting}), "primary")
    with pytest.raises(NodeError, match="no node answered"):
        resolve(Tells({}), "replica")
    assert resolve(Tells({}), "minority+n1")


def test_no_replica_is_an_error() -> None:
    with pytest.raises(NodeError, match="there is no holder to hit: n1 is primary"):
        resolve(Tells({"n1": NodeStatus(role=Role.PRIMARY)}), "holder")
    with pytest.raises(NodeError, match="'n9' is neither a node"):
        resolve(cluster(), "n9")


def test_bound_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets_module, "PRIMARY_WAIT_S", 0.01)
    monkeypatch.setattr(targets_module, "ASK_EVERY_S", 0.001)

    async def main() -> None:
        targets = Targets(cluster(), NODES)  # type: ignore[arg-type]
        with pytest.raises(NodeError, match=r"\$cut stands for no targets"):
            await targets.resolve("$cut", Draws(0))
        targets.bind("cut", ("n4", "n1"))
        assert await targets.resolve("$cut", Draws(0)) == ("n1", "n4")

    asyncio.run(main())


def test_a_bound_name_is_waited_for() -> None:
    async def main() -> None:
        targets = Targets(cluster(), NODES)  # type: ignore[arg-type]
        waiting = asyncio.create_task(targets.resolve("$cut+n5", Draws(0)))
        await asyncio.sleep(0)
        targets.bind("cut", ("n4",))
        assert await asyncio.wait_for(waiting, 10) == ("n4", "n5")

    asyncio.run(main())
