"""Operations of unknown outcome that left a trace, or did not: settled before any search.

What nobody saw need not have happened, and what somebody saw happened before that one returned.
"""

from collections import Counter
from collections.abc import Hashable

import numpy as np
from numpy.typing import NDArray

from checkers.linearizability.columns import Calls
from checkers.linearizability.model import Model, Observing
from checkers.linearizability.problem import Ints


def settle(model: Model, calls: Calls) -> tuple[NDArray[np.bool_], Ints]:
    """Return which rows to keep, and by when each happened; one pass. See `Observing`."""
    kept = np.ones(len(calls), dtype=np.bool_)
    if calls.known.all() or not isinstance(model, Observing):
        return kept, calls.return_ns
    by_ns: dict[Hashable, int] = {}
    left: Counter[Hashable] = Counter()
    alone: dict[int, Hashable] = {}
    for row, known in enumerate(calls.known.tolist()):
        call = calls.call(row)
        traces = model.traces(call)
        left.update(traces)
        if not known:
            if len(traces) == 1:
                alone[row] = traces[0]
            continue
        for seen in model.sees(call):
            returned = int(calls.return_ns[row])
            by_ns[seen] = min(by_ns.get(seen, returned), returned)
    return_ns = calls.return_ns.copy()
    for row, trace in alone.items():
        if left[trace] == 1:
            kept[row] = trace in by_ns
            return_ns[row] = by_ns.get(trace, return_ns[row])
    return kept, return_ns
