"""Which cells are the same value: what keys, elements and unique values are told apart by.

Two cells are the same when they are equal in EDN's sense, except that a keyword and a text of the same letters are
the same, since JSON has no keywords. `1` and `1.0` are not.
"""

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from harness.columns.values import Kind, Values, frozen

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPARE = 4
"""A range of integers is looked up in a table when it is at most so many times as long as the column."""


class Ranked(Struct, frozen=True, kw_only=True):
    """Codes of a column's values, from 0 on, and for each code the place where it is first seen."""

    codes: "NDArray[np.int64]"
    first: "NDArray[np.int64]"

    def __len__(self) -> int:
        return len(self.first)


def ranked(numbers: "NDArray[np.int64]") -> Ranked:
    """Return codes of integers, by their order. O(n) where they are dense, else O(n log n)."""
    if not len(numbers):
        return Ranked(codes=np.zeros(0, np.int64), first=np.zeros(0, np.int64))
    least, most = int(numbers.min()), int(numbers.max())
    if most - least > SPARE * len(numbers) + 1024:
        _, first, codes = np.unique(numbers, return_index=True, return_inverse=True)
        return Ranked(codes=codes, first=first)
    shifted = numbers - least
    seen = np.full(most - least + 1, -1, np.int64)
    seen[shifted[::-1]] = np.arange(len(numbers) - 1, -1, -1)
    codes = np.cumsum(seen >= 0) - 1
    return Ranked(codes=codes[shifted], first=seen[seen >= 0])


def identified(values: Values, cells: "NDArray[np.int64]") -> Ranked:
    """Return codes of cells (-1 is nil): equal codes for the same values."""
    if not len(cells) or not len(values):
        return ranked(np.zeros(len(cells), np.int64))
    kinds = values.kinds_at(cells)
    kinds[kinds == Kind.KEYWORD] = Kind.TEXT
    payloads = np.where(cells < 0, 0, values.payload[cells])
    if (kinds == kinds[0]).all() and kinds[0] < Kind.LIST:
        return ranked(payloads)
    containers = np.flatnonzero(kinds >= Kind.LIST)
    if len(containers):
        payloads[containers] = _by_content(values, cells[containers])
        kinds[containers] = Kind.LIST
    return _paired(kinds, payloads)


def paired(left: "NDArray[np.int64]", right: "NDArray[np.int64]") -> Ranked:
    """Return codes of pairs of codes."""
    if not len(left):
        return ranked(left)
    return ranked(left * (int(right.max()) + 1) + right)


def _paired(kinds: "NDArray[np.uint8]", payloads: "NDArray[np.int64]") -> Ranked:
    return paired(kinds.astype(np.int64), ranked(payloads).codes)


def _by_content(values: Values, cells: "NDArray[np.int64]") -> "NDArray[np.int64]":
    found: dict[str, int] = {}
    return np.array(
        [found.setdefault(_spelled(values.get(cell)), len(found)) for cell in cells.tolist()], np.int64
    )


def _spelled(value: object) -> str:
    """Return a text that is the same for the same values."""
    return repr(frozen(value))
