"""Columns that grow: what a history's pieces say is put at the end as they come, and their memory used again."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Scalar = TypeVar("Scalar", bound=np.generic)


MARGIN = 1.02
"""How much more room is made than a guess says."""


def unknown() -> float:
    """Return 0: nobody knows how much will come."""
    return 0.0


class Growing(Generic[Scalar]):
    """A column that more can be put at the end of: O(1) a value.

    `share` tells how much of all that will come has come, 0 if that is not known: from it the room is guessed.
    Room that is never written to takes no memory, while what has to move takes twice its own.
    """

    def __init__(self, dtype: type[Scalar], share: Callable[[], float] = unknown) -> None:
        self._room = np.empty(0, dtype)
        self._used = 0
        self._share = share

    def __len__(self) -> int:
        return self._used

    def extend(self, more: "NDArray[Scalar]") -> "NDArray[Scalar]":
        """Copy values to the end, and return them as they are there: to be changed before more are added."""
        first, self._used = self._used, self._used + len(more)
        if self._used > len(self._room):
            room = np.empty(self._needed(), self._room.dtype)
            room[:first] = self._room[:first]
            self._room = room
        added = self._room[first : self._used]
        added[:] = more
        return added

    def whole(self) -> "NDArray[Scalar]":
        """Return all values. Room that was never used takes no memory."""
        return self._room[: self._used]

    def _needed(self) -> int:
        """Return how much room to make: as guessed, or else half as much again."""
        share = self._share()
        guess = int(MARGIN * self._used / share) if share else 0
        return max(guess, self._used + len(self._room) // 2)
