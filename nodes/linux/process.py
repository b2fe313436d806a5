"""A supervised process on a machine: what it prints is passed on as it comes, and its end is awaited."""

import asyncio
import fcntl
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol, Self

from nodes.linux.boot import Boot, Child

_READ_BYTES = 1 << 18
_PIPE_BYTES = 1 << 20


class Sink(Protocol):
    """Takes what a process prints on one of its streams."""

    def take(self, at_ns: int, chunk: bytes) -> None:
        """Take what was read at `at_ns` of CLOCK_MONOTONIC; must not block or raise."""

    def end(self) -> None:
        """Take note that nothing will come any more."""


class Supervised:
    """A process that was started under a name. Made by `Supervised.start`."""

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
        sinks: tuple[Sink, Sink],
        on_death: Callable[[Self], None],
    ) -> Self:
        """Start `argv` on a machine, with its standard output and error going to `sinks`.

        `on_death` is told when it has ended by itself: not on a machine that ended, not after `condemn` or
        `stop`, and not when somebody waits for that. When it can't be started, the sinks are ended.

        The pipes lead straight to the supervisor, so that what a process said before it lost its power can
        still be read.
        """
        out_r, out_w = _pipe()
        err_r, err_w = _pipe()
        nothing = os.open(os.devnull, os.O_RDONLY)
        try:
            child = await boot.spawn(argv, env=env, stdin=nothing, stdout=out_w, stderr=err_w)
        except BaseException:
            os.close(out_r)
            os.close(err_r)
            for sink in sinks:
                sink.end()
            raise
        finally:
            for fd in (nothing, out_w, err_w):
                os.close(fd)
        process = cls(name, boot, child, (_Stream(out_r, sinks[0]), _Stream(err_r, sinks[1])))
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

    def when_ended(self, action: Callable[[], None]) -> None:
        """Have `action` called once it has ended, after its death was told of, if it was one."""
        self._child.when_ended(action)

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
        """Wait until all that was ever printed to its pipes has been passed on.

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

    def __init__(self, pipe: int, sink: Sink) -> None:
        self.ended = asyncio.Event()
        self._pipe = pipe
        self._sink = sink
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(pipe, self._read)

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
            self._loop.remove_reader(self._pipe)
            os.close(self._pipe)
            self._sink.end()
            self.ended.set()
            return False
        self._sink.take(time.monotonic_ns(), chunk)
        return True


def _pipe() -> tuple[int, int]:
    read, write = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(read, False)
    # Room for a second or two of reports: a supervisor that is busy must not slow down the system under test.
    with suppress(PermissionError):  # the user's limit for pipes is reached: a small one does, too
        fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return read, write
