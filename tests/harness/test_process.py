"""The process around the command line: whom it prints to, and the signals that it gets, change no verdict."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import test_cli

from harness import signals

BEGIN = f"""
import atexit, os, signal, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import test_cli
from harness import __main__, cli, report, schema, signals, verify
from harness.verdict import Verdict

def kill():
    os.kill(os.getpid(), int(os.environ["NUMBER"]))

def first(action, function):
    def both(*args, **kwargs):
        action()
        return function(*args, **kwargs)
    return both

fake = lambda scenario, folder: (sys.executable, {str(test_cli.FAKE)!r}, "holds", str(folder))
with test_cli.pytest.MonkeyPatch.context() as patch:
    test_cli.install(patch)
    test_cli.conclude(patch, verdict=Verdict(os.environ.get("VERDICT", "holds")))
    patch.setattr(verify, "worker", fake)
"""
END = "    __main__.main()\n"

PASS = ["run", "s.yaml", "--json"]
VERIFY = ["verify", "--mode", "async", "--fault", "none", "--json"]
NOT_WRITTEN = "acked: standard output can't be written: No space left on device\n"


@pytest.fixture(autouse=True)
def scenario(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.yaml").write_text(test_cli.SCENARIO)


def command(args: Sequence[str], doing: str) -> list[str]:
    return [sys.executable, "-c", BEGIN + doing + END, *args]


def acked(
    args: Sequence[str],
    *,
    doing: str = "",
    stdout: int = subprocess.PIPE,
    stderr: int = subprocess.PIPE,
    verdict: str = "holds",
    number: int = 0,
) -> subprocess.CompletedProcess[str]:
    """Run a command line on stand-ins for the plug-ins, in a process of its own."""
    return subprocess.run(
        command(args, doing),
        stdout=stdout,
        stderr=stderr,
        check=False,
        text=True,
        timeout=60,
        env={**os.environ, "VERDICT": verdict, "NUMBER": str(number)},
    )


def gone() -> int:
    """Return a pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def hung_up() -> int:
    """Return a terminal that was closed."""
    outside, inside = os.openpty()
    os.close(outside)
    return inside


def full() -> int:
    """Return a file on a full disk."""
    return os.open("/dev/full", os.O_WRONLY)


@pytest.mark.parametrize("make", [gone, hung_up])
@pytest.mark.parametrize(
    "args,verdict,code",
    [
        (["--help"], "holds", 0),
        (["--version"], "holds", 0),
        (["run", "s.yaml"], "holds", 0),
        (PASS, "violated", 1),
        (["check", "gone", "--json"], "holds", 64),
        (VERIFY, "holds", 0),
    ],
)
def test_a_reader_that_goes_away_changes_nothing(make, args: list[str], verdict: str, code: int) -> None:  # type: ignore[no-untyped-def]
    end = make()
    done = acked(args, stdout=end, verdict=verdict)
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert acked(args, stdout=end, stderr=end, verdict=verdict).returncode == code
    os.close(end)


def test_a_process_that_is_started_without_output_prints_into_no_file(tmp_path: Path) -> None:
    done = acked(["run", "s.yaml", "--folder", "here"], doing="    os.close(1); os.close(2)\n")
    assert done.returncode == 0
    assert "tail: HOLDS" not in "".join(path.read_text() for path in (tmp_path / "here").glob("*.json"))


@pytest.mark.parametrize(
    "args,verdict,code",
    [
        (["--help"], "holds", 3),
        (PASS, "holds", 3),
        (PASS, "inconclusive", 3),
        (PASS, "violated", 1),
        (["report", "gone", "--json"], "holds", 64),
        (VERIFY, "holds", 3),
    ],
)
def test_output_that_can_not_be_delivered_is_told_in_a_line(args: list[str], verdict: str, code: int) -> None:
    end = full()
    done = acked(args, stdout=end, verdict=verdict)
    os.close(end)
    assert done.returncode == code
    assert done.stderr.endswith(NOT_WRITTEN)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("make", [gone, full])
@pytest.mark.parametrize("args", [PASS, VERIFY])
def test_complaints_that_nobody_gets_cost_nothing(make, args: list[str]) -> None:  # type: ignore[no-untyped-def]
    end = make()
    done = acked(args, stderr=end)
    os.close(end)
    assert done.returncode == 0
    assert json.loads(done.stdout)["verdict"] == "holds"


BEFORE = "    patch.setattr(schema, 'read_text', first(kill, schema.read_text))\n"
IMPORTING = """
    class Finder:
        def find_spec(self, name, path=None, target=None):
            if name == "harness.cli":
                sys.meta_path.remove(self)
                kill()
    del sys.modules["harness.cli"], sys.modules["harness"].cli
    sys.meta_path.insert(0, Finder())
"""
REPORTING = """
    for name in ("write_run", "write_verification"):
        patch.setattr(report, name, first(kill, getattr(report, name)))
"""
CALLED = "    patch.setattr(cli, 'main', first(kill, cli.main))\n"
EXITING = "    atexit.register(kill)\n"
STAYING = "    import ctypes; libc = ctypes.CDLL(None); libc.__cxa_atexit(libc.pause, None, None)\n"
"""Lets the process wait for a signal when the interpreter is gone already."""


@pytest.mark.parametrize("number", signals.SIGNALS)
@pytest.mark.parametrize("doing", [CALLED, IMPORTING, BEFORE])
def test_a_signal_before_there_is_anything_to_judge(doing: str, number: signal.Signals) -> None:
    done = acked(PASS, doing=doing, number=number)
    assert done.returncode == 130, done.stderr
    assert json.loads(done.stdout) == {"verdict": "inconclusive", "error": "interrupted", "exit_code": 130}
    assert done.stderr.strip() == "acked: interrupted"


@pytest.mark.parametrize("number", signals.SIGNALS)
@pytest.mark.parametrize("doing", [REPORTING, EXITING])
@pytest.mark.parametrize("args,verdict", [(PASS, "holds"), (VERIFY, "holds"), (PASS, "violated")])
def test_a_signal_after_the_verdict_changes_nothing(
    args: list[str], verdict: str, doing: str, number: signal.Signals
) -> None:
    done = acked(args, doing=doing, verdict=verdict, number=number)
    assert done.returncode == {"holds": 0, "violated": 1}[verdict], done.stderr
    assert json.loads(done.stdout)["verdict"] == verdict
    assert Path("runs/latest/report.html").exists()
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", signals.SIGNALS)
def test_a_signal_when_the_interpreter_is_gone_changes_nothing(number: signal.Signals) -> None:
    with subprocess.Popen(command(PASS, STAYING), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["verdict"] == "holds"
        until = time.monotonic() + 20
        while caught(process.pid) & 1 << (number - 1):
            assert time.monotonic() < until, "the interpreter gives its handlers up in 20 s"
            time.sleep(0.01)
        process.send_signal(number)
        process.send_signal(signal.SIGUSR1)
        assert process.wait(20) == -signal.SIGUSR1, "only a signal that is not ours ends it"


def caught(pid: int) -> int:
    """Return the signals that a process has handlers for, as bits."""
    (line,) = (
        line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("SigCgt:")
    )
    return int(line.split()[1], 16)


def test_signals_that_the_process_was_started_without_stay_ignored() -> None:
    doing = f"    signal.signal(signal.SIGHUP, signal.SIG_IGN)\n{BEFORE}"
    assert acked(PASS, doing=doing, number=signal.SIGHUP).returncode == 0
