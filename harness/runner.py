"""Clients at work: a number of workers on one event loop that do what a generator says.

The runner holds no operations in memory: what happens is in the recorder's file, and the generator's value
is all the state there is.
"""

import asyncio

from harness.generator import Blocked, Context, Generator, Source, lift
from harness.operation import Invocation, Outcome
from harness.session import Answer, Desk, Session

QUICK_NS = 1_000_000
"""A call that fails faster than this did not reach a node that works."""

FIRST_BACKOFF_S = 0.002
LONGEST_BACKOFF_S = 0.05

ASK_AGAIN_S = 0.001
"""How soon blocked workers ask again after something has changed: together, not once for each change."""

GRACE_S = 1.0
"""How long after its time-out a call may take to come back, before its worker is given up.

Nothing that it comes to after that is recorded.
"""


class Runner:
    """Runs `workers` workers until the generator has no more, or until `stop`.

    Worker w begins as process w; after an operation with an unknown outcome it goes on as process
    w + `workers`, then w + 2 * `workers`, and so on. A worker whose calls fail at once, one after the other
    (nothing listens where it connects to), pauses between them, from 2 ms up to 50 ms, so that a dead system
    does not fill the history with thousands of refusals a second; the first success ends that.
    """

    def __init__(self, source: Source, *, desk: Desk, workers: int) -> None:
        self._generator: Generator = lift(source)
        self._desk = desk
        self._workers = workers
        self._members = (1 << workers) - 1
        self._busy = 0
        self._stopped = False
        self._idle: dict[int, asyncio.Future[None]] = {}
        self._blocked: set[int] = set()
        self._waking = False
        self._giving_up: asyncio.TimerHandle | None = None
        self._over: asyncio.Future[None] | None = None
        self._running: set[asyncio.Task[None]] = set()

    def stop(self) -> None:
        """Begin no new calls; those under way get their time-out to end."""
        if self._stopped:
            return
        self._stopped = True
        for future in self._idle.values():
            _wake(future)
        if self._over is not None and not self._over.done():
            wait_s = self._desk.timeout_s + GRACE_S
            self._giving_up = asyncio.get_running_loop().call_later(wait_s, _wake, self._over)

    async def run(self) -> None:
        """Run all workers to their end.

        Raises what a worker raised: FolderError when the history can't be written any more, UsageError when
        client and workload don't fit. The other workers are stopped then. Calls that did not come back stay
        in the history without a return.
        """
        loop = asyncio.get_running_loop()
        self._over = loop.create_future()
        sessions = {
            asyncio.create_task(self._work(worker, session)): session
            for worker, session in enumerate(map(self._session, range(self._workers)))
        }
        self._running = set(sessions)
        for task in sessions:
            task.add_done_callback(self._ended)
        try:
            if sessions:
                await self._over
        finally:
            self.stop()
            for task in self._running:
                sessions[task].abandon()
                task.cancel()
            if self._running:
                await asyncio.wait(self._running, timeout=GRACE_S)
            if self._giving_up is not None:
                self._giving_up.cancel()
            await asyncio.gather(*(session.close() for session in sessions.values()))
        for task in sessions:
            if task.done() and not task.cancelled():
                task.result()

    def _session(self, worker: int) -> Session:
        return Session(self._desk, process=worker, renumber=lambda process: process + self._workers)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        failed = not task.cancelled() and task.exception() is not None
        if self._over is not None and (failed or not self._running):
            _wake(self._over)

    async def _work(self, worker: int, session: Session) -> None:
        backoff_s = 0.0
        while (invocation := await self._next(worker, session.process)) is not None:
            try:
                answer = await session.perform(invocation)
            finally:
                self._busy &= ~(1 << worker)
                self._changed()
            backoff_s = _backoff(answer, backoff_s)
            if backoff_s:
                await self._sleep(worker, backoff_s)
            else:
                # A client that answers without waiting would otherwise keep the loop to itself.
                await asyncio.sleep(0)

    async def _next(self, worker: int, process: int) -> Invocation | None:
        now_ns = self._desk.clock.now_ns
        while not self._stopped:
            context = Context(
                now_ns=now_ns(), worker=worker, process=process, members=self._members, busy=self._busy
            )
            step, following = self._generator.next(context)
            if isinstance(step, Invocation):
                self._generator = following
                self._busy |= 1 << worker
                self._changed()
                return step
            if step is None:
                self.stop()
                break
            if self._blocked and following != self._generator:
                self._changed()
            self._generator = following
            until_ns = step.until_ns
            if isinstance(step, Blocked):
                self._blocked.add(worker)
            await self._sleep(worker, None if until_ns is None else max(0, until_ns - now_ns()) / 1e9)
        return None

    async def _sleep(self, worker: int, seconds: float | None) -> None:
        """Sleep until the time is over, `stop`, or for a blocked worker until something has changed."""
        if self._stopped:
            return
        loop = asyncio.get_running_loop()
        future = self._idle[worker] = loop.create_future()
        timer = None if seconds is None else loop.call_later(seconds, _wake, future)
        try:
            await future
        finally:
            if timer is not None:
                timer.cancel()
            del self._idle[worker]
            self._blocked.discard(worker)

    def _changed(self) -> None:
        if self._blocked and not self._waking:
            self._waking = True
            asyncio.get_running_loop().call_later(ASK_AGAIN_S, self._wake_blocked)

    def _wake_blocked(self) -> None:
        self._waking = False
        for worker in sorted(self._blocked):
            _wake(self._idle[worker])


def _wake(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


def _backoff(answer: Answer, former_s: float) -> float:
    if answer.outcome is Outcome.OK or answer.return_ns - answer.call_ns >= QUICK_NS:
        return 0.0
    return min(max(FIRST_BACKOFF_S, 2 * former_s), LONGEST_BACKOFF_S)
