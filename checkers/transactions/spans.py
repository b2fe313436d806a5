"""Many short ranges as one column of indices."""

import numpy as np

from checkers.transactions.columns import Ints


def spanned(starts: Ints, sizes: Ints) -> Ints:
    """Return the indices of spans, one span after the other."""
    ends = np.cumsum(sizes)
    total = int(ends[-1]) if len(ends) else 0
    indices: Ints = np.arange(total) + np.repeat(starts - (ends - sizes), sizes)
    return indices
