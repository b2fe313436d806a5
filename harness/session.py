"""One worker's calls: the clients it holds, the times it takes, and what it records of each answer.

An outcome is decided here and nowhere else: a reply is OK; `OperationFailed` is FAIL; a time-out and every
other exception is INFO. After INFO the process may still have a request under way, so it is retired: its
connections are dropped and the next call is made by a new process with new ones.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from msgspec import Struct

from harness.clock import Clock
from harness.errors import HarnessError, OperationFailed, UsageError
from harness.observer import Observer
from harness.operation import Invocation, Outcome, Reply
from harness.recording import Recorder
from harness.system import Client
from harness.tasks import being_cancelled

CLOSE_S = 1.0
"""How long a client may take to drop its connection before nobody waits for it any more."""


class ClientMaker(Protocol):
    """Makes clients: `System.client`."""

    def __call__(self, *, process: int, node: str | None = None) -> Client:
        """Return a client for a process, bound to `node` or to whichever node is the primary."""


class Desk(Struct, frozen=True, kw_only=True):
    """What all sessions of a run share."""

    make_client: ClientMaker
    recorder: Recorder
    clock: Clock
    timeout_s: float
    observer: Observer


class Answer(Struct, frozen=True, kw_only=True):
    """What became of a call; `reply` is set when it is OK. Times are nanoseconds since the origin."""

    outcome: Outcome
    reply: Reply | None
    error: str | None
    call_ns: int
    return_ns: int


class Session:
    """Performs one call after the other; `process` is who does, and `renumber` who follows after INFO."""

    def __init__(self, desk: Desk, *, process: int, renumber: Callable[[int], int]) -> None:
        self.process = process
        self._desk = desk
        self._renumber = renumber
        self._clients: dict[str | None, Client] = {}
        self._closing: dict[asyncio.Future[None], asyncio.TimerHandle] = {}
        self._abandoned = False

    async def perform(self, invocation: Invocation) -> Answer:
        """Make a call, record it and what became of it, and return that.

        The client is cancelled at the operation time-out; one that does not heed that takes as long as it
        likes. Raises UsageError when the client does not have the operation or does not answer with a
        `Reply`, FolderError when it can't be recorded. When the caller is cancelled, or the session
        abandoned, the call stays in the history without a return.
        """
        desk, reply, error = self._desk, None, None
        call_ns = desk.clock.now_ns()
        id_ = desk.recorder.call(invocation, process=self.process, call_ns=call_ns)
        desk.observer.on_call(invocation, process=self.process, call_ns=call_ns)
        limit = asyncio.timeout(desk.timeout_s)
        try:
            async with limit:
                reply = await self._method(invocation)(*invocation.args)
            outcome = Outcome.OK
        except OperationFailed as failure:
            outcome, error = Outcome.FAIL, str(failure)
        except (UsageError, HarnessError):
            raise
        except asyncio.CancelledError:
            if being_cancelled():
                raise
            outcome, error = Outcome.INFO, "CancelledError: the client gave up by itself"
        except Exception as failure:
            outcome = Outcome.INFO
            error = "timeout" if limit.expired() else f"{type(failure).__name__}: {failure}"
        if self._abandoned:
            raise asyncio.CancelledError
        return_ns = desk.clock.now_ns()
        if outcome is Outcome.OK:
            if not isinstance(reply, Reply):
                raise UsageError(
                    f"the client's operation {invocation.f!r} answered {type(reply).__name__}, not Reply"
                )
            desk.recorder.ok(id_, return_ns=return_ns, reply=reply)
        else:
            desk.recorder.failed(id_, return_ns=return_ns, outcome=outcome, error=error or "")
        desk.observer.on_return(
            invocation, process=self.process, outcome=outcome, call_ns=call_ns, return_ns=return_ns
        )
        if outcome is Outcome.INFO:
            self._retire()
        return Answer(outcome=outcome, reply=reply, error=error, call_ns=call_ns, return_ns=return_ns)

    def abandon(self) -> None:
        """Record nothing from now on: what a call that is still under way comes to is not waited for."""
        self._abandoned = True

    async def close(self) -> None:
        """Drop all connections; takes no longer than about `CLOSE_S`."""
        self._drop()
        if self._closing:
            await asyncio.wait(self._closing, timeout=CLOSE_S)

    def _method(self, invocation: Invocation) -> Callable[..., Coroutine[Any, Any, Reply]]:
        client = self._clients.get(invocation.node)
        if client is None:
            client = self._desk.make_client(process=self.process, node=invocation.node)
            self._clients[invocation.node] = client
        method: Callable[..., Coroutine[Any, Any, Reply]] | None = getattr(client, invocation.f, None)
        if method is None:
            raise UsageError(
                f"the workload asks for the operation {invocation.f!r}, "
                f"which the system's client ({type(client).__name__}) does not have"
            )
        return method

    def _retire(self) -> None:
        self.process = self._renumber(self.process)
        self._drop()

    def _drop(self) -> None:
        loop = asyncio.get_running_loop()
        for client in self._clients.values():
            closing = asyncio.ensure_future(client.close())
            self._closing[closing] = loop.call_later(CLOSE_S, closing.cancel)
            closing.add_done_callback(self._closed)
        self._clients.clear()

    def _closed(self, closing: asyncio.Future[None]) -> None:
        self._closing.pop(closing).cancel()
        if not closing.cancelled():
            closing.exception()  # whatever it was, nobody has a use for the connection any more
