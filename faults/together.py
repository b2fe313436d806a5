"""Does the same to several nodes at the same time."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar

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
