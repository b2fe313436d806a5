"""An event loop of asyncio whose time is virtual: it jumps from one event to the next.

All of a simulated cluster and the harness's own coroutines run on one such loop, in one thread. What is done takes
no time, unless the machine says so; events of the same instant happen in the order in which they were
scheduled. So a run depends on nothing but its inputs.

Each callback belongs to the simulated process that scheduled it (`owner`), or to nobody: the harness and nature.
Those of a dead process never happen. Those of one that is stopped or busy happen when it goes on or is free, in
the order in which they were due.
"""

import asyncio
import contextvars
import math
import weakref
from asyncio import events
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator
from heapq import heappop, heappush
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from harness.errors import HarnessError

T = TypeVar("T")

STANDSTILL = 100_000
"""So many callbacks at one instant mean that something waits without letting time pass."""


class ProcessDied(BaseException):
    """The process that was being run has died in the middle of what it did."""


class Owner:
    """What the loop must know of a simulated process. Its tasks inherit `context`, in which it is named."""

    def __init__(self) -> None:
        self.dead = False
        self.stopped = False
        self.waiting: deque[Event] = deque()
        self.busy_until_ns = 0
        self.spent_ns = 0
        self.tasks: weakref.WeakKeyDictionary[asyncio.Task[Any], None] = weakref.WeakKeyDictionary()
        self.context = contextvars.copy_context()
        self.context.run(_OWNER.set, self)

    def about_to_send(self, *, to_client: bool) -> None:
        """Take note that the process is about to send something; it may raise ProcessDied."""

    def true_ns(self, delay_ns: int) -> int:
        """Return how long it takes until the clock of its machine has gone on by `delay_ns`."""
        return delay_ns


_OWNER: contextvars.ContextVar[Owner | None] = contextvars.ContextVar("owner", default=None)


class Internet(Protocol):
    """Whoever makes connections between processes; `source` is None for the harness's clients."""

    async def connect(
        self, source: Owner | None, factory: Callable[[], asyncio.BaseProtocol], host: str, port: int
    ) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
        """Connect to an address; raises OSError."""

    def listen(
        self, owner: Owner, factory: Callable[[], asyncio.BaseProtocol], host: str, port: int
    ) -> "asyncio.AbstractServer":
        """Take connections at an address; raises OSError."""


Event = list[Any]
"""A callback that waits for its time: [time in ns, callback, args, context, owner].

A list, because lists are made and unpacked without a call of Python code, and there are thousands a second.
"""

_CALLBACK = 1


class Handle(Struct):
    """What lets whoever has scheduled a callback cancel it."""

    event: Event

    def cancel(self) -> None:
        """Let it not happen."""
        self.event[_CALLBACK] = None
        self.event[_CALLBACK + 1] = ()

    def cancelled(self) -> bool:
        """Tell whether it was cancelled, or has happened."""
        return self.event[_CALLBACK] is None

    def when(self) -> float:
        """Return its time in seconds."""
        seconds: float = self.event[0] / 1e9
        return seconds


class VirtualLoop(asyncio.AbstractEventLoop):
    """The loop. Time begins at 0."""

    def __init__(self) -> None:
        self.internet: Internet | None = None
        self.now_ns = 0
        """The time of this instant; `time_ns` also has what whoever runs now has spent since."""
        self._owner: Owner | None = None
        self._ready: deque[Event] = deque()
        self._times: list[int] = []
        """A heap of the times for which something is due."""
        self._due: dict[int, list[Event]] = {}
        """What is due at each of them, in the order in which it was scheduled."""
        self._stopping = False
        self._running = False
        self._closed = False
        self._signalled: deque[Event] = deque()
        self._handler: Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object] | None = None

    # Time

    def time_ns(self) -> int:
        """Return the time in nanoseconds, as whoever runs now has reached it."""
        return self.now_ns if self._owner is None else self.now_ns + self._owner.spent_ns

    def time(self) -> float:
        """Return the time in seconds."""
        owner = self._owner
        return (self.now_ns if owner is None else self.now_ns + owner.spent_ns) / 1e9

    # Callbacks

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> Handle:
        """Schedule a callback of whoever runs now, or of the one that `context` names."""
        owner = self._owner if context is None else context.get(_OWNER)
        event = [self.now_ns, callback, args, context, owner]
        self._ready.append(event)
        return Handle(event)

    def call_soon_threadsafe(  # type: ignore[override]
        self, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> Handle:
        """Schedule a callback from a signal's handler, which comes at any moment: between two events."""
        event = [self.now_ns, callback, args, context, None]
        self._signalled.append(event)
        return Handle(event)

    def call_later(  # type: ignore[override]
        self,
        delay: float,
        callback: Callable[..., Any],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> Handle:
        """Schedule a callback in `delay` seconds."""
        return self._schedule(math.ceil(delay * 1e9), callback, args, context)

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., Any],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> Handle:
        """Schedule a callback at a time in seconds."""
        return self._schedule(_ns_at(when) - self.time_ns(), callback, args, context)

    def at_ns(
        self, when_ns: int, callback: Callable[..., Any], *args: Any, owner: Owner | None = None
    ) -> None:
        """Schedule a callback of `owner` (None: of nature) at a time in nanoseconds; it can't be cancelled."""
        due_ns = when_ns if when_ns > self.now_ns else self.now_ns
        self._put([due_ns, callback, args, None, owner])

    def run_as(self, owner: Owner, callback: Callable[..., Any], *args: Any) -> None:
        """Let something happen to a process, behind all that is due for it already."""
        self._ready.append([self.now_ns, callback, args, None, owner])

    def release(self, owner: Owner) -> None:
        """Let a stopped process go on with what it has missed, in order."""
        owner.stopped = False
        self._go_on(owner)

    def end(self, owner: Owner) -> None:
        """Let nothing more of a process happen; its coroutines end without doing anything."""
        owner.dead = True
        owner.waiting.clear()
        current, self._owner = self._owner, owner
        for task in list(owner.tasks):
            if not task.done():
                _close(task)
        self._owner = current

    def _schedule(
        self,
        delay_ns: int,
        callback: Callable[..., Any],
        args: tuple[Any, ...],
        context: contextvars.Context | None,
    ) -> Handle:
        current = self._owner
        owner = current if context is None else context.get(_OWNER)
        if owner is not None:
            delay_ns = owner.true_ns(delay_ns)
        due_ns = self.now_ns if current is None else self.now_ns + current.spent_ns
        if delay_ns > 0:
            due_ns += delay_ns
        event = [due_ns, callback, args, context, owner]
        self._put(event)
        return Handle(event)

    def _put(self, event: Event) -> None:
        """Let something wait for its time."""
        due_ns = event[0]
        if (others := self._due.get(due_ns)) is not None:
            others.append(event)
        else:
            self._due[due_ns] = [event]
            heappush(self._times, due_ns)

    def _go_on(self, owner: Owner) -> None:
        """Let happen what had to wait for a process, before anything else, if it can go on."""
        if owner.waiting and not owner.stopped and owner.busy_until_ns <= self.now_ns:
            self._ready.extendleft(reversed(owner.waiting))
            owner.waiting.clear()

    def _go(self) -> None:
        """Let everything happen that is due, then let time pass until something is, and so on."""
        ready, times, due, signalled = self._ready, self._times, self._due, self._signalled
        left = STANDSTILL
        while not self._stopping:
            if signalled:
                ready.append(signalled.popleft())
            if not ready:
                if not times:
                    raise HarnessError("the simulation has come to a standstill: nobody waits for a time")
                due_ns = heappop(times)
                ready.extend(due.pop(due_ns))
                if due_ns > self.now_ns:
                    self.now_ns = due_ns
                    left = STANDSTILL
            event = ready.popleft()
            _, callback, args, context, owner = event
            if callback is None:
                continue
            if owner is not None:
                if owner.dead:
                    continue
                if owner.stopped or owner.waiting or owner.busy_until_ns > self.now_ns:
                    owner.waiting.append(event)
                    continue
                context = context or owner.context
            left -= 1
            if not left:
                raise HarnessError(f"the simulation stands still at {self.time():.3f} s: {callback}")
            event[_CALLBACK] = None
            self._owner = owner
            try:
                if context is None:
                    callback(*args)
                else:
                    context.run(callback, *args)
            except (KeyboardInterrupt, SystemExit):
                raise
            except ProcessDied:
                pass
            except BaseException as error:
                self.call_exception_handler({"message": f"in {callback}", "exception": error})
            finally:
                self._owner = None
                if owner is not None and owner.spent_ns:
                    owner.busy_until_ns = self.now_ns + owner.spent_ns
                    owner.spent_ns = 0
                    self.at_ns(owner.busy_until_ns, self._go_on, owner)

    # Running

    def run_forever(self) -> None:
        """Run until `stop`."""
        self._running = True
        events._set_running_loop(self)
        try:
            self._go()
        finally:
            self._stopping = False
            self._running = False
            events._set_running_loop(None)

    def run_until_complete(self, future: Generator[Any, None, T] | Awaitable[T]) -> T:
        """Run until the future is done and return its result."""
        task = asyncio.ensure_future(future, loop=self)  # type: ignore[arg-type]
        task.add_done_callback(self._done)
        try:
            self.run_forever()
        finally:
            task.remove_done_callback(self._done)
        if not task.done():
            raise RuntimeError("the loop was stopped before its task was done")
        return task.result()

    def _done(self, _: "asyncio.Future[Any]") -> None:
        self.stop()

    def stop(self) -> None:
        """Stop after what is happening now."""
        self._stopping = True

    def is_running(self) -> bool:
        """Tell whether the loop runs."""
        return self._running

    def is_closed(self) -> bool:
        """Tell whether the loop was closed."""
        return self._closed

    def close(self) -> None:
        """Forget everything."""
        self._closed = True
        self._ready.clear()
        self._times.clear()
        self._due.clear()

    async def shutdown_asyncgens(self) -> None:
        """Nothing is to be done."""

    async def shutdown_default_executor(self) -> None:
        """There is none."""

    # Tasks

    def create_future(self) -> "asyncio.Future[Any]":
        """Return a future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self,
        coro: Coroutine[Any, Any, T],
        *,
        name: str | None = None,
        context: contextvars.Context | None = None,
    ) -> "asyncio.Task[T]":
        """Return a task; it belongs to whoever runs now."""
        task: asyncio.Task[T] = asyncio.Task(coro, loop=self, name=name, context=context)
        owner = self._owner if context is None else context.get(_OWNER)
        if owner is not None:
            owner.tasks[task] = None
        return task

    # Errors

    def get_debug(self) -> bool:
        """There is no debug mode."""
        return False

    def set_debug(self, enabled: bool) -> None:
        """There is no debug mode."""

    def set_exception_handler(
        self, handler: Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object] | None
    ) -> None:
        """Choose who is told of exceptions that nobody caught."""
        self._handler = handler

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        """Raise what nobody caught: in a simulation, that is a defect."""
        error = context.get("exception")
        if isinstance(error, ProcessDied):
            return
        raise HarnessError(f"{context.get('message')}: {error!r}") from error

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Tell whoever is to be told."""
        if self._handler is not None:
            self._handler(self, context)
        else:
            self.default_exception_handler(context)

    # Connections

    async def create_connection(  # type: ignore[override]
        self, protocol_factory: Callable[[], asyncio.BaseProtocol], host: str, port: int
    ) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
        """Connect to a simulated address."""
        assert self.internet is not None, "a cluster is up"
        return await self.internet.connect(_OWNER.get(), protocol_factory, host, port)

    async def create_server(  # type: ignore[override]
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        host: str,
        port: int,
        *,
        backlog: int = 100,
    ) -> asyncio.AbstractServer:
        """Take connections at an address of the simulated machine."""
        owner = _OWNER.get()
        assert self.internet is not None and owner is not None, "only simulated processes listen"
        return self.internet.listen(owner, protocol_factory, host, port)


def _ns_at(when: float) -> int:
    """Return the first nanosecond whose `time` is not before `when`: whoever waits for a time must see it come."""
    when_ns = math.ceil(when * 1e9)
    return when_ns if when_ns / 1e9 >= when else when_ns + 1


def _close(task: "asyncio.Task[Any]") -> None:
    """End a task's coroutine, as often as it waits again while it is ending."""
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    asyncio._unregister_task(task)
    coroutine = task.get_coro()
    for _ in range(100):
        try:
            coroutine.close()
        except RuntimeError:  # it waits for something in a `finally`
            continue
        except BaseException:
            return
        return
