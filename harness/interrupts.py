"""A run that is asked to end: the first signal asks it to stop in good order, the second to stop at once."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

from harness.tasks import broken_off

T = TypeVar("T")


class Interrupted(Exception):
    """What was being done has been broken off, because the user asked for it."""


class Interrupts:
    """Counts signals; `stop` is set by the first, `abort` by the second.

    `notice` is for `harness.signals`, `receive` for whoever asks for the same on the event loop.
    """

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.abort = asyncio.Event()
        self._noticed = False
        self._blocking = False

    def receive(self) -> None:
        """Take note of a request to stop."""
        if self.stop.is_set():
            self.abort.set()
        self.stop.set()

    def notice(self) -> None:
        """Take note of a signal, in its handler; an event loop gets to know of it at its next turn."""
        again, self._noticed = self._noticed, True
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.receive()
        else:
            loop.call_soon_threadsafe(self.receive)
        if again and self._blocking:
            raise KeyboardInterrupt

    async def patience(self, quick_s: float) -> None:
        """Return when it is time to break off what is worth waiting for: `quick_s` after `stop`, or at `abort`."""
        await self.stop.wait()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.abort.wait(), quick_s)

    @contextlib.contextmanager
    def blocking(self) -> Iterator[None]:
        """Let the second signal raise KeyboardInterrupt in code that gives the event loop no turn."""
        self._blocking = threading.current_thread() is threading.main_thread()
        try:
            yield
        finally:
            self._blocking = False


async def unless(cue: Coroutine[Any, Any, object], work: Coroutine[Any, Any, T]) -> T:
    """Return what `work` returns; when `cue` returns first, cancel it and raise Interrupted.

    `work` is not begun when the cue has fallen already. It is cancelled when the caller is, and waited for
    however often that happens. An error with which it fails while it is broken off is the cause of what is
    raised; an error of the cue is raised itself.
    """
    watch = asyncio.ensure_future(cue)
    task: asyncio.Future[T] | None = None
    try:
        await asyncio.sleep(0)
        if not watch.done():
            task = asyncio.ensure_future(work)
            await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError as cancelled:
        await broken_off(watch)
        raise cancelled from await _broken_off(task, work)
    if task is not None and task.done():
        await broken_off(watch)
        return task.result()
    failure = await _broken_off(task, work)
    watch.result()
    raise Interrupted from failure


async def _broken_off(task: "asyncio.Future[T] | None", work: Coroutine[Any, Any, T]) -> BaseException | None:
    if task is None:
        work.close()
        return None
    return await broken_off(task)
