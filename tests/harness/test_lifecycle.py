import asyncio
import errno
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fakes import Appends, FakeClient, FakeCluster, FakeSystem, KillFault, ReportingSystem
from own_signals import received_by
from test_spool import SmallDisk

from harness import analysis, course, lifecycle, results, signals
from harness.contract import Mode
from harness.errors import DamagedError, FolderError, MissingError, NodeError, UsageError
from harness.history import History
from harness.interrupts import Interrupts
from harness.lifecycle import execute
from harness.machine import ClusterConfig, Kill, PowerCut
from harness.observer import Observer
from harness.operation import Outcome
from harness.result import RunResult
from harness.scenario import FaultStep, Scenario
from harness.schedule import Schedule
from harness.spool import LineFile, Spool
from harness.system import NodeStatus
from harness.verdict import Verdict
from harness.workload import RESERVED

KILL = FaultStep(fault="kill", target="n2", at_s=0.05, for_s=0.05)


class Play:
    """One run of the lifecycle on fakes; change the parts, then `act`."""

    def __init__(self, folder: Path, *steps: FaultStep, **changes: Any) -> None:
        self.folder = folder
        plan = {
            "name": "play",
            "mode": Mode.SYNC,
            "clients": 3,
            "rate": 200.0,
            "time_limit_s": 0.2,
            "ready_s": 1.0,
            "recovery_s": 1.0,
            "faults": steps,
        }
        self.scenario = Scenario(**(plan | changes))
        self.system = FakeSystem()
        self.workload = Appends()
        self.faults = [KillFault() for _ in steps]
        self.clusters: list[FakeCluster] = []
        self.observer = Observer()
        self.prepare: Callable[[FakeCluster], None] = lambda cluster: None
        self.beside: Callable[[asyncio.Task[RunResult]], Any] | None = None

    @property
    def cluster(self) -> FakeCluster:
        (cluster,) = self.clusters
        return cluster

    def act(self) -> RunResult:
        def machines(config: ClusterConfig) -> FakeCluster:
            cluster = FakeCluster(config)
            self.prepare(cluster)
            self.clusters.append(cluster)
            return cluster

        async def main() -> RunResult:
            interrupts = Interrupts()
            with received_by(interrupts.notice):
                return await within_a_minute(interrupts)

        async def within_a_minute(interrupts: Interrupts) -> RunResult:
            async with asyncio.timeout(60):
                run = asyncio.create_task(
                    execute(
                        self.scenario,
                        machines=machines,
                        system=self.system,  # type: ignore[arg-type]
                        workload=self.workload,  # type: ignore[arg-type]
                        faults=self.faults,  # type: ignore[arg-type]
                        folder=self.folder,
                        interrupts=interrupts,
                        observer=self.observer,
                    )
                )
                if self.beside is not None:
                    await self.beside(run)
                return await run

        return asyncio.run(main())

    def kept(self) -> RunResult:
        return msgspec.json.decode((self.folder / "results.json").read_bytes(), type=RunResult)

    def found(self, result: RunResult) -> str:
        return "\n".join(finding.title for check in result.checks for finding in check.findings)


class At(Observer):
    """Does something when a phase begins."""

    def __init__(self, phase: str, action: Callable[[], None]) -> None:
        self.phase, self.action, self.phases = phase, action, list[str]()

    def on_phase(self, name: str) -> None:
        self.phases.append(name)
        if name == self.phase:
            self.action()


def interrupt(number: signal.Signals = signal.SIGINT) -> None:
    os.kill(os.getpid(), number)


def test_a_run_that_holds(tmp_path: Path) -> None:
    play = Play(tmp_path, KILL)
    play.observer = watch = At("", lambda: None)
    result = play.act()
    assert result.verdict is Verdict.HOLDS, play.found(result)
    assert result.acknowledged > 10
    assert (result.lost, result.error, result.skipped, result.interrupted) == (0, None, None, False)
    assert [check.checker for check in result.checks] == ["soundness", "survival"]
    assert result.latency.p50 is not None
    assert 0 < result.latency.p50 <= (result.latency.p99 or 0)
    (episode,) = result.episodes
    assert episode.bit
    assert episode.mended
    assert play.kept() == result
    assert watch.phases == ["up", "start", "run", "heal", "recover", "read", "logs", "judge", "down"]
    assert set(result.seconds) == set(watch.phases)
    assert (play.cluster.ups, play.cluster.downs) == (1, 1)
    assert all(client.closed for client in play.system.clients)


def test_the_record_can_be_judged_again(tmp_path: Path) -> None:
    play = Play(tmp_path, KILL)
    play.system.lose = {RESERVED + 5}
    result = play.act()
    again = analysis.analyse(tmp_path, system=play.system, workload=play.workload)  # type: ignore[arg-type]
    assert result.verdict is Verdict.VIOLATED
    assert (again.verdict, again.checks, again.episodes) == (result.verdict, result.checks, result.episodes)


def test_final_reads_ask_every_node_for_everything(tmp_path: Path) -> None:
    play = Play(tmp_path)
    play.act()
    went = course.read(tmp_path)
    assert went is not None
    assert (went.recovered, went.survivor) == (True, "n1")
    seen: dict[str, set[Any]] = {node: set() for node in play.system.nodes}
    written = set()
    for operation in History.open(tmp_path / "history.jsonl"):
        written.update(play.workload.writes(operation))
        if operation.f == "peek":
            assert operation.process < 0
            assert operation.call_ns >= (went.stopped_ns or 0)
            seen[operation.node or ""].update(play.workload.sees(operation))
    assert all(elements == written for elements in seen.values())


def test_a_lost_write_is_a_violation(tmp_path: Path) -> None:
    play = Play(tmp_path)
    play.system.lose = {RESERVED + 1, RESERVED + 3}
    result = play.act()
    assert result.verdict is Verdict.VIOLATED
    assert (result.lost, result.forbidden) == (2, 2)
    assert f"lost ('k30', {RESERVED + 1})" in play.found(result)


def test_recovery_is_a_recorded_write_after_the_last_heal(tmp_path: Path) -> None:
    play = Play(tmp_path, FaultStep(fault="kill", target="all", at_s=0.05))
    result = play.act()
    (episode,) = result.episodes
    last = [
        op
        for op in History.open(tmp_path / "history.jsonl")
        if op.f == "append" and op.process < 0 and op.outcome is Outcome.OK
    ][-1]
    assert last.call_ns >= (episode.until_ns or 0) > 0
    assert (last.return_ns or 0) > 0


def test_the_same_seed_calls_the_same(tmp_path: Path) -> None:
    def calls(name: str) -> list[Any]:
        folder = tmp_path / name
        folder.mkdir()
        play = Play(folder, clients=1, rate=0.0)
        play.act()
        history = History.open(folder / "history.jsonl")
        return [(op.f, op.args) for op in history if op.process >= 0][:20]

    assert calls("one") == calls("two")


def test_evidence_and_logs_are_kept(tmp_path: Path) -> None:
    play = Play(tmp_path)
    play.system = ReportingSystem()
    result = play.act()
    assert result.verdict is Verdict.HOLDS
    for node in play.system.nodes:
        assert b"hello from" in (tmp_path / "evidence" / f"{node}.jsonl").read_bytes()
        assert (tmp_path / "logs" / node / "store.log").read_text() == f"log of {node}"
        assert not (tmp_path / "logs" / node / "missing").exists()
    assert any("/broken of n2 was not fetched" in warning for warning in result.warnings)


def test_what_machines_cannot_do_is_skipped(tmp_path: Path) -> None:
    play = Play(tmp_path, FaultStep(fault="power-cut", target="n1", at_s=0.0), KILL)
    play.faults[0].needs = (PowerCut,)
    result = play.act()
    assert (
        result.skipped
        == "power-cut needs machines that can lose their power, but these machines have no plug"
    )
    assert result.verdict is Verdict.INCONCLUSIVE
    assert (play.cluster.ups, play.system.starts) == (0, [])
    assert play.kept() == result


class Flies:
    pass


def test_the_reason_of_a_skip_names_who_lacks_it(tmp_path: Path) -> None:
    play = Play(tmp_path, KILL)
    play.faults[0].needs = (Flies,)
    missing = "kill needs the ability Flies, but neither the fake machines nor the system fake can do that"
    assert play.act().skipped == missing


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda fault: setattr(fault, "shown", False), "nothing shows that kill on n2 acted"),
        (lambda fault: setattr(fault, "mended", False), "nothing shows that kill on n2 was healed"),
        (lambda fault: fault.fail.update(inject=NodeError("no")), "kill on n2 went wrong"),
        (lambda fault: fault.fail.update(evidence=NodeError("no")), "kill on n2 went wrong"),
    ],
)
def test_a_fault_without_evidence_proves_nothing(
    tmp_path: Path, spoil: Callable[[KillFault], None], said: str
) -> None:
    play = Play(tmp_path, KILL)
    spoil(play.faults[0])
    result = play.act()
    assert result.verdict is Verdict.INCONCLUSIVE
    assert said in play.found(result)


def test_a_violation_outranks_a_fault_without_evidence(tmp_path: Path) -> None:
    play = Play(tmp_path, KILL)
    play.faults[0].shown = False
    play.system.lose = {RESERVED + 1}
    assert play.act().verdict is Verdict.VIOLATED


def test_a_fault_that_was_not_due_proves_nothing(tmp_path: Path) -> None:
    play = Play(tmp_path, FaultStep(fault="kill", target="n2", at_s=60))
    result = play.act()
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.episodes[0].error == "the run ended before it was due"


@pytest.mark.parametrize("patience_s", [0.0, 30.0])
def test_clients_of_machines_that_take_their_time_go_on_until_the_fault_has_met_them(
    tmp_path: Path, patience_s: float
) -> None:
    play = Play(tmp_path, FaultStep(fault="kill", target="n2", at_s=0.05, for_s=0.2))
    play.prepare = lambda cluster: setattr(cluster, "patience_s", patience_s)
    gate = play.faults[0].inject_gate = asyncio.Event()

    async def slowly(run: "asyncio.Task[RunResult]") -> None:
        while not play.faults[0].injected:
            await asyncio.sleep(0.01)
        await asyncio.sleep(2 * play.scenario.time_limit_s)  # the clients began before
        gate.set()

    play.beside = slowly
    result = play.act()
    (episode,) = result.episodes
    if patience_s:
        assert result.verdict is Verdict.HOLDS, play.found(result)
        went = course.read(tmp_path)
        assert went is not None and went.stopped_ns is not None and episode.injected_ns is not None
        assert went.stopped_ns >= episode.injected_ns + 200_000_000
    else:
        assert result.verdict is Verdict.INCONCLUSIVE
        assert "struck only after the clients had stopped" in play.found(result)


def test_no_acknowledged_write_proves_nothing(tmp_path: Path) -> None:
    play = Play(tmp_path)

    async def only_the_harness(client: FakeClient, value: int) -> None:
        if client.process >= 0:
            raise ConnectionError("refused")

    play.system.before_append = only_the_harness
    result = play.act()
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "no write of a client was acknowledged" in play.found(result)
    assert result.unknown > 0


def test_no_recovery_proves_nothing(tmp_path: Path) -> None:
    play = Play(tmp_path, recovery_s=0.2)
    play.observer = At("recover", lambda: setattr(play.system, "primary_rules", False))
    result = play.act()
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "the system did not recover" in play.found(result)
    assert "waiting for a majority" in str(result.checks[0].findings)


def test_no_recovery_may_be_what_a_scenario_expects(tmp_path: Path) -> None:
    play = Play(tmp_path, recovery_s=0.2, expect={"recovered": False})
    play.observer = At("recover", lambda: setattr(play.system, "primary_rules", False))
    verdicts = {check.checker: check.verdict for check in play.act().checks}
    assert (verdicts["soundness"], verdicts["expectations"]) == (Verdict.HOLDS, Verdict.HOLDS)
    went = course.read(tmp_path)
    assert went is not None
    assert went.recovered is False


@pytest.mark.parametrize("expected", [True, False])
def test_a_recovery_that_was_broken_off_is_unknown(tmp_path: Path, expected: bool) -> None:
    play = Play(tmp_path, recovery_s=50.0, expect={"recovered": expected})

    def stop() -> None:
        play.system.primary_rules = False
        interrupt()
        interrupt()

    play.observer = At("recover", stop)
    play.act()
    went = course.read(tmp_path)
    assert went is not None
    assert (went.recovered, went.interrupted) == (None, True)
    again = analysis.analyse(tmp_path, system=play.system, workload=play.workload)  # type: ignore[arg-type]
    assert again.verdict is Verdict.INCONCLUSIVE
    assert "expectations" in [check.checker for check in again.checks]


def test_a_system_whose_status_gives_up_by_itself_costs_no_verdict(tmp_path: Path) -> None:
    async def gives_up(node: str) -> NodeStatus:
        raise asyncio.CancelledError

    play = Play(tmp_path)
    play.observer = At("recover", lambda: setattr(play.system, "status", gives_up))
    result = play.act()
    assert result.verdict is Verdict.ERROR
    assert result.error == "the status of n1 gave up by itself (CancelledError)"
    assert "the run ended before it was known whether the system recovers" in play.found(result)
    assert play.cluster.downs == 1


def test_an_error_of_what_is_broken_off_is_kept(tmp_path: Path) -> None:
    play = Play(tmp_path)

    async def up() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise NodeError("n1 can't be switched off half-way")

    def prepare(cluster: FakeCluster) -> None:
        cluster.up = up  # type: ignore[method-assign]

    play.prepare = prepare
    play.observer = At("up", lambda: asyncio.get_running_loop().call_later(0.05, interrupt))
    result = play.act()
    assert result.interrupted
    assert result.error == "n1 can't be switched off half-way"


def test_a_node_whose_final_reads_fail_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.final_reads.PAUSE_S", 0.0)
    play = Play(tmp_path)
    play.system.refuse_reads_of = {"n3"}
    result = play.act()
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "the final reads of n3 failed: ConnectionError: n3 is gone" in str(result.checks[0].findings)


def test_a_checker_that_fails_is_an_error_of_its_own(tmp_path: Path) -> None:
    play = Play(tmp_path)
    play.workload = Appends("Crash", "Survival")
    result = play.act()
    assert result.verdict is Verdict.ERROR
    assert "ZeroDivisionError: of the checker" in play.found(result)
    assert "fakes.py" in str(result.checks[1].findings[0].lines)
    assert result.checks[2].verdict is Verdict.HOLDS


def test_a_violation_outranks_a_failed_checker_and_a_checker_that_is_not_there(tmp_path: Path) -> None:
    play = Play(tmp_path)
    play.workload = Appends("Crash", "Nowhere", "Survival")
    play.system.lose = {RESERVED + 1}
    result = play.act()
    assert result.verdict is Verdict.VIOLATED
    assert [check.verdict for check in result.checks[1:]] == [
        Verdict.ERROR,
        Verdict.ERROR,
        Verdict.VIOLATED,
    ]


@pytest.mark.parametrize(
    "error", [NodeError("n1 has no disk"), MissingError("install nft"), RuntimeError("odd")]
)
def test_machines_that_do_not_come_up_are_an_error(tmp_path: Path, error: Exception) -> None:
    play = Play(tmp_path, KILL)
    play.prepare = lambda cluster: setattr(cluster, "fail_up", error)
    result = play.act()
    assert result.verdict is Verdict.ERROR
    assert str(error) in (result.error or "")
    assert "Traceback" in (tmp_path / "error.txt").read_text()
    assert play.cluster.downs == 1
    assert play.kept() == result


def test_a_system_that_does_not_come_up_names_nodes_notes_and_logs(tmp_path: Path) -> None:
    play = Play(tmp_path, ready_s=0.2)
    play.system.primary_rules = False
    result = play.act()
    assert result.verdict is Verdict.ERROR
    assert "n1 is replica (waiting for a majority)" in (result.error or "")
    assert f"logs: {tmp_path / 'logs'}" in (result.error or "")
    assert play.cluster.downs == 1


def test_an_error_in_the_set_up_is_kept(tmp_path: Path) -> None:
    play = Play(tmp_path)
    play.system.fail_setup = UsageError("no such binary")
    result = play.act()
    assert (result.verdict, result.error) == (Verdict.ERROR, "no such binary")


def test_a_failed_teardown_costs_nothing(tmp_path: Path) -> None:
    play = Play(tmp_path, KILL)
    play.prepare = lambda cluster: setattr(cluster, "fail_down", NodeError("n3 is stuck"))
    result = play.act()
    assert result.verdict is Verdict.HOLDS
    assert result.warnings == ("not all was torn down: NodeError: n3 is stuck",)
    assert play.kept() == result


def test_machines_are_torn_down_even_if_healing_breaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(schedule: Schedule) -> None:
        raise RuntimeError("a defect of the schedule")

    monkeypatch.setattr(Schedule, "heal_all", broken)
    play = Play(tmp_path, FaultStep(fault="kill", target="n2", at_s=60))
    result = play.act()
    assert (result.verdict, result.error) == (Verdict.ERROR, "RuntimeError: a defect of the schedule")
    assert play.cluster.downs == 1


def test_results_are_on_disk_before_the_teardown(tmp_path: Path) -> None:
    play = Play(tmp_path)
    seen: list[bool] = []
    play.observer = At("down", lambda: seen.append((tmp_path / "results.json").exists()))
    play.act()
    assert seen == [True]


def test_an_error_of_the_client_ends_the_run_but_not_the_verdict_of_what_was_found(tmp_path: Path) -> None:
    play = Play(tmp_path, KILL, rate=0.0)

    async def odd(client: FakeClient, value: int) -> None:
        if value == RESERVED + 50:
            raise UsageError("mine.py: no such thing")

    play.system.before_append = odd
    play.system.lose = {RESERVED + 5}
    result = play.act()
    assert result.error == "mine.py: no such thing"
    assert result.verdict is Verdict.VIOLATED
    assert play.cluster.downs == 1


@pytest.mark.parametrize("phase", ["up", "start", "run", "heal", "recover", "read", "logs", "judge", "down"])
@pytest.mark.parametrize("number", signals.SIGNALS)
def test_one_interrupt_in_any_phase_stops_in_good_order(
    tmp_path: Path, phase: str, number: signal.Signals
) -> None:
    play = Play(tmp_path, KILL, time_limit_s=0.3)
    play.observer = watch = At(phase, lambda: interrupt(number) if watch.phases.count(phase) == 1 else None)
    result = play.act()
    assert watch.phases[-1] == "down"
    assert play.cluster.downs == 1
    assert play.kept() == result
    early = phase in ("up", "start", "run")
    assert result.interrupted is early
    assert result.verdict is (Verdict.INCONCLUSIVE if early else Verdict.HOLDS)
    if phase not in ("up", "start"):
        went = course.read(tmp_path)
        assert went is not None
        assert went.recovered
        assert any(op.f == "peek" for op in History.open(tmp_path / "history.jsonl"))
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_an_interrupt_finds_the_violation_all_the_same(tmp_path: Path) -> None:
    play = Play(tmp_path, time_limit_s=60.0)
    play.system.lose = {RESERVED + 5}

    async def beside(run: "asyncio.Task[RunResult]") -> None:
        while play.system.offset < 30:
            await asyncio.sleep(0.01)
        interrupt()

    play.beside = beside
    result = play.act()
    assert (result.verdict, result.interrupted) == (Verdict.VIOLATED, True)


def test_the_second_interrupt_heals_and_stops(tmp_path: Path) -> None:
    play = Play(tmp_path, FaultStep(fault="kill", target="n2", at_s=0.0), time_limit_s=60.0)

    async def beside(run: "asyncio.Task[RunResult]") -> None:
        while not play.faults[0].held:
            await asyncio.sleep(0.01)
        hang = asyncio.Event()

        async def stuck(client: FakeClient, value: int) -> None:
            await hang.wait()

        play.system.before_append = stuck
        interrupt()
        await asyncio.sleep(0.05)
        assert not run.done()
        interrupt()

    play.beside = beside
    play.scenario = msgspec.structs.replace(play.scenario, operation_timeout_s=50.0)
    result = play.act()
    assert (result.verdict, result.interrupted, result.checks) == (Verdict.INCONCLUSIVE, True, ())
    assert play.faults[0].heals >= 1
    assert play.cluster.machines["n2"].running
    assert play.cluster.downs == 1
    (episode,) = analysis.analyse(tmp_path, system=play.system, workload=play.workload).episodes  # type: ignore[arg-type]
    assert episode.mended


def test_two_interrupts_break_off_the_judges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: Any, **__: Any) -> RunResult:
        interrupt()
        interrupt()
        raise AssertionError("the second interrupt breaks this off")

    monkeypatch.setattr(lifecycle, "analyse", slow)
    play = Play(tmp_path)
    result = play.act()
    assert (result.verdict, result.interrupted, result.error) == (Verdict.INCONCLUSIVE, True, None)
    assert play.cluster.downs == 1


class Connected(FakeSystem):
    """A system that keeps connections, and notes how often the machines had gone when it was to drop them."""

    def __init__(self, play: Play, failure: Exception | None = None, *, hangs: bool = False) -> None:
        super().__init__()
        self.play, self.failure, self.hangs = play, failure, hangs
        self.downs: list[int] = []

    async def disconnect(self) -> None:
        self.downs.append(self.play.cluster.downs)
        if self.failure is not None:
            raise self.failure
        if self.hangs:
            await asyncio.Event().wait()


def test_connections_that_a_system_keeps_are_dropped_before_the_machines_go(tmp_path: Path) -> None:
    play = Play(tmp_path)
    play.system = system = Connected(play)
    assert play.act().verdict is Verdict.HOLDS
    assert system.downs == [0]
    assert play.cluster.downs == 1


def test_connections_that_are_not_dropped_do_not_keep_the_machines_up(tmp_path: Path) -> None:
    play = Play(tmp_path)
    play.system = Connected(play, OSError("stuck"))
    result = play.act()
    assert (result.verdict, play.cluster.downs) == (Verdict.HOLDS, 1)
    assert result.warnings == ("not all was torn down: OSError: stuck",)


def test_a_system_that_does_not_let_go_does_not_keep_the_machines_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "DISCONNECT_S", 0.05)
    play = Play(tmp_path)
    play.system = Connected(play, hangs=True)
    result = play.act()
    assert (result.verdict, play.cluster.downs) == (Verdict.HOLDS, 1)
    assert result.warnings == ("not all was torn down: TimeoutError: ",)


@pytest.mark.parametrize("phase", ["up", "start", "run", "recover", "read"])
def test_being_cancelled_heals_tears_down_and_keeps_the_record(tmp_path: Path, phase: str) -> None:
    play = Play(tmp_path, FaultStep(fault="kill", target="n2", at_s=0.0))
    play.prepare = lambda cluster: setattr(cluster, "up_gate", asyncio.Event() if phase == "up" else None)
    reached = asyncio.Event()
    play.observer = At(phase, reached.set)

    async def beside(run: "asyncio.Task[RunResult]") -> None:
        await reached.wait()
        if phase == "run":
            while not play.faults[0].held:
                await asyncio.sleep(0.005)
        run.cancel()

    play.beside = beside
    with pytest.raises(asyncio.CancelledError):
        play.act()
    assert play.cluster.downs == 1
    assert phase in ("up", "start") or play.cluster.machines["n2"].running
    went = course.read(tmp_path)
    assert went is not None
    assert went.interrupted
    again = analysis.analyse(tmp_path, system=play.system, workload=play.workload)  # type: ignore[arg-type]
    assert again.verdict is Verdict.INCONCLUSIVE


def test_a_full_disk_under_the_history_ends_the_run_in_good_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disks: dict[str, SmallDisk] = {}

    def small(self: Spool, path: Path) -> LineFile:
        disks[path.name] = SmallDisk(room=4000 if path.name == "history.jsonl" else 10**6, chunk=1000)
        return self.adopt(path, disks[path.name])

    monkeypatch.setattr(Spool, "open", small)
    play = Play(tmp_path, FaultStep(fault="kill", target="n2", at_s=0.0), rate=0.0, time_limit_s=30.0)
    result = play.act()
    assert result.verdict is Verdict.ERROR
    assert "history.jsonl: No space left on device" in (result.error or "")
    assert play.faults[0].heals >= 1
    assert play.cluster.downs == 1
    (tmp_path / "history.jsonl").write_bytes(disks["history.jsonl"].data)
    assert len(list(History.open(tmp_path / "history.jsonl"))) > 3


def test_what_goes_wrong_beside_the_run_is_a_warning_and_prints_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    def complain() -> None:
        context = {"message": "store.log: the log ends here", "exception": OSError("No space left")}
        for _ in range(2):
            asyncio.get_running_loop().call_exception_handler(context)

    play = Play(tmp_path)
    play.observer = At("run", complain)
    result = play.act()
    assert result.verdict is Verdict.HOLDS
    assert result.warnings == ("store.log: the log ends here: No space left",)
    assert "OSError: No space left" in (tmp_path / "error.txt").read_text()
    assert (capsys.readouterr().err, caplog.records) == ("", [])


def test_a_course_that_can_not_be_kept_is_judged_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = results.write

    def full(path: Path, data: bytes) -> None:
        if path.name == "course.json":
            raise FolderError(f"{path}: {os.strerror(errno.ENOSPC)}")
        write(path, data)

    monkeypatch.setattr(results, "write", full)
    result = Play(tmp_path).act()
    assert result.verdict is Verdict.ERROR
    assert "course.json: No space left on device" in str(result.error)
    assert [check.verdict for check in result.checks] == [Verdict.HOLDS] * len(result.checks)


def test_results_that_cannot_be_written_are_an_error_in_the_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = results.write

    def full(path: Path, data: bytes) -> None:
        if path.name in ("results.json", "course.json"):
            raise MissingError(f"{path}: {os.strerror(errno.ENOSPC)}")
        write(path, data)

    monkeypatch.setattr(results, "write", full)
    play = Play(tmp_path)
    play.system.lose = {RESERVED + 1}
    result = play.act()
    assert "No space left" in (result.error or "")
    assert result.verdict in (Verdict.VIOLATED, Verdict.ERROR)
    assert play.cluster.downs == 1


def test_a_killed_harness_leaves_a_record_that_proves_nothing(tmp_path: Path) -> None:
    play = Play(tmp_path, KILL)
    play.act()
    (tmp_path / "course.json").unlink()
    result = analysis.analyse(tmp_path, system=play.system, workload=play.workload)  # type: ignore[arg-type]
    assert result.verdict in (Verdict.INCONCLUSIVE, Verdict.VIOLATED)
    assert "the harness was killed before the run was over" in play.found(result)
    assert not result.interrupted, "nobody asked it to stop"


def test_a_history_that_was_cut_off_is_judged_and_told(tmp_path: Path) -> None:
    play = Play(tmp_path)
    play.act()
    path = tmp_path / "history.jsonl"
    path.write_bytes(path.read_bytes()[:-4])
    result = analysis.analyse(tmp_path, system=play.system, workload=play.workload)  # type: ignore[arg-type]
    assert result.warnings == ("the last line of the history was cut off and is left out",)
    path.write_bytes(path.read_bytes().replace(b'"call"', b'"cull"', 1))
    with pytest.raises(DamagedError, match=r"history.jsonl:\d+: damaged line"):
        analysis.analyse(tmp_path, system=play.system, workload=play.workload)  # type: ignore[arg-type]


def test_a_folder_that_is_no_run_or_is_damaged(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"not the folder of a run: there is no scenario.json in it"):
        analysis.analyse(tmp_path)
    play = Play(tmp_path)
    play.act()
    for name in ("scenario.json", "course.json"):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[:-10])
        with pytest.raises(DamagedError, match=f"{name}: damaged"):
            analysis.analyse(tmp_path, system=play.system, workload=play.workload)  # type: ignore[arg-type]
        (tmp_path / name).write_bytes(whole)


def test_what_machines_turn_out_to_lack_is_a_skip(tmp_path: Path) -> None:
    play = Play(tmp_path, KILL)
    play.faults[0].needs = (Kill,)

    def learn_late(cluster: FakeCluster) -> None:
        up = cluster.up

        async def up_and_learn() -> None:
            await up()
            cluster.missing["Kill"] = "n1: nobody may kill here"

        cluster.up = up_and_learn  # type: ignore[method-assign]

    play.prepare = learn_late
    result = play.act()
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.skipped == "kill needs machines whose processes can be killed, but n1: nobody may kill here"
    assert (play.cluster.ups, play.cluster.downs) == (1, 1)


def test_a_machine_that_is_lost_ends_the_run_as_an_error(tmp_path: Path) -> None:
    play = Play(tmp_path, time_limit_s=1000.0)

    def lose_one(cluster: FakeCluster) -> None:
        async def lost() -> str:
            while not any(machine.running for machine in cluster.machines.values()):
                await asyncio.sleep(0.01)
            return "n2 is gone; store said last: help"

        cluster.lost = lost  # type: ignore[attr-defined]

    play.prepare = lose_one
    result = play.act()
    assert result.verdict is Verdict.ERROR
    assert result.error == "n2 is gone; store said last: help"
    assert play.cluster.downs == 1
