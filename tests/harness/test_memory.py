"""Limits of memory: what needs more is inconclusive, and hides nothing that was found."""

import json
import resource
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest

from checkers.linearizability import MODELS, CallsBuilder, check, objects
from harness import cli, memory
from harness.checker import CheckResult
from harness.columns.table import Table
from harness.guarded import ran_out
from harness.history_checker import Request
from harness.judging import judge
from harness.reading.read import read
from harness.verdict import Verdict


def test_more_than_the_limit_is_refused_and_afterwards_no_more() -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with memory.limited(memory.used_mb() + 50):
        assert len(np.zeros(1_000_000)) == 1_000_000
        with pytest.raises(MemoryError):
            np.zeros(1_000_000_000)  # more than any gap that earlier tests have left in the heap
        with memory.limited(10**9):
            assert resource.getrlimit(resource.RLIMIT_DATA)[0] < 10**12, "an inner limit does not widen it"
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
    assert memory.available_mb() > memory.used_mb() > 0


@pytest.mark.parametrize(
    "jobs,limit_mb,workers", [(4, 100, 1), (4, 1_000, 2), (4, 100_000, 4), (1, 10**6, 1)]
)
def test_workers_take_a_quarter_of_the_limit_at_most(jobs: int, limit_mb: int, workers: int) -> None:
    assert memory.workers(jobs, limit_mb) == workers


class Hungry:
    name = "hungry"

    def fits(self, table: Table) -> bool:
        return True

    def check(self, table: Table, request: Request) -> CheckResult:
        raise MemoryError("so much")


class Finds:
    name = "finds"

    def fits(self, table: Table) -> bool:
        return True

    def check(self, table: Table, request: Request) -> CheckResult:
        assert request.memory_limit_mb is not None and 0 < request.memory_limit_mb < 10**6
        return CheckResult(checker=self.name, verdict=Verdict.VIOLATED, summary="bad")


def made(folder: Path, *options: str) -> Path:
    assert cli.main(["generate", *options, "--out", str(folder / "h.jsonl")]) == 0
    return folder / "h.jsonl"


def test_who_has_not_enough_memory_hides_nobody_elses_violation(tmp_path: Path) -> None:
    table = read(made(tmp_path, "counter")).table
    told = judge(table, Request(memory_limit_mb=10**6), named=[Hungry(), Finds()])
    assert [check.verdict for check in told.checks] == [Verdict.INCONCLUSIVE, Verdict.VIOLATED]
    assert told.verdict is Verdict.VIOLATED and "so much" in told.checks[0].summary


def test_an_object_without_enough_memory_hides_no_other_object(monkeypatch: pytest.MonkeyPatch) -> None:
    builder = CallsBuilder()
    for key in ("small", "large"):
        for id, (f, value) in enumerate((("enqueue", 1), ("dequeue", 2))):
            args, result = ((value,), None) if f == "enqueue" else ((), value)
            builder.add(id=id, f=f, args=args, result=result, call_ns=9 * id, return_ns=9 * id + 1, key=key)
    usual = objects._searched

    def searched(task, calls, budget):  # type: ignore[no-untyped-def]
        if task.key == "large":
            raise MemoryError
        return usual(task, calls, budget)

    monkeypatch.setattr(objects, "_searched", searched)
    result = check(builder.build(), MODELS["fifo-queue"], memory_limit_mb=7)
    assert {each.key: each.verdict for each in result.objects} == {
        "small": Verdict.VIOLATED,
        "large": Verdict.INCONCLUSIVE,
    }
    assert result.verdict is Verdict.VIOLATED and result.reasons == ("no verdict within 7 MB",)


@pytest.mark.parametrize("limit_mb,code", [(80, 2), (2_000, 1)])
def test_the_command_keeps_to_the_limit(tmp_path: Path, limit_mb: int, code: int) -> None:
    path = made(tmp_path, "counter", "--operations", "60000", "--anomaly", "impossible-read")
    argv = [sys.executable, "-m", "harness", "check", str(path), "--json", "--memory-limit", str(limit_mb)]
    ended = subprocess.run(argv, capture_output=True, text=True, check=False)
    told = json.loads(ended.stdout)
    assert (ended.returncode, ended.stderr) == (code, "")
    if code == 2:
        assert [check["checker"] for check in told["checks"]] == ["reading"]
        assert "does not fit into 80 MB" in told["checks"][0]["summary"]


WIDE = 11
"""So many elements are put into a queue at the same time: there are 11! orders."""


def wide_queue(path: Path) -> None:
    """Write a history whose duplicate is seen at once, and whose order can only be searched for."""

    def line(kind: str, f: str, value: int | None, process: int, at: int) -> str:
        return json.dumps({"type": kind, "f": f, "value": value, "process": process, "time": at}) + "\n"

    lines = [line("invoke", "enqueue", each, each, 0) for each in range(WIDE)]
    lines += [line("ok", "enqueue", each, each, 10) for each in range(WIDE)]
    for place, taken in enumerate((*range(WIDE - 1), 0)):
        lines.append(line("invoke", "dequeue", None, 50, 20 + 2 * place))
        lines.append(line("ok", "dequeue", taken, 50, 21 + 2 * place))
    path.write_text("".join(lines))


MEASURED = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""
"""A small process in between: the kernel counts the peak of whoever starts a program as the program's own."""


def test_a_search_without_enough_memory_ends_and_hides_no_violation(tmp_path: Path) -> None:
    wide_queue(tmp_path / "h.json")
    checkers = ("--checker", "linearizable", "--checker", "total-queue", "--model", "fifo-queue")
    command = (
        "-m",
        "harness",
        "check",
        str(tmp_path / "h.json"),
        "--json",
        "--memory-limit",
        "140",
        *checkers,
    )
    argv = [sys.executable, "-c", MEASURED, sys.executable, *command]
    ended = subprocess.run(argv, capture_output=True, text=True, check=False)
    told = json.loads(ended.stdout)
    assert ended.returncode == 1
    verdicts = {check["checker"]: check["verdict"] for check in told["checks"]}
    assert (verdicts["linearizable"], verdicts["total-queue"]) == ("inconclusive", "violated")
    assert told["checks"][0]["findings"][0]["title"].startswith("no verdict within ")
    assert 1024 * int(ended.stderr) < 160 * memory.MB


@pytest.mark.parametrize(
    "error,expected",
    [
        (MemoryError(), True),
        (BrokenProcessPool(), True),
        (OSError(12, "Cannot allocate memory"), True),
        (OSError(2, "No such file"), False),
        (RuntimeError("can't start new thread"), True),
        (RuntimeError("oh"), False),
    ],
)
def test_which_errors_are_shortages(error: Exception, expected: bool) -> None:
    assert ran_out(error) is expected
