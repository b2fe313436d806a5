"""Fewer: the smallest part of something that still does what the whole does.

Delta debugging (Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", 2002). The result is
1-minimal: without any single one of its items it would not do.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


class Budget:
    """How many tries may still be made."""

    def __init__(self, tries: int) -> None:
        self.left = tries

    def spend(self) -> bool:
        """Take one try; False when there is none left."""
        self.left -= 1
        return self.left >= 0


def minimized(items: Sequence[T], does: Callable[[tuple[T, ...]], bool], budget: Budget) -> tuple[T, ...]:
    """Return a smallest part of `items`, in order, that still `does`; `items` do.

    O(n²) tries at worst, O(log n) when few of them matter. When the budget is used up, what was reached by then.
    """
    kept = tuple(items)
    if kept and budget.spend() and does(()):
        return ()
    parts = 2
    while len(kept) >= 2:
        size = -(-len(kept) // parts)
        for start in range(0, len(kept), size):
            rest = kept[:start] + kept[start + size :]
            if not budget.spend():
                return kept
            if does(rest):
                kept, parts = rest, max(2, parts - 1)
                break
        else:
            if size == 1:
                break
            parts = min(len(kept), 2 * parts)
    return kept
