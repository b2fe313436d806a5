"""Which of several generators is asked: in turn, in phases, again and again, or by chance."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from msgspec import Struct

from harness.draws import advance
from harness.generator import EMPTY, Blocked, Context, Generator, Source, Step, Wait, in_order, lift
from harness.operation import Invocation


def sequence(*sources: Source) -> Generator:
    """Return the sources one after the other, without waiting for operations that are still under way."""
    return in_order(sources)


def phases(*sources: Source) -> Generator:
    """Return the sources one after the other; each begins when no worker is busy with the former."""
    return in_order(sources, barriers=True)


def repeat(source: Source, times: int | None = None) -> Generator:
    """Return the source from its beginning again whenever it has no more; `times` in all, or for ever.

    A source that is exhausted at once when it begins ends the repetition.
    """
    return Repeat(source=lift(source), left=times, current=EMPTY)


def mix(sources: Sequence[Source], *, seed: int, weights: Sequence[float] | None = None) -> Generator:
    """Return a random choice among the sources for each operation, by `weights` (default: all alike).

    A source without more is left out from then on. When the source that was drawn has nothing for this
    worker just now, the others are asked in order. Raises ValueError for weights that do not fit.
    """
    shares = [1.0] * len(sources) if weights is None else list(weights)
    if len(shares) != len(sources):
        raise ValueError(f"{len(sources)} sources, but {len(shares)} weights")
    if any(share < 0 for share in shares) or (shares and not any(shares)):
        raise ValueError(f"weights must not be negative, and not all zero: {shares}")
    chosen = [(lift(source), share) for source, share in zip(sources, shares, strict=True) if share > 0]
    return _mixed([child for child, _ in chosen], [share for _, share in chosen], seed)


class Repeat(Struct, frozen=True, kw_only=True):
    """A source begun anew whenever it ends; made by `repeat`."""

    source: Generator
    left: int | None
    current: Generator

    def next(self, context: Context) -> tuple[Step, Generator]:
        """Answer with the source's step, beginning it again where it has no more."""
        left = self.left
        step, current = self.current.next(context)
        if step is None and left != 0:
            left = None if left is None else left - 1
            step, current = self.source.next(context)
        if step is None:
            return None, EMPTY
        return step, Repeat(source=self.source, left=left, current=current)


def _mixed(children: Sequence[Generator], weights: Sequence[float], seed: int) -> Generator:
    if not children:
        return EMPTY
    return Mix(children=tuple(children), bounds=tuple(accumulate(weights)), seed=seed)


class Mix(Struct, frozen=True, kw_only=True):
    """A weighted random choice; `bounds` are the running sums of the weights; made by `mix`."""

    children: tuple[Generator, ...]
    bounds: tuple[float, ...]
    seed: int

    def next(self, context: Context) -> tuple[Step, Generator]:
        """Answer with a step of the source that is drawn."""
        bits, following = advance(self.seed)
        point = (bits >> 11) * 2.0**-53 * self.bounds[-1]
        drawn = bisect_right(self.bounds, point, 0, len(self.bounds) - 1)
        step, child = self.children[drawn].next(context)
        if isinstance(step, Invocation):
            return step, self._with(drawn, child, following)
        if step is None:
            return self._without(drawn).next(context)
        mixed, soonest = self._with(drawn, child, self.seed), step
        for other in range(len(self.children)):
            if other == drawn:
                continue
            step, child = mixed.children[other].next(context)
            if isinstance(step, Invocation):
                return step, mixed._with(other, child, following)
            mixed = mixed._with(other, child, self.seed)
            if step is not None:
                soonest = _either(soonest, step)
        return soonest, mixed

    def _with(self, index: int, child: Generator, seed: int) -> "Mix":
        children = (*self.children[:index], child, *self.children[index + 1 :])
        return Mix(children=children, bounds=self.bounds, seed=seed)

    def _without(self, index: int) -> Generator:
        shares = [high - low for low, high in zip((0.0, *self.bounds), self.bounds, strict=False)]
        return _mixed(
            (*self.children[:index], *self.children[index + 1 :]),
            (*shares[:index], *shares[index + 1 :]),
            self.seed,
        )


def _either(one: Wait | Blocked, other: Wait | Blocked) -> Wait | Blocked:
    times = [step.until_ns for step in (one, other) if step.until_ns is not None]
    if isinstance(one, Wait) and isinstance(other, Wait):
        return Wait(min(times))
    return Blocked(min(times, default=None))
