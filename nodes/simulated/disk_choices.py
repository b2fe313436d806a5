"""Where the disk's random choices come from: a source that is asked by name."""

import random
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")


class Choices(Protocol):
    """A source of random choices. The name tells what is chosen; it says nothing about the answer."""

    def below(self, name: str, bound: int) -> int:
        """Return an integer in [0, bound), each as likely as the others."""

    def chance(self, name: str, probability: float) -> bool:
        """Return True with this probability."""


class Seeded:
    """Choices by a seed, whatever their names."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def below(self, name: str, bound: int) -> int:
        """Return a random integer."""
        return self._random.randrange(bound)

    def chance(self, name: str, probability: float) -> bool:
        """Return True as often as asked for."""
        return self._random.random() < probability


class Same:
    """Choices that are all alike: the first answer to everything, or the last one."""

    def __init__(self, *, last: bool) -> None:
        self._last = last

    def below(self, name: str, bound: int) -> int:
        """Return 0, or the largest number there is."""
        return bound - 1 if self._last else 0

    def chance(self, name: str, probability: float) -> bool:
        """Return False, or True."""
        return self._last


class _Odometer:
    """Choices that follow a given path as far as it goes, and note how many answers each choice had."""

    def __init__(self, path: list[int]) -> None:
        self._path = path
        self.bounds: list[int] = []

    def below(self, name: str, bound: int) -> int:
        if len(self.bounds) == len(self._path):
            self._path.append(0)
        self.bounds.append(bound)
        return self._path[len(self.bounds) - 1]

    def chance(self, name: str, probability: float) -> bool:
        return self.below(name, 2) == 1


def every_way(run: Callable[[Choices], T]) -> Iterator[T]:
    """Yield what `run` returns for each sequence of answers to its choices.

    `run` is called once for each, and must ask the same when it is given the same answers. All answers are
    taken to be possible, whatever their probability.
    """
    path: list[int] = []
    while True:
        odometer = _Odometer(path)
        yield run(odometer)
        while path and path[-1] == odometer.bounds[len(path) - 1] - 1:
            path.pop()
        if not path:
            return
        path[-1] += 1
