"""What asyncio leaves open about tasks: all of several to their ends, one to its end, and who cancelled whom."""

import asyncio
import contextlib
from collections.abc import Awaitable, Coroutine, Iterable, Iterator
from typing import Any, TypeVar

from harness.errors import HarnessError

T = TypeVar("T")


async def together(work: Iterable[Awaitable[T]]) -> tuple[T, ...]:
    """Do all of it at the same time and to its end, and return the results in order.

    An error of one does not cut the others short, which would leave them in between; the first is raised
    when all have ended.
    """
    results: list[T] = []
    failure: BaseException | None = None
    for outcome in await asyncio.gather(*work, return_exceptions=True):
        if isinstance(outcome, BaseException):
            failure = failure or outcome
        else:
            results.append(outcome)
    if failure is not None:
        raise failure
    return tuple(results)


async def uninterrupted(work: Coroutine[Any, Any, T]) -> T:
    """Do `work` to its end however often the caller is cancelled meanwhile; only then let him be cancelled.

    For what must not stop half-way. When the work fails its error is raised, cancelled or not: what is now
    broken matters more than that nobody waits for it.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    result = task.result()
    if cancelled is not None:
        raise cancelled
    return result


async def broken_off(task: "asyncio.Future[Any]") -> BaseException | None:
    """Cancel a task unless it has ended, wait for its end, and return with what error it failed, if it did."""
    task.cancel()
    await uninterrupted(_ended(task))
    return None if task.cancelled() else task.exception()


def being_cancelled() -> bool:
    """Tell whether somebody cancels the present task; if not, its CancelledError comes from what it called."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


@contextlib.contextmanager
def own_cancellation(what: str) -> Iterator[None]:
    """Raise HarnessError for a CancelledError that `what` raised although nobody cancels this task.

    A plug-in that cancels a task of its own and awaits it would otherwise be taken for the end of the run.
    """
    try:
        yield
    except asyncio.CancelledError as error:
        if being_cancelled():
            raise
        raise HarnessError(f"{what} gave up by itself (CancelledError)") from error


async def _ended(task: "asyncio.Future[Any]") -> None:
    await asyncio.wait({task})
