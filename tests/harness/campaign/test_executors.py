"""Workers in processes: what they are asked is done though they die, and nothing of them is left."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import worker_calls

from harness.campaign.executors import LIVES, LocalProcesses, WorkerLostError


@pytest.fixture
def workers() -> Iterator[LocalProcesses]:
    executor = LocalProcesses(2)
    yield executor
    executor.close()


def until(condition: Callable[[], object], why: str) -> None:
    """Wait for a condition."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, why
        time.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_calls_are_made_and_errors_come_back(workers: LocalProcesses) -> None:
    futures = [workers.submit(worker_calls.double, number) for number in range(20)]
    assert [future.result() for future in futures] == [2 * number for number in range(20)]
    with pytest.raises(ValueError, match="odd"):
        workers.submit(worker_calls.fail, "odd").result()


def test_a_call_is_made_again_when_its_worker_dies_and_others_do_not_notice(
    workers: LocalProcesses, tmp_path: Path
) -> None:
    deaths = [workers.submit(worker_calls.die_once, str(tmp_path / f"mark-{n}")) for n in range(3)]
    others = [workers.submit(worker_calls.double, number) for number in range(10)]
    assert [future.result() for future in deaths] == ["done"] * 3
    assert [future.result() for future in others] == [2 * number for number in range(10)]


def test_a_call_that_kills_every_worker_is_given_up(workers: LocalProcesses, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    with pytest.raises(WorkerLostError):
        workers.submit(worker_calls.die, str(mark)).result()
    assert mark.read_text().count("died") == LIVES
    assert workers.submit(worker_calls.double, 4).result() == 8


def test_an_endless_loop_ends_at_its_deadline(workers: LocalProcesses) -> None:
    with pytest.raises(WorkerLostError):
        workers.submit(worker_calls.hang, 0.05).result()


def test_a_worker_that_is_killed_from_outside_loses_nothing(workers: LocalProcesses, tmp_path: Path) -> None:
    mark = tmp_path / "go"
    futures = [workers.submit(worker_calls.wait_for, str(mark)) for _ in range(2)]
    until(lambda: len(list(tmp_path.glob("go.*"))) == 2, "two workers did not start")
    victim = workers.pids()[0]
    os.kill(victim, signal.SIGKILL)
    until(lambda: len(list(tmp_path.glob("go.*"))) == 3, "the call was not made again")
    mark.touch()
    assert victim not in [future.result() for future in futures]


def test_closing_breaks_off_and_leaves_nothing(tmp_path: Path) -> None:
    executor = LocalProcesses(2)
    left = Path(executor.submit(worker_calls.litter, "left").result())
    assert left.read_text() == "left"
    running = [executor.submit(worker_calls.wait_for, str(tmp_path / "never")) for _ in range(4)]
    until(lambda: len(list(tmp_path.glob("never.*"))) == 2, "two workers did not start")
    pids = executor.pids()
    executor.close()
    until(lambda: not any(alive(pid) for pid in pids), "workers are still there")
    assert not left.parent.exists()
    assert all(future.done() for future in running)


ORPHANS = """
import sys, time
sys.path.insert(0, sys.argv[1])
import worker_calls
from harness.campaign.executors import LocalProcesses
workers = LocalProcesses(2)
print(workers.submit(worker_calls.litter, "left").result(), flush=True)
for _ in range(2):
    workers.submit(worker_calls.wait_for, sys.argv[2])
time.sleep(60)
"""


def test_workers_die_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", ORPHANS, here, str(tmp_path / "never")]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout as output:
        left = Path(output.readline().strip())
    assert left.exists()
    until(lambda: len(list(tmp_path.glob("never.*"))) == 2, "two workers did not start")
    pids = [int(path.suffix[1:]) for path in tmp_path.glob("never.*")]
    parent.kill()
    parent.wait()
    until(lambda: not any(alive(pid) for pid in pids), "workers outlived their parent")
    assert not left.parent.exists()
