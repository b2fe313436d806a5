"""Stands in for the process of a cell: `fake_cell.py BEHAVIOUR FOLDER`. No test; run by test_verify.py."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from harness.result import RunResult
from harness.verdict import Verdict

BEHAVIOUR, FOLDER = sys.argv[1], Path(sys.argv[2])


def write(verdict: Verdict, *, skipped: str | None = None) -> None:
    result = RunResult(
        name=FOLDER.name, verdict=verdict, mode="async", seed=1, acknowledged=812, skipped=skipped
    )
    (FOLDER / "results.json").write_bytes(msgspec.json.encode(result))


def note(number: int, frame: object) -> None:
    with (FOLDER / "signals").open("a") as file:
        file.write(f"{signal.Signals(number).name}\n")
    if BEHAVIOUR.startswith("polite"):
        write(Verdict.HOLDS)
        os._exit(0)


def tell_pid() -> None:
    (FOLDER / ".pid").write_text(str(os.getpid()))
    (FOLDER / ".pid").rename(FOLDER / "pid")


FOLDER.mkdir(parents=True)
match BEHAVIOUR:
    case "holds":
        write(Verdict.HOLDS)
    case "slow-holds":
        time.sleep(0.3)
        write(Verdict.HOLDS)
    case "skipped":
        write(Verdict.INCONCLUSIVE, skipped="kill needs a machine")
        sys.exit(2)
    case "violated":
        write(Verdict.VIOLATED)
        sys.exit(1)
    case "violated-then-crash":
        write(Verdict.VIOLATED)
        sys.exit(77)
    case "crash":
        raise RuntimeError("the worker fell over")
    case "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    case "liar":
        write(Verdict.HOLDS)
        sys.exit(3)
    case "garbage":
        (FOLDER / "results.json").write_text('{"name": 1}')
    case "hang":
        child = subprocess.Popen(["sleep", "600"])
        (FOLDER / "grandchild").write_text(str(child.pid))
        time.sleep(600)
    case _:
        signal.signal(signal.SIGTERM, note)
        if BEHAVIOUR.startswith("done"):
            write(Verdict.HOLDS)
        tell_pid()
        while True:
            signal.pause()
