"""One connection to a machine: a channel to its agent, read and written in threads of its own.

Made anew after each cut; what must survive a cut is in `nodes.ssh.link`.
"""

import json
import os
import queue
import select
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import fabric
import paramiko

from harness.errors import NodeError
from nodes.agent.bootstrap import MARK
from nodes.agent.frames import Decoder, Frame, FrameError
from nodes.ssh import archive
from nodes.ssh.archive import PASSWORD_PROMPT
from nodes.ssh.login import SUDO_PASSWORD, Login

BEGIN_S = 60.0
"""How long the agent may take to begin, with a login shell, sudo and Python on a slow machine."""
_READ_BYTES = 1 << 18
_MOST_WORDS = 1 << 16

OnFrame = Callable[[int, Frame], None]
"""Receives each message with the time at which it arrived, in a thread."""


class Line:
    """A connection to an agent that has begun. Made by `Line.open`."""

    def __init__(self, connection: fabric.Connection, channel: paramiko.Channel, rest: bytes) -> None:
        self._connection = connection
        self._channel = channel
        self._rest = rest
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

    @classmethod
    def open(cls, login: Login, *, python: str, directory: str, sudo: bool) -> "Line":
        """Log in and start the agent, or the way to it; blocks. Raises NodeError."""
        connection = login.connect()
        try:
            transport = connection.client.get_transport()
            assert transport is not None, "an open connection has a transport"
            channel = transport.open_session(timeout=BEGIN_S)
            password = os.environ.get(SUDO_PASSWORD) if sudo else None
            channel.exec_command(
                archive.command(python=python, directory=directory, sudo=sudo, password=bool(password))
            )
            rest = _Beginning(login.words, channel, password, sudo=sudo).carry_out()
        except (paramiko.SSHException, OSError) as error:
            connection.close()
            raise NodeError(
                f"{login.words}: the connection broke: {error or type(error).__name__}"
            ) from error
        except BaseException:
            connection.close()
            raise
        return cls(connection, channel, rest)

    def start(self, on_frame: OnFrame, on_end: Callable[[str], None]) -> None:
        """Begin to read and write; `on_end` is told, in a thread, why there is no more to come."""
        threading.Thread(target=self._read, args=(on_frame, on_end), daemon=True, name="ssh read").start()
        threading.Thread(target=self._write, daemon=True, name="ssh write").start()

    def send(self, data: bytes) -> None:
        """Send, soon; never blocks. What can't be sent is lost, as the end of the connection tells."""
        if data:
            self._queue.put(data)

    def finish(self) -> None:
        """Say, after all that was sent, that there is no more to come: the other end then ends, too."""
        self._queue.put(None)

    def close(self) -> None:
        """End it. Safe to call twice; may block for a moment."""
        self.finish()
        with suppress(OSError, EOFError, paramiko.SSHException):  # it is broken: that is why it is closed
            self._connection.close()

    def _read(self, on_frame: OnFrame, on_end: Callable[[str], None]) -> None:
        decoder, chunk = Decoder(), self._rest
        why = "the agent's end was closed"
        try:
            while True:
                at_ns = time.monotonic_ns()
                for frame in decoder.feed(chunk):
                    on_frame(at_ns, frame)
                chunk = self._channel.recv(_READ_BYTES)
                if not chunk:
                    break
        except (OSError, EOFError, FrameError, paramiko.SSHException) as error:
            why = str(error) or type(error).__name__
        self._queue.put(None)
        on_end(why)

    def _write(self) -> None:
        with suppress(OSError, EOFError, paramiko.SSHException):  # the reader tells of it
            while (data := self._queue.get()) is not None:
                self._channel.sendall(data)
            self._channel.shutdown_write()


class _Beginning:
    """The talk before the first message: with sudo, which may want a password, and with the bootstrap."""

    def __init__(self, words: str, channel: paramiko.Channel, password: str | None, *, sudo: bool) -> None:
        self._words = words
        self._channel = channel
        self._password = password
        self._sudo = sudo
        self._out = b""
        self._err = b""
        self._end = time.monotonic() + BEGIN_S

    def carry_out(self) -> bytes:
        """Send the agent's code if it is not there; return what was read beyond the talk. Raises NodeError."""
        code = b"" if self._said()["have"] else archive.agent_code().data
        self._channel.sendall(b"%d\n" % len(code) + code)
        self._said()
        return self._out

    def _said(self) -> dict[str, Any]:
        line = self._line()
        try:
            said: dict[str, Any] = json.loads(line)
        except ValueError as error:
            raise NodeError(f"{self._words}: the agent began with {line[:200]!r}") from error
        if "error" in said:
            raise NodeError(f"{self._words}: {said['error']}")
        return said

    def _line(self) -> bytes:
        """Return the first line that begins with the mark, without it; others are a login shell's."""
        while True:
            while b"\n" in self._out:
                line, _, self._out = self._out.partition(b"\n")
                if line.startswith(MARK.encode()):
                    return line.removeprefix(MARK.encode())
            if PASSWORD_PROMPT.encode() in self._err:
                self._answer_prompt()
            self._wait()

    def _answer_prompt(self) -> None:
        if self._password is None:
            raise NodeError(f"{self._words}: sudo refuses the password of {SUDO_PASSWORD}")
        self._channel.sendall(self._password.encode() + b"\n")
        self._password = None  # asked again, it was wrong
        self._err = b""

    def _wait(self) -> None:
        """Read what comes next; raises NodeError when nothing can come any more, or too late."""
        left_s = self._end - time.monotonic()
        if left_s <= 0:
            raise NodeError(f"{self._words}: the agent did not begin within {BEGIN_S:g} s{self._heard()}")
        if not select.select([self._channel], [], [], left_s)[0]:
            return
        came = False
        if self._channel.recv_stderr_ready():
            self._err = (self._err + self._channel.recv_stderr(_READ_BYTES))[-_MOST_WORDS:]
            came = True
        if self._channel.recv_ready():
            self._out = (self._out + self._channel.recv(_READ_BYTES))[-_MOST_WORDS:]
            came = True
        if not came:
            status = self._channel.recv_exit_status()
            raise NodeError(f"{self._words}: {self._refusal(status)}")

    def _refusal(self, status: int) -> str:
        said = self._err.decode(errors="replace").replace(PASSWORD_PROMPT, "").strip().splitlines()
        last = said[-1] if said else f"exit status {status}"
        if self._sudo and (not said or last.startswith("sudo:") or "sudo" in last or "sudoers" in last):
            remedy = (
                ""
                if self._password is None and os.environ.get(SUDO_PASSWORD)
                else (f"; allow it without a password, or set {SUDO_PASSWORD}")
            )
            return f"sudo is refused: {last}{remedy}"
        return f"the agent can't be started: {last}"

    def _heard(self) -> str:
        said = self._err.decode(errors="replace").strip().splitlines()
        return f"; it last said: {said[-1]}" if said else ""
