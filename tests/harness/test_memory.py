"""A limit on memory: what needs more gets no verdict, and takes neither the machine nor others' verdicts along."""

import json
import os
import resource
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool

import pytest

from harness import memory

WIDE = 11
"""So many elements are put into a queue at the same time: there are 11! orders."""


def line(kind, f, value, process, at):
    return json.dumps({"type": kind, "f": f, "value": value, "process": process, "time": at})


def queue(path):
    """Write a history whose duplicate is seen at once, and whose order can only be searched for."""
    lines = [line("invoke", "enqueue", each, each, 0) for each in range(WIDE)]
    lines += [line("ok", "enqueue", each, each, 10) for each in range(WIDE)]
    for place, taken in enumerate((*range(WIDE - 1), 0)):
        lines.append(line("invoke", "dequeue", None, 50, 20 + 2 * place))
        lines.append(line("ok", "dequeue", taken, 50, 21 + 2 * place))
    path.write_text("\n".join(lines) + "\n")


def check(path, *args):
    """Judge a file in a process of its own; return its exit code, what it printed and its peak in bytes."""
    argv = [sys.executable, "-m", "harness", "check", str(path), *args, "--jobs", "1", "--json"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        out = process.stdout.read()
        complaints = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert complaints == b""
    return process.returncode, json.loads(out), 1024 * usage.ru_maxrss


def test_who_needs_more_than_there_is_hides_no_violation(tmp_path):
    queue(tmp_path / "h.json")
    code, told, peak_bytes = check(
        tmp_path / "h.json",
        *("--checker", "linearizable", "--checker", "total-queue", "--model", "fifo-queue"),
        *("--memory-limit", "40"),
    )
    assert (code, told["verdict"]) == (1, "violated")
    assert {each["checker"]: each["verdict"] for each in told["checks"]} == {
        "linearizable": "inconclusive",
        "total-queue": "violated",
        "statistics": "holds",
        "availability": "holds",
    }
    assert told["checks"][0]["findings"][0]["title"] == "no verdict within 40 MB"
    assert peak_bytes < 250e6


def test_a_search_alone_is_inconclusive(tmp_path):
    queue(tmp_path / "h.json")
    code, told, _ = check(tmp_path / "h.json", "--model", "fifo-queue", "--memory-limit", "25")
    assert (code, told["verdict"]) == (2, "inconclusive")


def test_a_history_that_can_not_be_held_is_inconclusive(tmp_path):
    path = tmp_path / "h.json"
    path.write_text(
        "".join(
            line(kind, "add", each, 0, 2 * each + late) + "\n"
            for each in range(200_000)
            for late, kind in enumerate(("invoke", "ok"))
        )
    )
    code, told, peak_bytes = check(path, "--memory-limit", "12")
    assert (code, told["verdict"], told["operations"]) == (2, "inconclusive", 0)
    assert told["checks"][0]["summary"] == "the history can't be held: no verdict within 12 MB"
    assert peak_bytes < 150e6


def test_the_limit_holds_while_it_is_asked_for_and_no_longer():
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with memory.at_most(20), pytest.raises(MemoryError):
        bytearray(30_000_000)
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
    assert len(bytearray(30_000_000)) == 30_000_000


def test_a_limit_within_a_limit_raises_nothing():
    with memory.at_most(20):
        limit = resource.getrlimit(resource.RLIMIT_DATA)
        with memory.at_most(1000):
            assert resource.getrlimit(resource.RLIMIT_DATA) == limit
        with memory.at_most(None):
            assert resource.getrlimit(resource.RLIMIT_DATA) == limit


@pytest.mark.parametrize(
    "error,expected",
    [
        (MemoryError(), True),
        (BrokenProcessPool(), True),
        (OSError(12, "Cannot allocate memory"), True),
        (OSError(2, "No such file"), False),
        (RuntimeError("can't start new thread"), True),
        (RuntimeError("oh"), False),
        (ValueError("oh"), False),
    ],
)
def test_which_errors_are_shortages(error, expected):
    assert memory.ran_out(error) is expected
