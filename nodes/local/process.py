"""A supervised process on a machine: its output is logged and passed on line by line, its end is awaited."""

import asyncio
import fcntl
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from harness.errors import FolderError
from harness.machine import OnLine
from nodes.local.boot import Boot, Child
from nodes.local.lines import LineBuffer

_READ_BYTES = 1 << 18
_PIPE_BYTES = 1 << 20
_TAIL_BYTES = 1 << 10
"""How much is kept in memory of the end of an output, for the last words of a process."""


class LocalProcess:
    """A process that was started under a name (`harness.machine.Process`). Made by `LocalProcess.start`."""

    def __init__(self, name: str, boot: Boot, child: Child, streams: tuple["_Stream", ...]) -> None:
        self._name = name
        self._boot = boot
        self._child = child
        self._streams = streams
        self._condemned = False
        self._stopped = False
        self._heard_by = 0

    @classmethod
    async def start(
        cls,
        name: str,
        boot: Boot,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        log: Path,
        on_line: OnLine,
        on_death: Callable[[Self], None],
    ) -> Self:
        """Start `argv` on a machine, with its output appended to `log`.

        `on_death` is told when it has ended by itself: not on a machine that ended, not after `condemn` or
        `stop`, and not when somebody waits for that.

        The pipes lead straight to the harness, so that what a process said before it lost its power can
        still be read.
        """
        log_fd = _open_log(log)
        out_r, out_w = _pipe()
        err_r, err_w = _pipe()
        nothing = os.open(os.devnull, os.O_RDONLY)
        try:
            child = await boot.spawn(argv, env=env, stdin=nothing, stdout=out_w, stderr=err_w)
        except BaseException:
            for fd in (out_r, err_r, log_fd):
                os.close(fd)
            raise
        finally:
            for fd in (nothing, out_w, err_w):
                os.close(fd)
        if os.fstat(log_fd).st_size > 0:
            with suppress(OSError):  # the disk is full: the first line that is lost will be complained of
                os.write(log_fd, f"--- {name} started again, {datetime.now(UTC):%F %T} UTC\n".encode())
        streams = _Stream(out_r, os.dup(log_fd), log, on_line), _Stream(err_r, log_fd, log, None)
        process = cls(name, boot, child, streams)
        child.when_ended(lambda: process._ended(on_death))
        return process

    @property
    def name(self) -> str:
        """The name under which it was started."""
        return self._name

    @property
    def returncode(self) -> int | None:
        """Its exit status (negative: the signal), or None while it runs."""
        return self._child.returncode

    @property
    def last_line(self) -> str:
        """The last line that it printed on its standard error."""
        return self._streams[1].last_line

    async def wait(self) -> int:
        """Wait for its end and return its exit status; what it printed last may still be on its way."""
        self._heard_by += 1
        try:
            return await self._child.wait()
        except asyncio.CancelledError:
            self._heard_by -= 1
            raise

    def condemn(self) -> None:
        """Note that it is about to be killed."""
        self._condemned = True

    def spare(self) -> None:
        """Note that it will not be killed after all."""
        self._condemned = False

    async def stop(self, *, grace_s: float = 2.0) -> None:
        """Ask it to end (SIGTERM), and kill it and its process group after `grace_s`."""
        if self.returncode is not None:
            return
        self._stopped = True
        await self._boot.signal(self._child.pid, signal.SIGTERM)
        try:
            async with asyncio.timeout(grace_s):
                await self.wait()
        except TimeoutError:
            await self._boot.signal(-self._child.pid, signal.SIGKILL)
            await self.wait()

    async def drained(self) -> None:
        """Wait until all that was ever printed to its pipes is in the log and has been passed on.

        That is when the last process that inherited them has ended.
        """
        for stream in self._streams:
            await stream.ended.wait()

    def _ended(self, on_death: Callable[[Self], None]) -> None:
        killed = self._condemned and self.returncode == -signal.SIGKILL
        if killed or self._stopped or self._heard_by or not self._boot.running:
            return
        for stream in self._streams:
            stream.catch_up()
        on_death(self)


class _Stream:
    """Reads one pipe on the event loop, in big chunks."""

    def __init__(self, pipe: int, log: int, log_path: Path, on_line: OnLine | None) -> None:
        self.ended = asyncio.Event()
        self._pipe = pipe
        self._log: int | None = log
        self._log_path = log_path
        self._on_line = on_line
        self._buffer = LineBuffer()
        self._tail = b""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(pipe, self._read)

    @property
    def last_line(self) -> str:
        """The last line that has come, be it whole or not, that is not blank; as text that is safe to show."""
        lines = self._tail.decode(errors="replace").strip().splitlines()
        return "".join(letter if letter.isprintable() else "?" for letter in lines[-1]) if lines else ""

    def catch_up(self) -> None:
        """Read all that has been printed until now."""
        while not self.ended.is_set() and self._read():
            pass

    def _read(self) -> bool:
        """Read a piece, and tell whether there may be more."""
        try:
            chunk = os.read(self._pipe, _READ_BYTES)
        except BlockingIOError:
            return False
        if not chunk:
            self._write(self._buffer.rest())
            self._loop.remove_reader(self._pipe)
            os.close(self._pipe)
            self._close_log()
            self.ended.set()
            return False
        at_ns = time.monotonic_ns()
        self._tail = (self._tail + chunk[-_TAIL_BYTES:])[-_TAIL_BYTES:]
        block, lines = self._buffer.feed(chunk)
        self._write(block)
        if self._on_line is not None:
            for line in lines:
                self._on_line(at_ns, line)
        return True

    def _write(self, block: bytes) -> None:
        """Append to the log; when that fails, say so once and go on reading, or the process would block."""
        if self._log is None:
            return
        try:
            while block:
                block = block[os.write(self._log, block) :]
        except OSError as error:
            self._close_log()
            self._loop.call_exception_handler(
                {"message": f"{self._log_path}: the log ends here", "exception": error}
            )

    def _close_log(self) -> None:
        if self._log is not None:
            os.close(self._log)
            self._log = None


def both(*receivers: OnLine | None) -> OnLine:
    """Return a receiver of lines that passes each on to all of `receivers` that there are."""
    present: list[Callable[[int, bytes], None]] = [one for one in receivers if one is not None]

    def pass_on(at_ns: int, line: bytes) -> None:
        for receiver in present:
            receiver(at_ns, line)

    return pass_on


def _open_log(log: Path) -> int:
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        return os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise FolderError(f"no log: {error}") from error


def _pipe() -> tuple[int, int]:
    read, write = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(read, False)
    # Room for a second or two of reports: a harness that is busy must not slow down the system under test.
    with suppress(PermissionError):  # the user's limit for pipes is reached: a small one does, too
        fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return read, write
