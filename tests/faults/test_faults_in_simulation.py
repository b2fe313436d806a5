"""The faults that only simulated machines have, on the reference store and on machines where nothing runs."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from harness import assembly, lifecycle, plugins
from harness.contract import Mode
from harness.episode import Proof
from harness.errors import NodeError
from harness.interrupts import Interrupts
from harness.machine import ClusterConfig, Weather
from harness.result import RunResult
from harness.scenario import FaultStep, Scenario
from harness.system import NodeStatus
from harness.verdict import Verdict
from harness.world import RunWorld
from nodes.adapters.reference import ReferenceSystem
from nodes.local import LocalCluster
from nodes.local.cluster import ELSEWHERE
from nodes.local.machine import PowerMachine
from nodes.simulated.cluster import SimulatedCluster
from nodes.simulated.loop import VirtualLoop

NAMES = (
    "flaky", "clog", "reset", "lying-flush", "flush-error", "disk-full", "slow-disk", "bit-rot", "lost-write",
    "misdirected-write", "clock-drift", "clock-jump",
)  # fmt: skip


def simulate(
    folder: Path,
    *steps: FaultStep,
    mode: Mode = Mode.QUORUM,
    failover: str = "automatic",
    seed: int = 1,
    time_limit_s: float = 5,
) -> RunResult:
    """Run the reference store under faults, in segments so small that a full disk soon shows."""
    scenario = Scenario(
        name="x",
        mode=mode,
        machines="sim",
        clients=5,
        rate=40,
        time_limit_s=time_limit_s,
        seed=seed,
        faults=steps,
        settings={"segment_kb": 16, "failover": failover},
    )
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(
            lifecycle.execute(
                scenario,
                machines=SimulatedCluster,
                system=assembly.system(scenario),
                workload=assembly.workload(scenario),
                faults=tuple(assembly.fault(step) for step in steps),
                folder=folder,
                interrupts=Interrupts(),
            )
        )


@pytest.mark.parametrize("target", ["primary", "replica"])
@pytest.mark.parametrize("name", NAMES)
def test_each_fault_bites_heals_and_leads_to_no_false_accusation(
    tmp_path: Path, name: str, target: str
) -> None:
    result = simulate(tmp_path, FaultStep(fault=name, target=target, at_s=0.5, for_s=6), time_limit_s=8)
    (episode,) = result.episodes
    assert episode.bit, episode
    assert episode.mended, episode
    assert result.verdict is Verdict.HOLDS, [check for check in result.checks if check.findings]


def test_a_node_that_is_killed_says_nothing_more(tmp_path: Path) -> None:
    result = simulate(tmp_path, FaultStep(fault="kill", target="n1", at_s=1, for_s=1))
    assert result.episodes[0].bit
    assert not list(tmp_path.glob("logs/n1/*.err"))


def test_a_node_whose_flush_fails_stops_and_is_started_at_the_heal(tmp_path: Path) -> None:
    result = simulate(tmp_path, FaultStep(fault="flush-error", target="n1", at_s=1, for_s=2))
    (episode,) = result.episodes
    assert episode.injected[-1].what == "n1: flush error, 1 time"
    assert episode.healed[-1].what.startswith("n1 runs again")
    assert "flushing the log failed" in (tmp_path / "logs/n1/store.err").read_text()


@pytest.mark.parametrize("fault", ["kill", "power-cut"])
def test_a_crash_that_missed_its_step_leaves_the_node_alone(tmp_path: Path, fault: str) -> None:
    never = {"at": "flush", "count": 10_000, "within_s": 0.5}
    result = simulate(tmp_path, FaultStep(fault=fault, options=never, target="n1", at_s=1, for_s=1))
    (episode,) = result.episodes
    assert not episode.bit
    assert episode.injected[0].what == "n1 did not come to step flush 10000 times within 0.5 s"
    assert episode.healed[-1].what.startswith("n1 runs, pid ")
    assert result.deaths == ()


@pytest.mark.parametrize("fault", ["kill", "power-cut"])
def test_what_another_fault_takes_down_meanwhile_is_started_in_the_end(tmp_path: Path, fault: str) -> None:
    never = {"at": "flush", "count": 10_000, "within_s": 0.5}
    steps = (
        FaultStep(fault=fault, options=never, target="n1", at_s=1, for_s=3),
        FaultStep(fault="kill", target="n1", at_s=1.2, for_s=1),
    )
    result = simulate(tmp_path, *steps, time_limit_s=6)
    assert result.episodes[1].healed[-1].what == "n1 let go; another fault still keeps it down"
    assert result.episodes[0].healed[-1].what.startswith("n1 runs again, pid ")
    assert result.deaths == ()


@pytest.mark.parametrize("at_s", [1.2, 2], ids=["struck while it waited", "struck after that"])
def test_a_power_cut_that_missed_its_step_does_not_restore_the_power_of_another(
    tmp_path: Path, at_s: float
) -> None:
    never = {"at": "flush", "count": 10_000, "within_s": 0.5}
    steps = (
        FaultStep(fault="power-cut", options=never, target="n1", at_s=1, for_s=1.5),
        FaultStep(fault="power-cut", target="n1", at_s=at_s, for_s=3),
    )
    result = simulate(tmp_path, *steps, time_limit_s=7)
    assert [episode.bit for episode in result.episodes] == [False, True]
    assert result.episodes[1].injected[-1].what == "n1 has no power and 0 processes"
    assert result.episodes[1].healed[-1].what.startswith("n1 runs again, pid ")


def test_a_node_that_refuses_what_a_lie_has_left_gets_a_blank_disk(tmp_path: Path) -> None:
    steps = (
        FaultStep(fault="lying-flush", target="n1", at_s=1, for_s=3),
        FaultStep(fault="power-cut", target="n1", at_s=2, for_s=1),
    )
    result = simulate(tmp_path, *steps, time_limit_s=6)
    assert result.verdict is Verdict.HOLDS
    assert result.episodes[0].healed[-1].what.endswith("on a blank disk")


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("set_back", [False, True])
def test_a_node_that_has_forgotten_its_epoch_begins_a_later_one_unless_its_clock_was_set_back(
    tmp_path: Path, set_back: bool, force: bool
) -> None:
    """The node is promoted while the old primary is cut off, loses its disk, and is promoted again."""
    again = {"force": force}
    steps = [
        FaultStep(fault="partition", options={"shape": "primary-cut-off"}, target="n1", at_s=1, for_s=3.7),
        FaultStep(fault="promote", options=again, target="n2", at_s=1.2, for_s=0.1),
        FaultStep(fault="kill", target="n3", at_s=4.4, for_s=4.1),
        FaultStep(fault="disk-loss", target="n2", at_s=4.45, for_s=0.15),
        FaultStep(fault="promote", options=again, target="n2", at_s=6.2, for_s=0.1),
    ]
    if set_back:
        steps.append(FaultStep(fault="clock-jump", options={"by_s": -60}, target="n2", at_s=4.7, for_s=4))
    result = simulate(tmp_path, *steps, mode=Mode.ASYNC, failover="manual", time_limit_s=11)
    assert all(episode.bit for episode in result.episodes)
    figures = next(check.figures for check in result.checks if check.checker == "durability")
    assert figures["lost"] > 0, "there is something to judge"
    assert (figures["unproved"] > 0) is set_back
    assert result.verdict is (Verdict.INCONCLUSIVE if set_back else Verdict.HOLDS)


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    steps = tuple(FaultStep(fault=name, at_s=0.5 + index / 10, for_s=1.5) for index, name in enumerate(NAMES))
    folders = (tmp_path / "a", tmp_path / "b")
    for folder in folders:
        folder.mkdir()
        simulate(folder, *steps, seed=7)
    contents = [
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in folders
    ]
    assert contents[0] == contents[1]
    assert contents[0]


class Nothing:
    """A system that starts nothing."""

    name = "nothing"

    async def start(self, machine: Any) -> None:
        pass

    async def status(self, node: str) -> NodeStatus:
        raise NodeError("nothing runs here")


def idle(folder: Path, scenario: Callable[[RunWorld], Awaitable[None]]) -> None:
    """Run a scenario on machines on which nothing runs."""

    async def whole() -> None:
        cluster = SimulatedCluster(ClusterConfig(names=("n1", "n2", "n3"), folder=folder))
        system: Any = Nothing()
        await scenario(RunWorld(cluster=cluster, system=system))

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(whole())


def shown(proofs: tuple[Proof, ...]) -> bool:
    return bool(proofs) and all(proof.shown for proof in proofs)


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("clock")])
def test_a_fault_that_met_nothing_has_no_evidence(tmp_path: Path, name: str) -> None:
    async def scenario(world: RunWorld) -> None:
        fault = plugins.load("acked.faults", name)({})
        injected = await fault.inject(world, ("n1",))
        await asyncio.sleep(1)
        assert not shown((*injected, *await fault.evidence(world, ("n1",))))
        await fault.heal(world, ("n1",))

    idle(tmp_path, scenario)


@pytest.mark.parametrize("name", NAMES)
def test_a_heal_is_right_without_an_injection_and_twice(tmp_path: Path, name: str) -> None:
    async def scenario(world: RunWorld) -> None:
        fault = plugins.load("acked.faults", name)({})
        for _ in range(2):
            await fault.heal(world, ("n1",))
        fault = plugins.load("acked.faults", name)({})
        await fault.inject(world, ("n1",))
        for _ in range(2):
            await fault.heal(world, ("n1",))
        machine = world.cluster.machines["n1"]
        assert (await machine.probe_disk()).durable  # type: ignore[attr-defined]
        assert await world.cluster.reach("n1", "n2")

    idle(tmp_path, scenario)


def test_a_delay_is_proved_by_the_time_that_probes_take(tmp_path: Path) -> None:
    async def scenario(world: RunWorld) -> None:
        fault = plugins.load("acked.faults", "flaky")({"delay_ms": 100})
        (proof,) = await fault.inject(world, ("n1",))
        assert proof.shown
        assert proof.what in ("a probe n1 - n2 took 200 ms", "a probe n1 - n2 took 201 ms")
        await fault.heal(world, ("n1",))
        begin = asyncio.get_running_loop().time()
        assert await world.cluster.reach("n1", "n2")
        assert asyncio.get_running_loop().time() - begin < 0.01

    idle(tmp_path, scenario)


def test_weather_of_two_faults_ends_with_the_last(tmp_path: Path) -> None:
    async def scenario(world: RunWorld) -> None:
        one, other = (plugins.load("acked.faults", "flaky")({"delay_ms": 100}) for _ in range(2))
        await one.inject(world, ("n1",))
        (proof,) = await other.inject(world, ("n2",))
        assert proof.shown
        await one.heal(world, ("n1",))
        cluster: Any = world.cluster
        assert set(await cluster.disturbed()) == {(a, b) for a, b in PAIRS if "n2" in (a, b)}
        await other.heal(world, ("n2",))
        assert await cluster.disturbed() == {}

    idle(tmp_path, scenario)


PAIRS = [(a, b) for a in ("n1", "n2", "n3") for b in ("n1", "n2", "n3") if a != b]


def test_bad_weather_everywhere_is_between_all_nodes(tmp_path: Path) -> None:
    async def scenario(world: RunWorld) -> None:
        await plugins.load("acked.faults", "flaky")({}).inject(world, ("n1", "n2", "n3"))
        cluster: Any = world.cluster
        assert set(await cluster.disturbed()) == set(PAIRS)

    idle(tmp_path, scenario)


def test_machines_in_namespaces_say_why_they_lack_what_only_others_have() -> None:
    for name in plugins.installed("acked.faults"):
        for ability in plugins.load("acked.faults", name)({}).needs:
            offered = any(issubclass(kind, ability) for kind in (LocalCluster, PowerMachine, ReferenceSystem))
            assert offered is not (ability.__name__ in ELSEWHERE), ability


def test_a_clog_is_no_place_that_a_partition_expects_to_be_open(tmp_path: Path) -> None:
    async def scenario(world: RunWorld) -> None:
        clog = plugins.load("acked.faults", "clog")({})
        partition = plugins.load("acked.faults", "partition")({"shape": "isolated"})
        assert shown(await clog.inject(world, ("n1",)))
        assert shown(await partition.inject(world, ("n2",)))
        assert shown(await partition.heal(world, ("n2",)))
        assert shown(await clog.heal(world, ("n1",)))

    idle(tmp_path, scenario)


def test_swizzled_nodes_are_clogged_one_by_one_and_let_go_in_another_order(tmp_path: Path) -> None:
    async def scenario(world: RunWorld) -> None:
        cluster: Any = world.cluster
        nodes = ("n1", "n2", "n3")

        async def closed() -> set[str]:
            """Return the nodes that are clogged: all of whose links are."""
            links = set(await cluster.held())
            return {name for name in nodes if all((name, other) in links for other in nodes if other != name)}

        async def watch(action: Awaitable[tuple[Proof, ...]]) -> list[set[str]]:
            """Return which nodes were clogged, each time that this changed, and see that it is proved."""
            task = asyncio.ensure_future(action)
            seen = [await closed()]
            while not task.done():
                await asyncio.sleep(0.01)
                if (now := await closed()) != seen[-1]:
                    seen.append(now)
            assert shown(task.result())
            return seen

        clog = plugins.load("acked.faults", "clog")({"swizzle_ms": 200, "seed": 2})
        loop = asyncio.get_running_loop()
        began = loop.time()
        falling = await watch(clog.inject(world, nodes))
        assert 0.4 <= loop.time() - began < 2
        assert [len(step) for step in falling] == [0, 1, 3], (
            "of three nodes, two clogged ones cut off the third"
        )
        rising = await watch(clog.heal(world, nodes))
        assert [len(step) for step in rising] == [3, 1, 0]
        assert rising[1] != falling[1]

    idle(tmp_path, scenario)


def test_a_swizzled_cluster_comes_together_again(tmp_path: Path) -> None:
    options = {"swizzle_ms": 300, "seed": 2}
    result = simulate(
        tmp_path, FaultStep(fault="clog", target="all", at_s=1, for_s=0.5, options=options), time_limit_s=6
    )
    (episode,) = result.episodes
    assert episode.bit and episode.mended
    assert result.verdict is Verdict.HOLDS


def test_faults_of_clocks_are_proved_by_reading_them(tmp_path: Path) -> None:
    async def scenario(world: RunWorld) -> None:
        for name, options in (("clock-drift", {"ppm": -50_000}), ("clock-jump", {"by_s": -60})):
            fault = plugins.load("acked.faults", name)(options)
            assert shown(await fault.inject(world, ("n1",)))
            assert shown(await fault.heal(world, ("n1",)))

    idle(tmp_path, scenario)


@pytest.mark.parametrize(
    ("name", "broken"),
    [("clock-drift", "set_drift"), ("clock-jump", "jump_clock"), ("slow-disk", "break_disk")],
)
def test_an_injector_that_does_nothing_is_found_out(
    tmp_path: Path, name: str, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(world: RunWorld) -> None:
        async def nothing(*args: Any, **kwargs: Any) -> None:
            pass

        monkeypatch.setattr(world.cluster.machines["n1"], broken, nothing)
        assert not shown(await plugins.load("acked.faults", name)({}).inject(world, ("n1",)))

    idle(tmp_path, scenario)


def test_overlapping_faults_of_one_disk_heal_one_by_one(tmp_path: Path) -> None:
    async def scenario(world: RunWorld) -> None:
        one, other = (plugins.load("acked.faults", "slow-disk")({}) for _ in range(2))
        for fault in (one, other):
            assert shown(await fault.inject(world, ("n1",)))
        (healed,) = await one.heal(world, ("n1",))
        assert healed.what == "n1: withdrawn; another fault keeps its disk so"
        assert shown(await other.heal(world, ("n1",)))

    idle(tmp_path, scenario)


def test_weather_is_described_in_whole_nanoseconds_and_bytes(tmp_path: Path) -> None:
    async def scenario(world: RunWorld) -> None:
        fault = plugins.load("acked.faults", "flaky")({"delay_ms": 1.5, "rate_kbps": 8, "clients": True})
        await fault.inject(world, ("n1",))
        cluster: Any = world.cluster
        expected = Weather(delay_ns=1_500_000, bytes_per_s=1000)
        for link in (("n1", "clients"), ("clients", "n1"), ("n3", "n1")):
            assert list(cluster.links.between(*link).weathers.values()) == [expected]
        assert not cluster.links.between("n2", "n3").weathers

    idle(tmp_path, scenario)
