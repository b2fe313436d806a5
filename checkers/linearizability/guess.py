"""An order without a search, where what was seen tells it: found in one pass, or not at all.

Each operation is put as late as it may, a read as soon as it fits, and before either what it shows. Of collections
that mostly gives an order, because an element that somebody saw was there before, and one that nobody saw is in
nobody's way. Whatever is found is right: every operation stands between its call and its return, and the model
allowed each step.
"""

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from checkers.linearizability.columns import Calls
from checkers.linearizability.model import Call, Model, Observing
from checkers.linearizability.problem import Ints, events_of


def guess(model: Model, calls: Calls, return_ns: Ints) -> NDArray[np.int32] | None:
    """Return an order of calls of one object, in rows by time of call, or None if this way finds none.

    Only for models that are `Observing`. O(n) steps of the model.
    """
    if not isinstance(model, Observing):
        return None
    done = [calls.call(row) for row in range(len(calls))]
    traces = [next(iter(model.traces(each)), None) for each in done]
    seen = [model.sees(each) if each.known else () for each in done]
    events = events_of(calls.call_ns, return_ns).tolist()
    longest = max(range(len(done)), key=lambda row: len(seen[row]), default=None)
    shown = () if longest is None else (*seen[longest], *model.traces(done[longest]))
    # What the longest read shows is the order of a list's elements, and of a set's mostly.
    for ranks in ({mark: rank for rank, mark in enumerate(shown)}, {}):
        order = _Guess(model, done, traces, seen, ranks).order(events)
        if order is not None:
            return np.array(order, dtype=np.int32)
    return None


class _Guess:
    """One attempt. `ranks` tells of some traces which comes first."""

    def __init__(
        self,
        model: Model,
        done: list[Call],
        traces: list[Hashable | None],
        seen: list[tuple[Hashable, ...]],
        ranks: Mapping[Hashable, int],
    ) -> None:
        self._model, self._done, self._traces, self._seen, self._ranks = model, done, traces, seen, ranks
        self._state: Any = model.init()
        self._placed: list[int] = []
        self._readers: dict[int, None] = {}
        self._writers: dict[Hashable, int] = {}

    def order(self, events: list[int]) -> list[int] | None:
        """Return the rows in an order, or None."""
        placed = set[int]()
        for event in events:
            if event >= 0:
                self._called(event)
            elif ~event not in placed and not self._must(~event):
                return None
            placed.update(self._placed[len(placed) :])
        return self._placed

    def _called(self, row: int) -> None:
        trace = self._traces[row]
        if trace is not None:
            self._writers[trace] = row
        elif self._done[row].known:
            self._readers[row] = None
            self._look(row)

    def _must(self, row: int) -> bool:
        """Place an operation that returns now, after what it needs."""
        trace = self._traces[row]
        before = list(self._seen[row])
        if trace is not None:
            rank = self._ranks.get(trace, len(self._ranks))  # what it does not show comes behind all of it
            before += [mark for mark in self._writers if self._ranks.get(mark, rank) < rank]
        before.sort(key=lambda mark: self._ranks.get(mark, -1))
        for mark in before:
            writer = self._writers.get(mark)
            if writer is not None and writer != row and not self._place(writer):
                return False
        if trace is None and row not in self._readers:
            return True  # it was placed just now
        return self._place(row)

    def _place(self, row: int) -> bool:
        after = self._model.step(self._state, self._done[row])
        if len(after) != 1:
            return False
        moved = after[0] != self._state
        self._state = after[0]
        self._placed.append(row)
        self._readers.pop(row, None)
        self._writers.pop(self._traces[row], None)
        if moved:
            for reader in list(self._readers):
                self._look(reader)
        return True

    def _look(self, row: int) -> None:
        """Place a read if it fits now."""
        if self._model.step(self._state, self._done[row]) == (self._state,):
            self._placed.append(row)
            del self._readers[row]
