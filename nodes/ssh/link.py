"""The way to one machine's agent: requests and answers that survive a cut connection, or the word that it is gone.

One connection is kept open. When it is cut, or nothing is heard for QUIET_S, another is made, with back-off;
what was asked meanwhile is asked then, once, and what happened meanwhile is heard then (`nodes.agent.stream`).
A machine that can't be reached for GONE_S is gone for good: whatever is asked of it raises NodeError.
"""

import asyncio
import itertools
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

from harness import errors
from harness.errors import AckedError, HarnessError, NodeError
from nodes.agent.frames import Frame, FrameError, encode
from nodes.agent.stream import Stream

BEAT_S = 1.0
"""How often the machine is asked for the time; that also shows that it is there."""
GREET_S = 30.0
"""How long an agent may take, at least, to start and to say who it is; as long as machines are patient with us."""
QUIET_S = 8.0
"""How long a connection may be silent before it counts as cut; a beat should have been answered long before."""
GONE_S = 30.0
"""How long a machine may be out of reach. Less than its agent's patience, or it would have healed itself."""
ASK_S = 120.0
"""How long an answer may take."""
_BEAT_TRIES = 4
_GOOD_NS = 1_000_000
_END_S = 40.0
_LEAVE_S = 10.0
_BACK_OFF_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Connection(Protocol):
    """What `nodes.ssh.line.Line` offers."""

    def start(self, on_frame: Callable[[int, Frame], None], on_end: Callable[[str], None]) -> None:
        """Begin to pass on what arrives, in a thread."""

    def send(self, data: bytes) -> None:
        """Send, soon."""

    def finish(self) -> None:
        """Say that there is no more to come: the other end then ends, too."""

    def close(self) -> None:
        """End it."""


class Answered(NamedTuple):
    """An answer, the bytes that came with it, and when it was asked for and when it came."""

    value: Any
    body: bytes
    asked_ns: int
    came_ns: int


class Link:
    """The way to one machine. Used on one event loop; `connect`, which blocks, is called in `threads`."""

    def __init__(
        self,
        name: str,
        connect: Callable[[], Connection],
        *,
        threads: Executor,
        token: str,
        patience_s: float,
        on_event: Callable[[int, dict[str, Any], bytes], None],
        on_beat: Callable[[Answered], None],
        on_gone: Callable[[str], None],
    ) -> None:
        self._name = name
        self._connect = connect
        self._threads = threads
        self._token = token
        self._patience_s = patience_s
        self._greet_s = max(GREET_S, patience_s)
        self._on_event = on_event
        self._on_beat = on_beat
        self._on_gone = on_gone
        self._stream = Stream()
        self._ids = itertools.count(1)
        self._asked: dict[int, tuple[asyncio.Future[Answered], int]] = {}
        self._connection: Connection | None = None
        self._agreed = False
        self._greeted: asyncio.Future[dict[str, Any]] | None = None
        self._ended = asyncio.Event()
        self._why_ended = ""
        self._heard_ns = 0
        self._life: str | None = None
        self._gone: str | None = None
        self._closing = False
        self._closed = False
        self._tasks: list[asyncio.Task[None]] = []
        self.cuts = 0

    @property
    def gone(self) -> str | None:
        """Why the machine is out of reach for good, or None."""
        return self._gone

    async def open(self) -> None:
        """Connect to an agent that has not been talked to, and ask it for the time; raises NodeError."""
        former, self._gone = self._gone, None
        try:
            await self._join()
        except BaseException:
            self._gone = former
            raise
        await self._ask_for_time(self._greet_s)
        self._tasks = [asyncio.create_task(self._keep()), asyncio.create_task(self._beat())]

    async def ask(
        self, do: str, *, body: bytes = b"", timeout_s: float = ASK_S, **arguments: Any
    ) -> Answered:
        """Have the agent do something and return its answer.

        Raises what the agent says went wrong, and NodeError when the machine is gone or no answer comes.
        """
        if self._gone is not None:
            raise NodeError(f"{self._name} {self._gone}")
        identity, answer = next(self._ids), asyncio.get_running_loop().create_future()
        self._asked[identity] = answer, time.monotonic_ns()
        self._post({"id": identity, "do": do, **arguments}, body)
        try:
            async with asyncio.timeout(timeout_s):
                answered: Answered = await answer
                return answered
        except TimeoutError as error:
            raise NodeError(f"{self._name}: {do} is not answered for {timeout_s:g} s") from error
        finally:
            self._asked.pop(identity, None)

    async def part(self) -> None:
        """Hang up without a word: the host is about to lose its power. Then `open` leads to another life.

        Until then whatever is asked raises NodeError.
        """
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        self._closing = True
        self._lose("has no power")
        self._closing = False
        if self._connection is not None:
            await self._drop(self._connection)
        self._stream, self._life = Stream(), None

    async def close(self) -> None:
        """Have the agent heal and remove everything, wait for that, and hang up. Safe to call twice.

        Raises NodeError when the machine is gone, or does not come to an end.
        """
        self._closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        if self._life is None or self._closed:
            return
        self._closed = True
        await self._mend()
        connection = self._connection
        if connection is None:
            raise NodeError(
                f"{self._name} {self._gone or 'is out of reach'}; without the harness it heals itself, and "
                f"removes all that was made, after {self._patience_s:g} s"
            )
        try:
            connection.send(encode({"over": True, "received": self._stream.received}))
            async with asyncio.timeout(_END_S):
                await self._ended.wait()
        except TimeoutError as error:
            raise NodeError(f"{self._name}: its agent does not end within {_END_S:g} s") from error
        finally:
            await self._drop(connection)

    async def _mend(self) -> None:
        """Make a new connection where the last one was cut a moment ago: what is sent there would be lost."""
        if self._gone is not None or not (self._connection is None or self._ended.is_set()):
            return
        if self._connection is not None:
            await self._drop(self._connection)
        with suppress(NodeError):  # it is out of reach: that is told to whoever closes
            await self._join()

    def _post(self, message: dict[str, Any], body: bytes) -> None:
        data = self._stream.post(message, body)
        # Before both ends agree on where they are, all that was posted is sent in its order, by `_join`.
        if self._connection is not None and self._agreed:
            self._connection.send(data)

    async def _join(self) -> None:
        """Make a connection and agree with the agent on where they are; raises NodeError."""
        loop = asyncio.get_running_loop()
        connection = await loop.run_in_executor(self._threads, self._connect)
        greeted = self._greeted = loop.create_future()
        self._ended.clear()
        self._agreed = False

        def arrived(at_ns: int, frame: Frame) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody listens any more
                loop.call_soon_threadsafe(self._arrived, connection, at_ns, frame)

        def ended(why: str) -> None:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._hung_up, connection, why)

        hello = {"token": self._token, "received": self._stream.received, "patience_s": self._patience_s}
        try:
            self._connection = connection
            self._heard_ns = time.monotonic_ns()
            connection.send(encode(hello))
            connection.start(arrived, ended)
            async with asyncio.timeout(self._greet_s):
                said = await greeted
            if "refused" in said:
                await self._leave(connection)
            self._agree(said)
        except BaseException as error:
            await self._drop(connection)
            if isinstance(error, TimeoutError):
                raise NodeError(f"{self._name}: its agent says nothing for {self._greet_s:g} s") from error
            raise
        if self._gone is None:  # an agent that is new knows nothing of what was said to the former one
            connection.send(self._stream.again(said["received"]))
            self._agreed = True

    async def _leave(self, connection: Connection) -> None:
        """Have the other end of a connection end, so that nothing of it is left there when it is dropped."""
        connection.finish()
        with suppress(TimeoutError):  # dropped, it ends all the same, only later
            async with asyncio.timeout(_LEAVE_S):
                await self._ended.wait()

    async def _drop(self, connection: Connection) -> None:
        self._connection, self._agreed, self._greeted = None, False, None
        await asyncio.get_running_loop().run_in_executor(self._threads, connection.close)

    def _agree(self, said: dict[str, Any]) -> None:
        if "refused" in said:
            raise NodeError(
                f"{self._name}: {said['refused']}; it is free again once that has ended, or has not been heard "
                "of for as long as it said"
            )
        if self._life is None:
            self._life = said["life"]
        elif self._life != said["life"]:
            self._lose(
                "was started anew, and all that ran there is gone: the host restarted, or it was out of reach "
                f"for {self._patience_s:g} s and healed itself"
            )

    def _arrived(self, connection: Connection, at_ns: int, frame: Frame) -> None:
        if connection is not self._connection:
            return
        self._heard_ns = at_ns
        if self._greeted is not None:
            greeted, self._greeted = self._greeted, None
            greeted.set_result(frame.head)
            return
        try:
            message = self._stream.take(frame)
        except FrameError as error:
            self._hung_up(connection, str(error))
            return
        if message is None:
            return
        if "event" in message:
            self._on_event(at_ns, message, frame.body)
        elif (asked := self._asked.get(message["id"])) is not None and not asked[0].done():
            answer, asked_ns = asked
            if "error" in message:
                answer.set_exception(self._error(message["error"], message["text"]))
            else:
                answer.set_result(Answered(message["answer"], frame.body, asked_ns, at_ns))
        connection.send(self._stream.confirmation())

    def _hung_up(self, connection: Connection, why: str) -> None:
        if connection is not self._connection:
            return
        self._why_ended = why
        if self._greeted is not None and not self._greeted.done():
            self._greeted.set_exception(NodeError(f"{self._name}: the connection broke: {why}"))
        self._ended.set()

    async def _keep(self) -> None:
        """Make a new connection whenever one has ended, until the machine is gone."""
        while self._gone is None:
            await self._ended.wait()
            self.cuts += 1
            if self._connection is not None:
                await self._drop(self._connection)
            await self._rejoin(time.monotonic() + GONE_S)

    async def _rejoin(self, end: float) -> None:
        why = self._why_ended
        for delay_s in itertools.chain(_BACK_OFF_S, itertools.repeat(_BACK_OFF_S[-1])):
            try:
                async with asyncio.timeout(max(0.0, end - time.monotonic())):
                    return await self._join()
            except AckedError as error:
                why = str(error)
            except TimeoutError:
                pass
            if time.monotonic() + delay_s > end:
                break
            await asyncio.sleep(delay_s)
        self._lose(f"is gone: out of reach for {GONE_S:g} s ({why})")
        return None

    async def _beat(self) -> None:
        """Ask for the time again and again, and hang up when nothing comes back."""
        while self._gone is None:
            with suppress(NodeError):  # no answer yet, or gone: told elsewhere
                await self._ask_for_time(QUIET_S)
            quiet_s = (time.monotonic_ns() - self._heard_ns) / 1e9
            if self._connection is not None and quiet_s > QUIET_S:
                self._hung_up(self._connection, f"nothing was heard for {QUIET_S:g} s")
            await asyncio.sleep(BEAT_S)

    async def _ask_for_time(self, timeout_s: float) -> None:
        """Ask, and again where the answer took so long that it says little."""
        for _ in range(_BEAT_TRIES):
            answered = await self.ask("clock", timeout_s=timeout_s)
            self._on_beat(answered)
            if answered.came_ns - answered.asked_ns < _GOOD_NS:
                break

    def _lose(self, why: str) -> None:
        if self._gone is not None:
            return
        self._gone = why
        for answer, _ in self._asked.values():
            if not answer.done():
                answer.set_exception(NodeError(f"{self._name} {why}"))
        if not self._closing:
            self._on_gone(why)

    def _error(self, kind: str, text: str) -> AckedError:
        """Return what the agent raised; what it calls a folder is the machine's, not the run's."""
        words = text if text.startswith(self._name) else f"{self._name}: {text}"
        known = getattr(errors, kind, HarnessError)
        return NodeError(words) if known is errors.FolderError else known(words)
