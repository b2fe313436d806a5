"""Programs of the host's that take long, print, fail, or hang."""

import asyncio
import time
from pathlib import Path

import pytest

from harness.errors import MissingError, NodeError
from nodes.vagrant import command


def test_lines_are_told_as_they_come_and_all_is_returned() -> None:
    lines: list[str] = []
    status, printed, complaint = asyncio.run(
        command.run(
            ["sh", "-c", "echo $WORD; echo two; echo oops >&2; exit 3"],
            silence_s=20,
            env={"WORD": "one"},
            on_line=lines.append,
        )
    )
    assert (status, printed, complaint) == (3, "one\ntwo\n", "oops\n")
    assert lines == ["one", "two"]


def test_much_on_standard_error_does_not_block() -> None:
    script = "head -c 1000000 /dev/zero >&2; echo done"
    status, printed, complaint = asyncio.run(command.run(["sh", "-c", script], silence_s=20))
    assert (status, printed, len(complaint)) == (0, "done\n", 1_000_000)


def test_a_program_that_hangs_is_stopped_with_what_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_GRACE_S", 0.2)
    pids = tmp_path / "pids"
    script = f"sleep 1000 & echo $! >{pids}; echo $$ >>{pids}; echo ready; wait"
    with pytest.raises(NodeError, match=r"said nothing for 0\.5 s"):
        asyncio.run(command.run(["bash", "-c", script], silence_s=0.5))
    deadline = time.monotonic() + 20
    while any(Path("/proc", pid).exists() for pid in pids.read_text().split()):
        assert time.monotonic() < deadline, "what the program started still runs"
        time.sleep(0.01)


def test_a_program_that_does_not_heed_an_interrupt_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_GRACE_S", 0.2)
    with pytest.raises(NodeError, match="said nothing"):
        asyncio.run(command.run(["sh", "-c", "trap '' INT; echo ready; sleep 1000"], silence_s=0.3))


def test_a_program_that_is_missing_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(command.PACKAGES, "no-such-program", "a-package")
    with pytest.raises(MissingError, match="no-such-program is not installed: apt-get install a-package"):
        asyncio.run(command.run(["no-such-program"], silence_s=1))
