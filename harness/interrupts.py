"""Ctrl-C, SIGTERM, a closed terminal: the first asks a run to stop in good order, the second to stop at once."""

import asyncio
import contextlib
import signal
import threading
from collections.abc import Coroutine, Iterator, Mapping
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):
    """What was being done has been broken off, because the user asked for it."""


class Interrupts:
    """Counts signals; `stop` is set by the first, `abort` by the second.

    `handling` takes the signals over where that is possible: in the main thread. Elsewhere, `receive` is how
    to ask for the same.
    """

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.abort = asyncio.Event()

    def receive(self) -> None:
        """Take note of a signal."""
        if self.stop.is_set():
            self.abort.set()
        self.stop.set()

    async def patience(self, quick_s: float) -> None:
        """Return when it is time to break off what is worth waiting for: `quick_s` after `stop`, or at `abort`."""
        await self.stop.wait()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.abort.wait(), quick_s)

    @contextlib.contextmanager
    def handling(self) -> Iterator[None]:
        """Receive the process's signals inside, and give them back after."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        former = _handlers()
        for number in SIGNALS:
            loop.add_signal_handler(number, self.receive)
        try:
            yield
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)
            _install(former)

    @contextlib.contextmanager
    def blocking(self) -> Iterator[None]:
        """Let the second signal of a run raise KeyboardInterrupt in code that gives the event loop no turn.

        To be used inside `handling`. The event loop still gets to know of each signal, at its next turn.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        seen = self.stop.is_set()

        def handle(number: int, frame: FrameType | None) -> None:
            nonlocal seen
            if seen:
                raise KeyboardInterrupt
            seen = True

        former = _handlers()
        _install(dict.fromkeys(SIGNALS, handle))
        try:
            yield
        finally:
            _install(former)


def _handlers() -> dict[signal.Signals, Any]:
    return {number: signal.getsignal(number) for number in SIGNALS}


def _install(handlers: Mapping[signal.Signals, Any]) -> None:
    for number, handler in handlers.items():
        # None: it was not installed from Python, and can't be put back from Python.
        signal.signal(number, signal.SIG_DFL if handler is None else handler)


async def unless(cue: Coroutine[Any, Any, object], work: Coroutine[Any, Any, T]) -> T:
    """Return what `work` returns; when `cue` returns first, cancel it and raise Interrupted.

    `work` is not begun when the cue has fallen already, and is cancelled when the caller is.
    """
    watch = asyncio.ensure_future(cue)
    task: asyncio.Future[T] | None = None
    try:
        await asyncio.sleep(0)
        if not watch.done():
            task = asyncio.ensure_future(work)
            await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
        if task is None or not task.done():
            raise Interrupted
        return task.result()
    finally:
        watch.cancel()
        if task is None:
            work.close()
        elif not task.done():
            task.cancel()
            await asyncio.wait({task})
