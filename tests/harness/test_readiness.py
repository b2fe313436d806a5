import asyncio
from pathlib import Path

import pytest
from fakes import Appends, FakeClient, FakeCluster, FakeSystem

from harness import readiness
from harness.clock import Clock, Origin
from harness.errors import NodeError, OperationFailed, UsageError
from harness.generator import stateful
from harness.generators import mix, repeat
from harness.history import History
from harness.machine import ClusterConfig
from harness.observer import Observer
from harness.operation import Invocation, Reply
from harness.recording import Recorder
from harness.session import Desk, Session
from harness.spool import Spool
from harness.system import NodeStatus, Role
from harness.workload import reserve

READ = Invocation(f="peek", args=(["k"],), node="n1")


def writes(count: int) -> tuple[Invocation, ...]:
    return tuple(Invocation(f="append", args=("k", number)) for number in range(count))


def test_reserved_writes_are_not_given_to_the_clients() -> None:
    workload = Appends()
    source = mix([workload.generator(("n1",), seed=0), repeat(READ)], seed=3)
    first, rest = reserve(workload, source, 5)  # type: ignore[arg-type]
    more, _ = reserve(workload, rest, 5)  # type: ignore[arg-type]
    assert [write.args[1] for write in (*first, *more)] == list(range(10))


def test_a_workload_that_does_not_write_is_refused() -> None:
    with pytest.raises(UsageError, match="does not write"):
        reserve(Appends(), repeat(READ), 5)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="does not write"):
        reserve(Appends(), stateful(lambda c, s, d: (None, s), 0, seed=0), 5)  # type: ignore[arg-type]


def attempt(
    system: FakeSystem, folder: Path, count: int = 50, deadline_s: float = 5.0, *, degraded: bool = True
) -> tuple[str, History]:
    async def main() -> str:
        cluster = FakeCluster(ClusterConfig(names=system.nodes, folder=folder))
        await system.setup(cluster)
        for machine in cluster.machines.values():
            machine.running = True
        origin = Origin.now()
        with Spool() as spool:
            desk = Desk(
                make_client=system.client,
                recorder=Recorder(spool.open(folder / "history.jsonl"), origin),
                clock=Clock(origin),
                timeout_s=1.0,
                observer=Observer(),
            )
            session = Session(desk, process=-1, renumber=lambda process: process - 1)
            try:
                return await readiness.write_until_acknowledged(
                    system,
                    system.nodes,
                    session,
                    writes(count),
                    deadline_s=deadline_s,  # type: ignore[arg-type]
                    degraded=degraded,
                )
            finally:
                await session.close()

    return asyncio.run(main()), History.open(folder / "history.jsonl")


def test_it_writes_until_a_write_is_acknowledged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "PAUSE_S", 0.001)

    async def third_time(client: FakeClient, value: int) -> None:
        if value < 2:
            raise [OperationFailed("not yet"), ConnectionError("reset")][value]

    system = FakeSystem()
    system.before_append = third_time
    node, history = attempt(system, tmp_path, count=5000)
    assert node == "n1"
    assert [(op.outcome.value, op.process, op.args[1]) for op in history] == [
        ("fail", -1, 0),
        ("info", -1, 1),
        ("ok", -2, 2),
    ]


def test_a_write_counts_only_if_the_primary_acknowledged_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "PAUSE_S", 0.001)
    system = FakeSystem()
    answers = iter(["n2", "n3", None])

    async def append(client: FakeClient, key: str, value: int) -> Reply:
        return Reply(node=next(answers))

    system.append = append  # type: ignore[method-assign]
    node, history = attempt(system, tmp_path, count=5000)
    assert (node, len(list(history))) == ("n1", 3)


@pytest.mark.parametrize("degraded", [True, False])
def test_a_degraded_acknowledgement_counts_where_it_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, degraded: bool
) -> None:
    monkeypatch.setattr(readiness, "PAUSE_S", 0.001)
    system = FakeSystem()
    answers = iter([True, True, False])

    async def append(client: FakeClient, key: str, value: int) -> Reply:
        return Reply(node="n1", degraded=next(answers))

    system.append = append  # type: ignore[method-assign]
    node, history = attempt(system, tmp_path, count=5000, degraded=degraded)
    assert (node, len(list(history))) == ("n1", 1 if degraded else 3)


@pytest.mark.parametrize("degraded", [True, False])
def test_a_primary_that_goes_on_with_fewer_copies_has_not_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, degraded: bool
) -> None:
    monkeypatch.setattr(readiness, "PAUSE_S", 0.001)
    system = FakeSystem()
    words = iter([True, True, False])

    async def status(node: str) -> NodeStatus:
        if node == "n1":
            return NodeStatus(role=Role.PRIMARY, degraded=next(words))
        return NodeStatus(role=Role.REPLICA)

    system.status = status  # type: ignore[method-assign]
    node, history = attempt(system, tmp_path, count=5000, degraded=degraded)
    assert (node, len(list(history))) == ("n1", 1 if degraded else 3)


def test_who_acknowledged_though_another_is_the_primary_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "PAUSE_S", 0.01)
    system = FakeSystem()

    async def append(client: FakeClient, key: str, value: int) -> Reply:
        return Reply(node="n2")

    system.append = append  # type: ignore[method-assign]
    with pytest.raises(NodeError, match="the last write was acknowledged by n2, while n1 was the primary"):
        attempt(system, tmp_path, count=10**6, deadline_s=0.2)


def test_what_was_amiss_is_told_after_the_deadline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "PAUSE_S", 0.01)

    async def never(client: FakeClient, value: int) -> None:
        raise OperationFailed("too few copies")

    system = FakeSystem()
    system.before_append = never
    with pytest.raises(NodeError, match=r"within 0.2 s: n1 is primary; .*the last write: too few copies"):
        attempt(system, tmp_path, count=10**6, deadline_s=0.2)


def test_settling_needs_every_node_and_equal_offsets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "PAUSE_S", 0.001)

    async def main() -> tuple[readiness.Settling, readiness.Settling, readiness.Settling]:
        system = FakeSystem()
        cluster = FakeCluster(ClusterConfig(names=system.nodes, folder=tmp_path))
        await system.setup(cluster)
        for machine in cluster.machines.values():
            machine.running = True
        settled = await readiness.settle(system, system.nodes, deadline_s=1)  # type: ignore[arg-type]
        system.offset = None  # type: ignore[assignment]
        unknown = await readiness.settle(system, system.nodes, deadline_s=1)  # type: ignore[arg-type]
        cluster.machines["n2"].running = False
        silent = await readiness.settle(system, system.nodes, deadline_s=0.01)  # type: ignore[arg-type]
        return settled, unknown, silent

    settled, unknown, silent = asyncio.run(main())
    assert settled == readiness.Settling(complaint=None, certain=True)
    assert unknown == readiness.Settling(complaint=None, certain=False), "without offsets nothing is certain"
    assert silent == readiness.Settling(complaint="after 0.01 s n2 did not answer", certain=False)
