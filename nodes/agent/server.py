"""The agent itself: lives on the machine for one run, whatever becomes of the connections to it.

It listens on a socket in its folder, where `attach` brings the harness. One harness at a time is served, known by
its token; when none has been there for as long as the harness said, the agent heals everything, ends every
process and itself: nobody else would. A second process watches over it, and does the same if it is killed.
"""

import asyncio
import fcntl
import json
import os
import secrets
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.errors import AckedError
from nodes.agent import firewall, hazards, service
from nodes.agent.firewall import Door
from nodes.agent.frames import Decoder, FrameError, encode
from nodes.agent.places import LOCK, SOCKET
from nodes.agent.stream import Stream
from nodes.linux import kernel

_FIRST_S = 60.0
"""How long to wait for the first harness."""
_READ_BYTES = 1 << 18


class Agent:
    """Serves one run from its first connection to its end."""

    def __init__(self, folder: Path) -> None:
        self._stream = Stream()
        self._service = service.Service(folder, self._post)
        self._life = secrets.token_hex(8)
        self._token: str | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._patience_s = _FIRST_S
        self._over = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None

    async def live(self) -> None:
        """Serve until the harness says that it is over, or does not come back."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._over.set)
        server = await asyncio.start_unix_server(self._serve, SOCKET)
        self._wait_for_harness()
        await self._over.wait()
        server.close()
        await self._service.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._converse(reader, writer)
        except (OSError, FrameError, asyncio.IncompleteReadError) as error:
            sys.stderr.write(f"a connection ended: {error}\n")
        finally:
            writer.close()
            if self._writer is writer:
                self._writer = None
                self._wait_for_harness()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection: where it comes from, who it is, then messages until it ends."""
        came = json.loads(await reader.readline())
        decoder = Decoder()
        hello: dict[str, Any] | None = None
        while chunk := await reader.read(_READ_BYTES):
            for frame in decoder.feed(chunk):
                if hello is None:
                    hello = frame.head
                    if not await self._welcome(hello, came, writer):
                        return
                elif frame.head.get("over"):
                    self._over.set()
                elif self._writer is writer and (message := self._stream.take(frame)) is not None:
                    self._service.receive(message, frame.body)
            if self._writer is writer:
                writer.write(self._stream.confirmation())

    async def _welcome(
        self, hello: dict[str, Any], came: dict[str, Any], writer: asyncio.StreamWriter
    ) -> bool:
        """Tell a harness whether it is the one that is served here, and send it what it has missed."""
        if hello.get("evict"):
            sys.stderr.write("evicted: everything is healed and ended\n")
            self._over.set()
            return False
        if self._token not in (None, hello["token"]):
            writer.write(encode({"refused": "another run has this machine"}))
            return False
        for host, port in came["doors"]:
            await self._service.admit(Door(host, port))
        self._token, self._patience_s = hello["token"], hello["patience_s"]
        former, self._writer = self._writer, writer
        if former is not None:
            former.close()
        if self._alarm is not None:
            self._alarm.cancel()
        writer.write(encode({"life": self._life, "received": self._stream.received}))
        writer.write(self._stream.again(hello["received"]))
        return True

    def _post(self, message: dict[str, Any], body: bytes) -> None:
        data = self._stream.post(message, body)
        if self._writer is not None:
            self._writer.write(data)

    def _wait_for_harness(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = asyncio.get_running_loop().call_later(self._patience_s, self._abandoned)

    def _abandoned(self) -> None:
        sys.stderr.write(f"no harness for {self._patience_s:g} s: everything is healed and ended\n")
        self._over.set()


def serve(folder: Path) -> None:
    """Be the agent of `folder`, or return at once when it has one."""
    os.chdir(folder)  # a socket's path is limited in length
    lock = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    clean(folder)
    agent = os.fork()
    if agent == 0:
        os.close(lock)
        _live(folder)
        os._exit(0)
    with suppress(ChildProcessError):
        os.waitpid(agent, 0)
    clean(folder)
    shutil.rmtree(folder, ignore_errors=True)


def _live(folder: Path) -> None:
    kernel.die_with_parent()
    if os.geteuid() == 0:
        # Its mounts are its own, and go with it.
        kernel.unshare(kernel.CLONE_NEWNS)
        kernel.mount("none", "/", "none", flags=kernel.MS_REC | kernel.MS_PRIVATE)
    asyncio.run(Agent(folder).live())


def clean(folder: Path) -> None:
    """Remove what an agent may have left that did not come to clean up."""
    Path(SOCKET).unlink(missing_ok=True)
    if os.geteuid() == 0:
        try:
            asyncio.run(firewall.down())
        except AckedError as error:
            sys.stderr.write(f"{error}\n")
        try:
            hazards.undo(folder)
        except (OSError, RuntimeError) as error:
            sys.stderr.write(f"{error}\n")
    service.remove(folder)
