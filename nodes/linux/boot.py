"""One life of a machine, from power-on to power-off: its namespaces, its PID 1, and the line to it."""

import asyncio
import itertools
import json
import os
import signal
import socket
import struct
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, NodeError
from nodes.linux import init
from nodes.linux.programs import find, search_path

_READY_S = 20.0
_ANSWER_S = 20.0
"""How long PID 1 may take to answer; it does nothing that takes time."""
_END_S = 20.0
"""How long processes may survive SIGKILL: they may have to finish a flush first."""
_MESSAGE_BYTES = 1 << 16
_KILLED = -int(signal.SIGKILL)


class Child:
    """A process that a machine's PID 1 started; `pid` is its id on the machine."""

    def __init__(self, pid: int, ended: asyncio.Future[int]) -> None:
        self.pid = pid
        self._ended = ended

    def when_ended(self, action: Callable[[], None]) -> None:
        """Have `action` called on the event loop once it has ended, before whoever waits for that goes on."""
        self._ended.add_done_callback(lambda _: action())

    @property
    def returncode(self) -> int | None:
        """Its exit status (negative: the signal), or None while it runs."""
        return self._ended.result() if self._ended.done() else None

    async def wait(self) -> int:
        """Wait for its end and return its exit status; when the power is lost it ends by SIGKILL."""
        return await asyncio.shield(self._ended)


class Boot:
    """A running machine, as the harness sees it. Made by `Boot.start`.

    `pid` is the id of the machine's PID 1 for the harness, and `pid_namespace` the kernel's number of the
    PID namespace, by which all its processes are found. `network` is a descriptor of its network namespace.
    `ending` tells whether it was asked to end.
    """

    def __init__(
        self, name: str, keeper: asyncio.subprocess.Process, control: socket.socket, pid: int
    ) -> None:
        self.name = name
        self.pid = pid
        self.ending = False
        self.pid_namespace = Path(f"/proc/{pid}/ns/pid").stat().st_ino
        self._keeper = keeper
        self._control = control
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Mapping[str, Any]]] = {}
        self._ends: dict[int, asyncio.Future[int]] = {}
        self._pidfd = os.pidfd_open(pid)
        self.network = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        asyncio.get_running_loop().add_reader(control.fileno(), self._read)

    @classmethod
    async def start(cls, name: str, log: Path, *, namespaces: Sequence[str]) -> "Boot":
        """Start a machine with nothing but its PID 1; what that complains of goes to `log`.

        `namespaces` are options of unshare(1): `--pid` must be among them; with `--uts` it gets its name.

        Raises NodeError, with those complaints, when it does not come up.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with ExitStack() as undo:
            undo.enter_context(ours)
            with theirs, log.open("ab") as complaints:
                keeper = await asyncio.create_subprocess_exec(
                    *(find("unshare"), *namespaces, "--fork", "--kill-child"),
                    *(sys.executable, "-I", "-S", init.__file__, str(theirs.fileno())),
                    *([name] if "--uts" in namespaces else []),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=complaints,
                    stderr=complaints,
                    pass_fds=[theirs.fileno()],
                    env={"PATH": search_path()},
                    start_new_session=True,
                )
            undo.callback(_kill, keeper)  # PID 1 dies with its parent (--kill-child)
            try:
                async with asyncio.timeout(_READY_S):
                    hello = await asyncio.get_running_loop().sock_recv(ours, _MESSAGE_BYTES)
            except TimeoutError as error:
                raise NodeError(f"{name} did not start in {_READY_S:g} s") from error
            if not hello:
                raise NodeError(f"{name} did not start: {last_complaint(log)}")
            boot = cls(name, keeper, ours, json.loads(hello)["init"])
            undo.pop_all()
            return boot

    @property
    def running(self) -> bool:
        """Whether its PID 1 is there."""
        return self._control.fileno() >= 0

    @property
    def root(self) -> Path:
        """The machine's file system, as the harness reaches it."""
        return Path(f"/proc/{self.pid}/root")

    async def spawn(
        self, argv: Sequence[str], *, env: Mapping[str, str], stdin: int, stdout: int, stderr: int
    ) -> Child:
        """Start a process, leader of a session of its own, with these three descriptors and no other.

        Raises NodeError when it can't be started. When the caller is cancelled, the process is killed.
        """
        task = asyncio.create_task(self._spawn(list(argv), dict(env), (stdin, stdout, stderr)))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            with suppress(NodeError):  # it did not start, or went with the power: nothing to undo
                await self.signal(-(await task).pid, signal.SIGKILL)
            raise

    async def signal(self, to: int, number: signal.Signals) -> None:
        """Send a signal to a process by its id on the machine; -id is its group.

        -1 is every process of the machine but PID 1, in the same instant: the kernel holds its list of
        processes meanwhile, so none can fork its way out.
        """
        await self._ask(next(self._ids), {"to": to, "signal": int(number)})

    async def end(self) -> None:
        """Kill PID 1; returns when the kernel has ended every process of the machine. Safe to call twice.

        Raises NodeError when that takes longer than the kernel should need.

        It is the parent of PID 1 that is waited for here. That makes its end the kernel's word: the PID 1 of
        a namespace can't be reaped before every other process in it is gone.
        """
        self.ending = True
        if self._pidfd >= 0:
            with suppress(ProcessLookupError):  # it died by itself
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            os.close(self._pidfd)
            self._pidfd = -1
        try:
            async with asyncio.timeout(_END_S):
                await self._keeper.wait()
        except TimeoutError as error:
            raise NodeError(f"{self.name}: its processes survive SIGKILL for {_END_S:g} s") from error
        self._hang_up()

    async def lost(self) -> bool:
        """Wait for its end, and tell whether its PID 1 died by itself."""
        await self._keeper.wait()
        self._hang_up()
        return not self.ending

    def close(self) -> None:
        """Let go of what is left after `end`: the network namespace."""
        os.close(self.network)

    async def _spawn(self, argv: list[str], env: dict[str, str], fds: tuple[int, ...]) -> Child:
        identity = next(self._ids)
        # Made before the request: a process may end before the answer about its start is read.
        self._ends[identity] = ended = asyncio.get_running_loop().create_future()
        try:
            answer = await self._ask(identity, {"argv": argv, "env": env}, fds)
            if "error" in answer:
                raise NodeError(f"{self.name}: can't start {argv[0]}: {answer['error']}")
        except BaseException:
            self._ends.pop(identity, None)
            raise
        return Child(answer["pid"], ended)

    async def _ask(
        self, identity: int, request: dict[str, Any], fds: tuple[int, ...] = ()
    ) -> Mapping[str, Any]:
        answer: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[identity] = answer
        message = json.dumps({"id": identity, **request}).encode()
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack(f"{len(fds)}i", *fds))
        try:
            async with asyncio.timeout(_ANSWER_S):
                await self._send(message, [rights] if fds else [])
                return await answer
        except TimeoutError as error:
            raise NodeError(f"{self.name}: its PID 1 gives no answer for {_ANSWER_S:g} s") from error
        finally:
            del self._answers[identity]

    async def _send(self, message: bytes, rights: list[tuple[int, int, bytes]]) -> None:
        while True:
            if not self.running:
                raise self._no_power()
            try:
                self._control.sendmsg([message], rights)
                return
            except BlockingIOError:
                await asyncio.sleep(0.001)  # hundreds of requests are under way, and PID 1 is at them
            except (BrokenPipeError, ConnectionResetError) as error:
                raise self._no_power() from error
            except OSError as error:
                raise HarnessError(
                    f"{self.name}: a request of {len(message)} bytes failed: {error}"
                ) from error

    def _read(self) -> None:
        while True:
            try:
                data = self._control.recv(_MESSAGE_BYTES)
            except BlockingIOError:
                return
            except ConnectionResetError:
                data = b""
            if not data:
                self._hang_up()
                return
            message = json.loads(data)
            if "exit" in message:
                if (ended := self._ends.pop(message["id"], None)) is not None:
                    ended.set_result(message["exit"])
            elif (answer := self._answers.get(message["id"])) is not None and not answer.done():
                answer.set_result(message)

    def _hang_up(self) -> None:
        if not self.running:
            return
        asyncio.get_running_loop().remove_reader(self._control.fileno())
        self._control.close()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(self._no_power())
        for ended in self._ends.values():
            ended.set_result(_KILLED)
        self._ends.clear()

    def _no_power(self) -> NodeError:
        return NodeError(
            f"{self.name} has no power" if self.ending else f"{self.name} is gone: its PID 1 died"
        )


def _kill(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):  # it has ended already
        process.kill()


def last_complaint(log: Path) -> str:
    """Return the last line of what a machine's PID 1, or what starts it, complained of."""
    return log.read_text(errors="replace").strip().rpartition("\n")[2]
