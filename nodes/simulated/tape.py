"""The one source of chance in a simulation: streams of draws, each with a name.

Draws that are told apart by name stay the same when another part of the simulation draws more or less often: a
run that has lost one operation still looks much like it did before, which is what makes shrinking work.
"""

import random
from collections.abc import Sequence
from typing import TypeVar

from harness.draws import derive

T = TypeVar("T")


class Tape:
    """The streams of one run, made from its seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._streams: dict[str, random.Random] = {}

    def part(self, name: str) -> "Tape":
        """Return the tape of a part, whose names are its own."""
        return Tape(derive(self._seed, "part", name))

    def stream(self, name: str) -> random.Random:
        """Return the stream with this name, where it stands now."""
        stream = self._streams.get(name)
        if stream is None:
            stream = self._streams[name] = random.Random(derive(self._seed, "tape", name))
        return stream

    def below(self, name: str, bound: int) -> int:
        """Return an integer in [0, bound)."""
        return int(self.stream(name).random() * bound)

    def chance(self, name: str, probability: float) -> bool:
        """Return True with this probability."""
        return self.stream(name).random() < probability

    def choice(self, name: str, items: Sequence[T]) -> T:
        """Return one of `items`."""
        return items[self.below(name, len(items))]
