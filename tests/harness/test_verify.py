"""The pool of cells, with commands that stand in for runs: what crashes, hangs, lies or is interrupted."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from harness import assembly, matrix, pool, signals, verify
from harness.contract import Mode
from harness.interrupts import Interrupts
from harness.matrix import Cell, Plan
from harness.result import RunResult
from harness.scenario import Scenario
from harness.system import SettingError
from harness.verdict import ExitCode, Verdict
from harness.verify import CellResult

FAKE = Path(__file__).parent / "fake_cell.py"
PLAN = Plan()


class Watched:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.done: list[tuple[str, int, int]] = []

    def started(self, cell: Cell) -> None:
        self.begun.append(cell.name)

    def ended(self, done: CellResult, number: int, total: int) -> None:
        self.done.append((done.cell.name, number, total))


@pytest.fixture(autouse=True)
def any_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that takes all modes but hybrid."""

    def system(scenario: Scenario) -> None:
        if scenario.mode is Mode.HYBRID:
            raise SettingError("mode", "no hybrid here")

    monkeypatch.setattr(assembly, "system", system)


def cell(behaviour: str, *, mode: Mode = Mode.ASYNC) -> Cell:
    """Return a cell whose fake run behaves as its name says."""
    scenario = Scenario(name=behaviour, mode=mode, seed=1, ready_s=1, recovery_s=1, time_limit_s=1)
    return Cell(name=behaviour, fault="kill", scenario=scenario)


def command(scenario: Path, folder: Path) -> Sequence[str]:
    return (sys.executable, str(FAKE), scenario.stem, str(folder))


def run(cells: Sequence[Cell], folder: Path, *, jobs: int = 2) -> tuple[dict[str, RunResult], Watched]:
    watcher = Watched()
    done, interrupted = asyncio.run(
        verify.run_cells(cells, folder, jobs=jobs, watcher=watcher, interrupts=Interrupts(), command=command)
    )
    assert not interrupted
    return {each.cell.name: each.result for each in done}, watcher


def test_cells_run_and_come_back_in_their_order(tmp_path: Path) -> None:
    results, watcher = run([cell("slow-holds"), cell("holds"), cell("violated")], tmp_path)
    assert list(results) == ["slow-holds", "holds", "violated"]
    assert [result.verdict for result in results.values()] == ["holds", "holds", "violated"]
    assert watcher.begun == ["slow-holds", "holds", "violated"]
    assert sorted(number for _, number, _ in watcher.done) == [1, 2, 3]
    assert {total for _, _, total in watcher.done} == {3}


def test_a_cell_that_crashes_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    results, _ = run([cell("crash"), cell("holds")], tmp_path)
    assert results["crash"].verdict is Verdict.ERROR
    assert results["crash"].error is not None
    assert results["crash"].error.startswith("exit status 1, no results: ")
    assert "RuntimeError: the worker fell over" in results["crash"].error
    assert results["holds"].verdict is Verdict.HOLDS


def test_a_cell_that_is_killed_is_an_error(tmp_path: Path) -> None:
    results, _ = run([cell("killed")], tmp_path)
    assert (results["killed"].verdict, results["killed"].error) == (Verdict.ERROR, "killed by signal 9")


def test_a_cell_that_hangs_is_killed_with_all_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "GRACE_S", -2.0)
    results, _ = run([cell("hang")], tmp_path)
    assert results["hang"].verdict is Verdict.ERROR
    assert results["hang"].error == "killed: it had not ended after 1 s"
    grandchild = int((tmp_path / "cells" / "hang" / "grandchild").read_text())
    wait_until(lambda: not alive(grandchild), "the grandchild is gone")


def test_a_result_that_the_exit_status_contradicts_is_an_error(tmp_path: Path) -> None:
    results, _ = run([cell("liar"), cell("garbage")], tmp_path)
    assert results["liar"].error == "exit status 3 does not fit its result, holds"
    assert str(results["garbage"].error).startswith("exit status 0, unreadable results (")


def test_a_violation_stays_one_whatever_became_of_its_process(tmp_path: Path) -> None:
    results, _ = run([cell("violated-then-crash")], tmp_path)
    assert results["violated-then-crash"].verdict is Verdict.VIOLATED


def test_what_the_system_does_not_offer_is_skipped_with_the_reason(tmp_path: Path) -> None:
    results, watcher = run([cell("holds"), cell("other", mode=Mode.HYBRID)], tmp_path)
    assert results["other"].skipped == "reference refuses mode: no hybrid here"
    assert results["other"].verdict is Verdict.INCONCLUSIVE
    assert watcher.begun == ["holds"]
    assert watcher.done == [("other", 1, 2), ("holds", 2, 2)]


def result(verdict: Verdict, *, skipped: str | None = None) -> RunResult:
    return RunResult(name="x", verdict=verdict, mode="async", seed=1, skipped=skipped)


HOLDS, VIOLATED = result(Verdict.HOLDS), result(Verdict.VIOLATED)
ERROR, SKIPPED = result(Verdict.ERROR), result(Verdict.INCONCLUSIVE, skipped="no disk")


@pytest.mark.parametrize(
    "results,allow_skipped,complete,expected",
    [
        ([HOLDS, HOLDS], False, True, Verdict.HOLDS),
        ([HOLDS, SKIPPED], False, True, Verdict.INCONCLUSIVE),
        ([HOLDS, SKIPPED], True, True, Verdict.HOLDS),
        ([SKIPPED], True, True, Verdict.INCONCLUSIVE),
        ([], True, True, Verdict.INCONCLUSIVE),
        ([HOLDS, result(Verdict.INCONCLUSIVE)], True, True, Verdict.INCONCLUSIVE),
        ([ERROR, HOLDS, SKIPPED], True, True, Verdict.ERROR),
        ([ERROR, VIOLATED, SKIPPED], False, True, Verdict.VIOLATED),
        ([HOLDS], False, False, Verdict.INCONCLUSIVE),
        ([VIOLATED], False, False, Verdict.VIOLATED),
    ],
)
def test_verdicts_merge(
    results: list[RunResult], allow_skipped: bool, complete: bool, expected: Verdict
) -> None:
    assert verify.overall(results, allow_skipped=allow_skipped, complete=complete) is expected


def test_the_outcome_has_a_summary_of_every_cell(tmp_path: Path) -> None:
    cells = [cell("holds"), cell("violated"), cell("never")]
    done = [
        CellResult(cell=each, result=result(verdict), folder=tmp_path / each.name, seconds=1.0)
        for each, verdict in zip(cells, (Verdict.HOLDS, Verdict.VIOLATED), strict=False)
    ]
    outcome = verify.conclude(
        PLAN, cells, done, folder=tmp_path, interrupted=True, allow_skipped=False, seconds=2.0
    )
    written = msgspec.json.decode(msgspec.json.encode(outcome))
    assert (written["verdict"], written["interrupted"], written["not_run"]) == ("violated", True, ["never"])
    assert [each["folder"] for each in written["cells"]] == [f"{tmp_path}/holds", f"{tmp_path}/violated"]
    assert {
        "mode", "fault", "name", "verdict", "acknowledged", "lost", "permitted", "forbidden", "rpo", "rto",
        "latency", "skipped", "error", "folder",
    } <= written["cells"][0].keys()  # fmt: skip
    assert written["cells"][0]["rpo"].keys() == {"operations", "bytes", "seconds"}
    assert written["cells"][0]["latency"].keys() == {"p50", "p99"}


# Interrupts: the verification runs in a process of its own, so that a real signal can be sent to it.

DRIVER = f"""
import asyncio, json, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
import test_verify as t
from harness import assembly, signals, verify
from harness.interrupts import Interrupts
assembly.system = lambda scenario: None
signals.take()
interrupts = Interrupts()
signals.give(interrupts.notice)
cells = [t.cell(name) for name in sys.argv[2:]]
done, interrupted = asyncio.run(
    verify.run_cells(
        cells, Path(sys.argv[1]), jobs=2, watcher=t.Watched(), interrupts=interrupts, command=t.command
    )
)
print(json.dumps([interrupted, {{each.cell.name: each.result.verdict for each in done}}]))
"""


def start_driver(folder: Path, *names: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(folder), *names],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_until(condition, what: str, deadline_s: float = 20.0) -> None:  # type: ignore[no-untyped-def]
    until = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < until, f"not in {deadline_s} s: {what}"
        time.sleep(0.01)


def both_started(folder: Path) -> bool:
    return all((folder / "cells" / name / "pid").exists() for name in ("polite", "polite-2"))


@pytest.mark.parametrize("number", signals.SIGNALS)
def test_an_interrupt_asks_the_cells_to_end_and_starts_no_more(
    tmp_path: Path, number: signal.Signals
) -> None:
    driver = start_driver(tmp_path, "polite", "polite-2", "holds")
    wait_until(lambda: both_started(tmp_path), "both cells run")
    os.killpg(driver.pid, number)
    output, _ = driver.communicate(timeout=20)
    assert output == '[true, {"polite": "holds", "polite-2": "holds"}]\n'
    assert (tmp_path / "cells" / "polite" / "signals").read_text() == "SIGTERM\n"
    assert not (tmp_path / "cells" / "holds").exists()


def test_a_second_interrupt_kills_the_cells(tmp_path: Path) -> None:
    driver = start_driver(tmp_path, "stubborn", "holds")
    pid_file = tmp_path / "cells" / "stubborn" / "pid"
    signals = tmp_path / "cells" / "stubborn" / "signals"
    wait_until(pid_file.exists, "the cell runs")
    driver.send_signal(signal.SIGINT)
    wait_until(signals.exists, "the cell saw the first interrupt")
    driver.send_signal(signal.SIGINT)
    output, _ = driver.communicate(timeout=20)
    assert '"stubborn"' not in output
    assert output.startswith("[true, ")
    assert not alive(int(pid_file.read_text()))


def test_all_cells_that_end_are_told_and_then_nothing_was_cut_short(tmp_path: Path) -> None:
    driver = start_driver(tmp_path, "polite", "done-but-stubborn")
    signalled = tmp_path / "cells" / "done-but-stubborn" / "signals"
    wait_until((tmp_path / "cells" / "polite" / "pid").exists, "one cell runs")
    wait_until((tmp_path / "cells" / "done-but-stubborn" / "pid").exists, "the other has its result")
    driver.send_signal(signal.SIGINT)
    wait_until(signalled.exists, "the cell saw the first interrupt")
    polite = int((tmp_path / "cells" / "polite" / "pid").read_text())
    wait_until(lambda: not alive(polite), "the other ended by itself")
    driver.send_signal(signal.SIGINT)
    output, _ = driver.communicate(timeout=20)
    assert output == '[false, {"polite": "holds", "done-but-stubborn": "holds"}]\n'


def test_a_job_that_is_being_started_when_the_interrupt_comes_is_asked_too(tmp_path: Path) -> None:
    async def main() -> list[pool.Ended]:
        running = pool.Pool(1, on_start=lambda job: running.interrupt())
        job = pool.Job(
            name="x",
            argv=("sleep", "60"),
            stdout=tmp_path / "out",
            stderr=tmp_path / "err",
            deadline_s=30,
        )
        return [ended async for ended in running.run([job])]

    (ended,) = asyncio.run(main())
    assert (ended.returncode, ended.timed_out) == (-signal.SIGTERM, False)


def test_of_jobs_in_one_lane_one_runs_at_a_time(tmp_path: Path) -> None:
    running, most, together = set[str](), {"": 0, "hosts": 0}, 0

    def job(name: str, lane: str) -> pool.Job:
        return pool.Job(
            name=name,
            argv=("sleep", "0.1"),
            stdout=tmp_path / f"{name}.out",
            stderr=tmp_path / f"{name}.err",
            deadline_s=30,
            lane=lane,
        )

    def started(one: pool.Job) -> None:
        nonlocal together
        running.add(one.name)
        most[one.lane] = max(most[one.lane], sum(name.startswith(one.lane or "free") for name in running))
        together = max(together, len(running))

    async def main() -> list[str]:
        jobs = [job(f"hosts-{number}", "hosts") for number in range(3)]
        jobs += [job(f"free-{number}", "") for number in range(3)]
        ended = []
        async for each in pool.Pool(3, on_start=started).run(jobs):
            running.discard(each.job.name)
            ended.append(each.job.name)
        return ended

    assert len(asyncio.run(main())) == 6
    assert most["hosts"] == 1
    assert most[""] >= 2 and together == 3


def test_only_cells_on_hosts_are_told_which(tmp_path: Path) -> None:
    cells = [
        Cell(name=kind, fault=None, scenario=Scenario(name=kind, mode=Mode.SYNC, machines=kind))
        for kind in ("sim", "ssh")
    ]
    command = verify.with_hosts(cells, ("--node", "a"))
    assert "--node" in command(tmp_path / "ssh.yaml", tmp_path / "ssh")
    assert "--node" not in command(tmp_path / "sim.yaml", tmp_path / "sim")


def test_a_job_that_can_not_be_started_is_an_error_of_its_own(tmp_path: Path) -> None:
    cells = [cell("holds"), cell("violated")]
    (tmp_path / "cells" / "holds.stdout").mkdir(parents=True)
    results, _ = run(cells, tmp_path, jobs=1)
    assert results["holds"].verdict is Verdict.ERROR
    assert "holds.stdout: can't be written: Is a directory" in str(results["holds"].error)
    assert results["violated"].verdict is Verdict.VIOLATED


def test_cells_die_with_a_verification_that_is_killed(tmp_path: Path) -> None:
    driver = start_driver(tmp_path, "polite", "polite-2")
    wait_until(lambda: both_started(tmp_path), "both cells run")
    pids = [int((tmp_path / "cells" / name / "pid").read_text()) for name in ("polite", "polite-2")]
    driver.kill()
    driver.communicate(timeout=20)
    wait_until(lambda: not any(alive(pid) for pid in pids), "the cells are gone")


def test_exit_codes_are_those_that_scripts_rely_on() -> None:
    assert [int(code) for code in ExitCode] == [0, 1, 2, 3, 64, 130]


def test_the_textbook_is_in_the_package() -> None:
    assert [name for name, _ in matrix.textbook_texts()] == sorted(
        name for name, _ in matrix.textbook_texts()
    )
