import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from fakes import FakeCluster, FakeSystem, KillFault

from harness import episodes, targets
from harness.clock import Clock, Origin
from harness.draws import Draws
from harness.episode import Episode
from harness.episodes import EpisodeLog
from harness.errors import DamagedError, NodeError
from harness.machine import ClusterConfig
from harness.observer import Observer
from harness.scenario import FaultStep
from harness.schedule import Schedule
from harness.spool import Spool
from harness.system import NodeStatus
from harness.targets import Targets
from harness.world import RunWorld


def step(at_s: float = 0.0, target: str | None = "n1", **more: object) -> FaultStep:
    return FaultStep(fault="kill", target=target, at_s=at_s, **more)  # type: ignore[arg-type]


class Stage:
    """A schedule on a running fake cluster."""

    def __init__(self, plan: list[tuple[FaultStep, KillFault]], spool: Spool, folder: Path) -> None:
        self.system = FakeSystem()
        self.cluster = FakeCluster(ClusterConfig(names=self.system.nodes, folder=folder))
        self.system.machines = self.cluster.machines
        for machine in self.cluster.machines.values():
            machine.running = True
        self.clock = Clock(Origin.now())
        self.log = EpisodeLog(spool.open(folder / "episodes.jsonl"), Observer())
        self.targets = Targets(self.system, self.system.nodes)
        self.schedule = Schedule(
            [step for step, _ in plan],
            [fault for _, fault in plan],
            world=RunWorld(cluster=self.cluster, system=self.system),
            targets=self.targets,
            clock=self.clock,
            log=self.log,
            seed=7,
        )

    async def until(self, condition: Callable[[], bool], reason: str) -> None:
        end = asyncio.get_running_loop().time() + 10
        while not condition():
            assert asyncio.get_running_loop().time() < end, f"waited 10 s for: {reason}"
            await asyncio.sleep(0.002)


def act(
    plan: list[tuple[FaultStep, KillFault]], folder: Path, play: Callable[[Stage], Awaitable[None]]
) -> tuple[Episode, ...]:
    """Play and return the episodes, which must be on disk as they are in memory."""

    async def main() -> tuple[Episode, ...]:
        with Spool() as spool:
            stage = Stage(plan, spool, folder)
            stage.schedule.start(stage.clock.now_ns())
            async with asyncio.timeout(30):
                await play(stage)
            return stage.log.episodes

    played = asyncio.run(main())
    assert episodes.read(folder / "episodes.jsonl") == played
    return played


async def to_the_end(stage: Stage) -> None:
    await stage.until(
        lambda: (
            all(episode.until_ns or episode.error for episode in stage.log.episodes)
            and len(stage.log.episodes) == len(stage.schedule._plan)
        ),
        "all episodes to end",
    )
    await stage.schedule.heal_all()


def test_an_episode_from_injection_to_heal(tmp_path: Path) -> None:
    fault = KillFault()
    (episode,) = act(
        [(step(0.01, None, for_s=0.02, bind="first", options={"a": 1}), fault)], tmp_path, to_the_end
    )
    assert (episode.id, episode.name, episode.fault, episode.detail) == (0, "first", "kill", "a: 1")
    assert (episode.targets, fault.injected) == (("n1",), [("n1",)])
    assert episode.bit
    assert episode.mended
    assert [proof.what for proof in episode.injected] == ["gone", "still gone"]
    assert episode.error is None
    times = (episode.from_ns, episode.injected_ns, episode.healing_ns, episode.until_ns)
    assert sorted(time or 0 for time in times) == list(times)
    assert (episode.healing_ns or 0) - (episode.injected_ns or 0) >= 19_000_000
    assert episode.from_ns >= 9_000_000


def test_without_an_end_of_its_own_a_fault_is_healed_with_everything(tmp_path: Path) -> None:
    faults = [KillFault(), KillFault()]

    async def play(stage: Stage) -> None:
        await stage.until(lambda: all(fault.held for fault in faults), "both to be injected")
        assert not any(machine.running for machine in list(stage.cluster.machines.values())[:2])
        await stage.schedule.heal_all()
        assert all(machine.running for machine in stage.cluster.machines.values())

    played = act([(step(0, "n1"), faults[0]), (step(0, "n2"), faults[1])], tmp_path, play)
    assert all(episode.bit and episode.mended for episode in played)


def test_a_slow_heal_delays_no_other(tmp_path: Path) -> None:
    slow, quick = KillFault(), KillFault()
    slow.heal_gate = asyncio.Event()

    async def play(stage: Stage) -> None:
        await slow.healing.wait()
        await stage.until(lambda: any(episode.until_ns for episode in stage.log.episodes), "a heal")
        assert [episode.until_ns is None for episode in stage.log.episodes] == [True, False]
        assert slow.heal_gate is not None
        slow.heal_gate.set()
        await to_the_end(stage)

    act([(step(0, "n1", for_s=0.01), slow), (step(0, "n2", for_s=0.02), quick)], tmp_path, play)


def test_a_slow_injection_delays_no_heal(tmp_path: Path) -> None:
    slow, quick = KillFault(), KillFault()
    slow.inject_gate = asyncio.Event()

    async def play(stage: Stage) -> None:
        await stage.until(lambda: quick.heals == 1, "the quick fault's heal")
        assert slow.heals == 0
        healing = asyncio.create_task(stage.schedule.heal_all())
        await asyncio.sleep(0)
        assert not healing.done()
        assert slow.inject_gate is not None
        slow.inject_gate.set()
        await healing

    first, _ = act([(step(0, "n1"), slow), (step(0, "n2", for_s=0.0), quick)], tmp_path, play)
    assert first.bit
    assert first.mended


def test_an_interrupt_breaks_injections_off_and_heals(tmp_path: Path) -> None:
    stuck = KillFault()
    stuck.inject_gate = asyncio.Event()

    async def play(stage: Stage) -> None:
        await stage.until(lambda: bool(stuck.injected), "the injection to begin")
        stage.schedule.interrupt()
        await stage.schedule.heal_all()

    (episode,) = act([(step(), stuck)], tmp_path, play)
    assert episode.error == "the injection was interrupted"
    assert (episode.injected_ns, episode.mended, stuck.heals) == (None, True, 1)


@pytest.mark.parametrize("stage_name", ["inject", "evidence"])
def test_what_goes_wrong_is_healed_all_the_same(tmp_path: Path, stage_name: str) -> None:
    fault = KillFault()
    fault.fail[stage_name] = NodeError("n1 said no")
    (episode,) = act([(step(for_s=0.0), fault)], tmp_path, to_the_end)
    assert episode.error == f"{stage_name}: n1 said no"
    assert fault.heals == 1
    assert episode.mended


@pytest.mark.parametrize("stage_name", ["inject", "evidence", "heal"])
def test_a_fault_that_gives_up_by_itself_is_healed_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage_name: str
) -> None:
    monkeypatch.setattr("harness.schedule.HEAL_PAUSE_S", 0.0)
    fault = KillFault()
    fault.fail[stage_name] = asyncio.CancelledError()
    (episode,) = act([(step(for_s=0.0), fault)], tmp_path, to_the_end)
    assert (episode.error or "").startswith(f"{stage_name}: the ")
    assert "gave up by itself (CancelledError)" in (episode.error or "")
    assert fault.heals == (3 if stage_name == "heal" else 1)
    assert episode.mended is (stage_name != "heal")


def test_a_status_that_gives_up_by_itself_is_an_error_of_the_episode(tmp_path: Path) -> None:
    async def gives_up(node: str) -> NodeStatus:
        raise asyncio.CancelledError

    async def play(stage: Stage) -> None:
        stage.system.status = gives_up  # type: ignore[method-assign]
        await to_the_end(stage)

    (episode,) = act([(step(0.01, "primary"), KillFault())], tmp_path, play)
    assert episode.error == "no target: the status of n1 gave up by itself (CancelledError)"


def test_a_search_for_targets_that_hangs_does_not_hold_up_the_end(tmp_path: Path) -> None:
    fault, asked = KillFault(), asyncio.Event()

    async def hangs(target: str | None, draws: Draws) -> tuple[str, ...]:
        asked.set()
        await asyncio.Event().wait()
        return ()

    async def play(stage: Stage) -> None:
        stage.targets.resolve = hangs  # type: ignore[method-assign]
        await asked.wait()
        await stage.schedule.heal_all()

    (episode,) = act([(step(0, "primary"), fault)], tmp_path, play)
    assert episode.error == "the run ended before its targets were found"
    assert (fault.injected, fault.heals) == ([], 0)


@pytest.mark.parametrize("moment", ["inject", "last"])
def test_an_episode_that_is_cancelled_is_healed_first(tmp_path: Path, moment: str) -> None:
    fault = KillFault()
    if moment == "inject":
        fault.inject_gate = asyncio.Event()

    async def play(stage: Stage) -> None:
        await stage.until(lambda: bool(fault.injected if moment == "inject" else fault.held), "the injection")
        (task,) = stage.schedule._tasks
        task.cancel()
        await asyncio.wait({task})

    (episode,) = act([(step(), fault)], tmp_path, play)
    assert episode.mended
    assert fault.heals == 1


def test_a_heal_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.schedule.HEAL_PAUSE_S", 0.01)
    fault = KillFault()
    fault.fail["heal"] = RuntimeError("odd")

    async def play(stage: Stage) -> None:
        await stage.until(lambda: fault.heals == 1, "the first heal")
        fault.fail.clear()
        await to_the_end(stage)

    (episode,) = act([(step(for_s=0.0), fault)], tmp_path, play)
    assert episode.mended
    assert fault.heals >= 2


def test_a_heal_that_fails_for_good_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.schedule.HEAL_PAUSE_S", 0.0)
    fault = KillFault()
    fault.fail["heal"] = RuntimeError("odd")
    (episode,) = act([(step(for_s=0.0), fault)], tmp_path, to_the_end)
    assert episode.error == "heal: RuntimeError: odd"
    assert (fault.heals, episode.until_ns, episode.mended) == (3, None, False)


def test_a_heal_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.schedule.HEAL_S", 0.01)
    monkeypatch.setattr("harness.schedule.HEAL_PAUSE_S", 0.0)
    fault = KillFault()
    fault.heal_gate = asyncio.Event()
    (episode,) = act([(step(for_s=0.0), fault)], tmp_path, to_the_end)
    assert episode.error == "heal: the heal took more than 0.01 s"


def test_no_target_is_an_error_of_the_episode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "PRIMARY_WAIT_S", 0.01)
    fault = KillFault()

    async def play(stage: Stage) -> None:
        stage.system.primary_rules = False
        await to_the_end(stage)

    (episode,) = act([(step(0.01, "primary"), fault)], tmp_path, play)
    assert (episode.error or "").startswith("no target: no node was primary")
    assert (fault.injected, fault.heals) == ([], 0)


def test_a_step_that_was_not_due_is_not_injected(tmp_path: Path) -> None:
    fault = KillFault()

    async def play(stage: Stage) -> None:
        await stage.schedule.heal_all()

    (episode,) = act([(step(60.0), fault)], tmp_path, play)
    assert episode.error == "the run ended before it was due"
    assert (episode.injected_ns, fault.injected, fault.heals) == (None, [], 0)


def test_a_later_step_hits_what_an_earlier_one_did(tmp_path: Path) -> None:
    faults = [KillFault(), KillFault()]
    plan = [
        (step(0, "replica", for_s=0.0, bind="victim"), faults[0]),
        (step(0.01, "$victim", for_s=0.0), faults[1]),
    ]
    first, second = act(plan, tmp_path, to_the_end)
    assert first.targets == second.targets
    assert first.targets in (("n2",), ("n3",))


def test_healing_goes_on_when_its_caller_is_cancelled(tmp_path: Path) -> None:
    fault = KillFault()
    fault.heal_gate = asyncio.Event()

    async def play(stage: Stage) -> None:
        await stage.until(lambda: bool(fault.held), "the injection")
        healing = asyncio.create_task(stage.schedule.heal_all())
        await fault.healing.wait()
        healing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await healing
        assert fault.heal_gate is not None
        fault.heal_gate.set()
        await stage.schedule.heal_all()

    (episode,) = act([(step(), fault)], tmp_path, play)
    assert episode.mended
    assert fault.heals == 1


def test_damage_of_the_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"
    act([(step(for_s=0.0), KillFault())], tmp_path, to_the_end)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]) + lines[-1][:-5])
    assert [episode.until_ns for episode in episodes.read(path)] == [None]
    path.write_bytes(lines[0] + b"x\n" + lines[1])
    with pytest.raises(DamagedError, match=r"episodes.jsonl:2: damaged line"):
        episodes.read(path)
    with pytest.raises(DamagedError, match="No such file"):
        episodes.read(tmp_path / "none")


def test_faults_have_lasted_once_they_were_in_force_for_as_long_as_they_should(tmp_path: Path) -> None:
    for_now, to_the_end, fails, too_late = KillFault(), KillFault(), KillFault(), KillFault()
    fails.fail["inject"] = NodeError("no")
    plan = [
        (step(0.0, for_s=0.3), for_now),
        (step(0.0, target="n2"), to_the_end),
        (step(0.0, target="n3"), fails),
        (step(60.0), too_late),
    ]

    async def play(stage: Stage) -> None:
        begun_ns = stage.clock.now_ns()
        await stage.schedule.lasted(due_by_s=1.0)
        assert stage.clock.now_ns() - begun_ns >= 290_000_000
        assert for_now.injected and to_the_end.injected and not too_late.injected
        assert not to_the_end.heals
        await stage.schedule.heal_all()

    act(plan, tmp_path, play)
