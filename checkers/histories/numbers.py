"""Cells that must hold integers, and the tallies and quantiles that checkers report."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from harness.columns.values import Kind, Values

Ints = NDArray[np.int64]

QUANTILES = (0.0, 0.5, 0.95, 0.99, 1.0)
"""Those that are reported of every distribution."""


def integers(values: Values, cells: Ints) -> "tuple[Ints, NDArray[np.bool_]]":
    """Return what the cells hold, and which of them hold an integer; 0 for those that do not."""
    whole = values.kinds_at(cells) == Kind.INT
    numbers = np.zeros(len(cells), np.int64)
    numbers[whole] = values.payload[cells[whole]]
    return numbers, whole


def quantiles_s(durations_ns: Ints) -> Mapping[str, float]:
    """Return the quantiles of durations, in seconds, by name ("0.5"); empty where there are none."""
    if not len(durations_ns):
        return {}
    found = np.quantile(durations_ns, QUANTILES, method="higher")
    return {f"{at:g}": float(each) / 1e9 for at, each in zip(QUANTILES, found, strict=True)}
