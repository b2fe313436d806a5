"""Random draws whose whole state is one integer, so that a pure value can carry its own randomness.

A generator's next state must be a value that can be kept, compared and replayed; the state of
`random.Random` is 625 words. SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
generators", 2014) has 64 bits and passes BigCrush. Not for secrets.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, TypeVar

T = TypeVar("T")

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15


def derive(seed: int, *names: str | int) -> int:
    """Return the 64-bit seed of a named part of something seeded by `seed`.

    Stable over versions of Python and platforms. Draws that are told apart by name stay the same when
    another part of the program draws more or less often.
    """
    text = "\x1f".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def advance(state: int) -> tuple[int, int]:
    """Return 64 random bits and the next state."""
    state = (state + _GOLDEN) & _MASK
    bits = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    bits = ((bits ^ (bits >> 27)) * 0x94D049BB133111EB) & _MASK
    return bits ^ (bits >> 31), state


class Draws:
    """A stream of draws from a seed; `state` is where it stands, and the seed of what follows.

    The object changes as it is drawn from: make one from a state, draw, keep `state`.
    """

    __slots__ = ("state",)

    def __init__(self, seed: int) -> None:
        self.state = seed & _MASK

    def bits(self) -> int:
        """Return 64 random bits."""
        bits, self.state = advance(self.state)
        return bits

    def below(self, bound: int) -> int:
        """Return an integer in [0, bound); the bias is below bound / 2**64."""
        return (self.bits() * bound) >> 64

    def unit(self) -> float:
        """Return a number in [0, 1)."""
        return (self.bits() >> 11) * 2.0**-53

    def chance(self, probability: float) -> bool:
        """Return True with this probability."""
        return self.unit() < probability

    def choice(self, items: Sequence[T]) -> T:
        """Return one of `items`; raises IndexError when there are none."""
        return items[self.below(len(items))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """Return all of `items` in a random order."""
        order: list[Any] = list(items)
        for last in range(len(order) - 1, 0, -1):
            other = self.below(last + 1)
            order[last], order[other] = order[other], order[last]
        return order
