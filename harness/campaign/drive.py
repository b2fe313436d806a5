"""The loop between a search and the workers that make its tries."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Final

from harness.campaign.executors import Executor
from harness.campaign.one import Outcome, Try
from harness.campaign.search import Settled, Source
from harness.campaign.work import tried
from harness.verdict import Verdict

AHEAD: Final = 2
"""How many tries are handed out for each worker: the next one is there when it has finished one."""

_POLL_S = 0.2


def settled(
    search: Source,
    executor: Executor,
    *,
    stop: Callable[[], bool] = lambda: False,
    known: Callable[[Try], Outcome | None] = lambda wanted: None,
    make: Callable[[Try], Outcome] = tried,
) -> Iterator[Settled]:
    """Yield what a search finds, by seed, until it has no more tries or `stop` says so.

    Tries that were handed out by then are waited for. `known` returns the outcome of a try that was made before,
    if it was; `make` is what workers do to make one. Whoever stops reading has what is not needed any more
    cancelled.
    """
    out: dict[Future[Outcome], Try] = {}
    try:
        while True:
            while len(out) < AHEAD * executor.jobs and not stop() and (wanted := search.next()) is not None:
                before = known(wanted)
                if before is not None:
                    yield from search.take(before)
                else:
                    out[executor.submit(make, wanted)] = wanted
            if not out:
                return
            done, _ = wait(out, timeout=_POLL_S, return_when=FIRST_COMPLETED)
            for future in sorted(done, key=lambda future: out[future].seed):
                yield from search.take(_outcome(future, out.pop(future)))
    finally:
        for future in out:
            future.cancel()


def _outcome(future: "Future[Outcome]", wanted: Try) -> Outcome:
    """Return what came of a try; what became of its workers is an outcome, too."""
    try:
        return future.result()
    except Exception as error:
        return Outcome(
            seed=wanted.seed,
            scenario=wanted.scenario,
            verdict=Verdict.ERROR,
            error=f"{type(error).__name__}: {error}",
        )


def deadline(seconds: float | None) -> Callable[[], bool]:
    """Return what tells whether a time from now is over; None is no limit."""
    end = None if seconds is None else time.monotonic() + seconds
    return lambda: end is not None and time.monotonic() >= end
