"""How fast: so many operations a second over all workers, or a pause between those of each worker.

A worker that comes too early is given a turn of its own, later, and told to wait for it. So workers do not
all wake for the same turn, and each operation costs two questions however many workers there are.
"""

from collections.abc import Mapping

from msgspec import Struct

from harness.draws import advance
from harness.generator import EMPTY, Context, Generator, Source, Step, Wait, lift
from harness.operation import Invocation

CATCH_UP_NS = 50_000_000
"""How far behind its schedule a rate may be and still catch up; what was missed beyond that is let go."""


def rate(source: Source, per_second: float) -> Generator:
    """Return the source at `per_second` operations over all workers, evenly spaced; 0 is unlimited.

    When all workers are stuck the schedule moves on without them, so that a burst after a stall is never
    more than `CATCH_UP_NS` worth of operations.
    """
    return _paced(source, per_second, None)


def stagger(source: Source, per_second: float, *, seed: int) -> Generator:
    """Return the source at `per_second` operations over all workers on average; 0 is unlimited.

    The times between operations are random, uniform from nothing to twice the mean.
    """
    return _paced(source, per_second, seed)


def delay(source: Source, pause_ns: int) -> Generator:
    """Return the source with a pause before each operation of a worker, from when it first asks for it."""
    return Delay(child=lift(source), pause_ns=pause_ns, turns={})


def _paced(source: Source, per_second: float, seed: int | None) -> Generator:
    if per_second < 0:
        raise ValueError(f"a rate must not be negative: {per_second}")
    if per_second == 0:
        return lift(source)
    return Pace(child=lift(source), interval_ns=1e9 / per_second, next_ns=None, turns={}, seed=seed)


class Pace(Struct, frozen=True, kw_only=True):
    """A source at a rate; `turns` are the times given to waiting workers; made by `rate` and `stagger`."""

    child: Generator
    interval_ns: float
    next_ns: float | None
    turns: Mapping[int, int]
    seed: int | None

    def next(self, context: Context) -> tuple[Step, Generator]:
        """Answer with the source's step when the worker's turn has come."""
        next_ns, seed, turn = self.next_ns, self.seed, self.turns.get(context.worker)
        if turn is None:
            earliest = context.now_ns - CATCH_UP_NS
            start = context.now_ns if next_ns is None else max(next_ns, earliest)
            turn, (next_ns, seed) = int(start), self._after(start)
        if turn > context.now_ns:
            return Wait(turn), self._with(self.child, next_ns, seed, {**self.turns, context.worker: turn})
        step, child = self.child.next(context)
        if step is None:
            return None, EMPTY
        turns = dict(self.turns)
        if isinstance(step, Invocation):
            turns.pop(context.worker, None)
        else:
            turns[context.worker] = turn
        return step, self._with(child, next_ns, seed, turns)

    def _after(self, start: float) -> tuple[float, int | None]:
        if self.seed is None:
            return start + self.interval_ns, None
        bits, seed = advance(self.seed)
        return start + 2.0 * self.interval_ns * (bits * 2.0**-64), seed

    def _with(
        self, child: Generator, next_ns: float | None, seed: int | None, turns: Mapping[int, int]
    ) -> "Pace":
        return Pace(child=child, interval_ns=self.interval_ns, next_ns=next_ns, turns=turns, seed=seed)


class Delay(Struct, frozen=True, kw_only=True):
    """A source with a pause before each operation of a worker; made by `delay`."""

    child: Generator
    pause_ns: int
    turns: Mapping[int, int]

    def next(self, context: Context) -> tuple[Step, Generator]:
        """Answer with the source's step when the worker's pause is over."""
        turns = {**self.turns}
        turn = turns.setdefault(context.worker, context.now_ns + self.pause_ns)
        if turn > context.now_ns:
            return Wait(turn), Delay(child=self.child, pause_ns=self.pause_ns, turns=turns)
        step, child = self.child.next(context)
        if step is None:
            return None, EMPTY
        if isinstance(step, Invocation):
            del turns[context.worker]
        return step, Delay(child=child, pause_ns=self.pause_ns, turns=turns)
