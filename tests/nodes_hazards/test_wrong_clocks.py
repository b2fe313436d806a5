"""Clocks that were made wrong are put right by whoever cleans up, and others are left alone."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nodes.hazards import clock
from nodes.hazards.clock import WrongClocks

HOUR_NS = 3600 * 10**9


class Machine:
    """A machine's clocks: how far ahead the wall clock is, and how fast they run."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.off_ns = 0
        self.speed = clock._Speed(9_999, 7)
        self.boot = "this"
        monkeypatch.setattr(clock, "_ahead_ns", lambda: 10**18 + self.off_ns)
        monkeypatch.setattr(clock, "_speed", lambda: self.speed)
        monkeypatch.setattr(clock, "_adjust", self._adjust)
        monkeypatch.setattr(clock, "kernel", lambda: self.boot)
        monkeypatch.setattr(time, "time_ns", lambda: 10**18)
        monkeypatch.setattr(time, "clock_settime_ns", self._set)

    def _adjust(self, speed: clock._Speed) -> None:
        self.speed = speed

    def _set(self, which: int, to_ns: int) -> None:
        assert which == time.CLOCK_REALTIME
        self.off_ns += to_ns - 10**18


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(clock, "_keepers", lambda: iter(()))
    return Machine(monkeypatch)


def test_a_jump_and_a_drift_are_put_right(machine: Machine, tmp_path: Path) -> None:
    wrong = WrongClocks(tmp_path)
    wrong.jump(HOUR_NS)
    wrong.drift(20_050)
    assert machine.off_ns == HOUR_NS
    assert machine.speed == (9_999 + 200, 7 + (50 << 16))
    clock.restore(tmp_path)
    assert (machine.off_ns, machine.speed) == (0, (9_999, 7))
    assert not any(tmp_path.iterdir())
    clock.restore(tmp_path)


def test_a_second_change_does_not_take_the_first_for_right(machine: Machine, tmp_path: Path) -> None:
    WrongClocks(tmp_path).jump(HOUR_NS)
    WrongClocks(tmp_path).jump(HOUR_NS)
    clock.restore(tmp_path)
    assert machine.off_ns == 0


def test_a_clock_that_is_right_is_left_alone(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = WrongClocks(tmp_path)
    wrong.jump(HOUR_NS)
    wrong.jump(-HOUR_NS)
    machine.off_ns = 2_000_000  # a quartz is no better
    monkeypatch.setattr(time, "clock_settime_ns", None)
    clock.restore(tmp_path)


def test_another_start_of_the_kernel_has_its_own_clock(machine: Machine, tmp_path: Path) -> None:
    WrongClocks(tmp_path).jump(HOUR_NS)
    machine.boot = "another"
    clock.restore(tmp_path)
    assert machine.off_ns == HOUR_NS
    assert not any(tmp_path.iterdir())


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that the kernel calls chronyd."""
    script = (
        'import pathlib; pathlib.Path("/proc/self/comm").write_text("chronyd"); print(flush=True); input()'
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stdout.readline()
        yield process
        process.kill()


def test_services_that_set_the_clock_stand_still_meanwhile(
    keeper: subprocess.Popen[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = list(clock._keepers())
    assert keeper.pid in found
    monkeypatch.setattr(clock, "_keepers", lambda: iter([keeper.pid]))
    Machine(monkeypatch)
    WrongClocks(tmp_path).jump(HOUR_NS)
    _, status = os.waitpid(keeper.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status) and os.WSTOPSIG(status) == signal.SIGSTOP
    clock.restore(tmp_path)
    _, status = os.waitpid(keeper.pid, os.WCONTINUED)
    assert os.WIFCONTINUED(status)
