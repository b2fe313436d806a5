"""The processes that died by themselves during a run: which, how, and the last that they said.

The system under test may crash, and its promise must hold all the same, so a death costs no verdict. But it
is told wherever the run is told of, and a system that dies at its first start is not waited for.
"""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from msgspec.structs import replace

from harness.clock import Origin
from harness.errors import NodeError
from harness.interrupts import Interrupted, unless
from harness.machine import Death

T = TypeVar("T")


class Deaths:
    """Keeps what `take` is told; `take` is a cluster's `on_death`."""

    def __init__(self) -> None:
        self._all: list[Death] = []
        self._any = asyncio.Event()

    def take(self, death: Death) -> None:
        """Keep a death."""
        self._all.append(death)
        self._any.set()

    def since(self, origin: Origin) -> tuple[Death, ...]:
        """Return all deaths until now, their times counted from a history's origin."""
        return tuple(replace(death, at_ns=death.at_ns - origin.monotonic_ns) for death in self._all)

    async def unless_any(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what `work` returns; at the first death cancel it and raise NodeError that tells of it."""
        try:
            return await unless(self._any.wait(), work)
        except Interrupted as error:
            raise NodeError("; ".join(death.words for death in self._all)) from error


def told(deaths: Iterable[Death]) -> tuple[str, ...]:
    """Return a line for each death, with its time."""
    return tuple(f"at {death.at_ns / 1e9:.3f} s {death.words}" for death in deaths)
