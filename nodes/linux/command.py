"""Runs a command on a machine to its end."""

import asyncio
import os
import shlex
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from harness.errors import NodeError
from nodes.linux.boot import Boot
from nodes.linux.programs import readable

_READ_BYTES = 1 << 16
_MOST_LETTERS = 200


class Ended(NamedTuple):
    """A command that ended: its exit status and what it printed."""

    returncode: int
    stdout: bytes
    stderr: bytes


async def run_command(
    boot: Boot, argv: Sequence[str], *, stdin: bytes, timeout_s: float, env: Mapping[str, str]
) -> Ended:
    """Run `argv` and return what became of it; only the command itself is waited for.

    A process that it leaves behind may keep the other ends of its output: they are closed here, so what that
    prints later goes nowhere. Raises NodeError when it can't be started, takes longer than `timeout_s` (it is
    killed, with its process group), or is cut short because the machine loses its power.
    """
    with _Collector() as stdout, _Collector() as stderr:
        source = readable(stdin)
        try:
            child = await boot.spawn(argv, env=env, stdin=source, stdout=stdout.end, stderr=stderr.end)
        finally:
            os.close(source)
            stdout.close_end()
            stderr.close_end()
        try:
            async with asyncio.timeout(timeout_s):
                returncode = await child.wait()
        except TimeoutError as error:
            raise NodeError(
                f"{boot.name}: {_shown(argv)} took more than {timeout_s:g} s{_last_line(stderr.content())}"
            ) from error
        finally:
            if child.returncode is None:
                with suppress(NodeError):  # the machine is going, and takes the command along
                    await boot.signal(-child.pid, signal.SIGKILL)
        if not boot.running:
            how = "lost its power" if boot.ending else "is gone: its PID 1 died"
            raise NodeError(f"{boot.name} {how} during {_shown(argv)}")
        return Ended(returncode=returncode, stdout=stdout.content(), stderr=stderr.content())


class _Collector:
    """A pipe of which everything is kept; `end` is for the one who writes."""

    def __init__(self) -> None:
        self._pipe, self.end = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._pipe, False)
        self._data = bytearray()
        self._end_closed = False
        self._loop = asyncio.get_running_loop()

    def __enter__(self) -> "_Collector":
        self._loop.add_reader(self._pipe, self._read)
        return self

    def __exit__(self, *_: object) -> None:
        self.close_end()
        self._loop.remove_reader(self._pipe)
        os.close(self._pipe)

    def close_end(self) -> None:
        """Close the writer's end, once he has it."""
        if not self._end_closed:
            os.close(self.end)
            self._end_closed = True

    def content(self) -> bytes:
        """Return all that has been written up to now."""
        while self._read():
            pass
        return bytes(self._data)

    def _read(self) -> bool:
        try:
            chunk = os.read(self._pipe, _READ_BYTES)
        except BlockingIOError:
            return False
        if not chunk:
            self._loop.remove_reader(self._pipe)
        self._data += chunk
        return bool(chunk)


def _shown(argv: Sequence[str]) -> str:
    """Return a command for a message: on one line, and not too long."""
    text = " ".join(shlex.join(argv).split())
    return text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]}…"


def _last_line(output: bytes) -> str:
    lines = output.decode(errors="replace").strip().splitlines()
    return f"; it last said: {lines[-1]}" if lines else ""
