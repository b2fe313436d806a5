"""From "there is no order" to the few operations that show it.

A window begins at an instant, its entry, with all states that the object may be in there. What was called before
the entry and had not returned may have happened already, or happen in the window before it returns. If even so
nothing orders what was called later, the history before need not be looked at. The latest such entry is taken;
then every operation is let go that the contradiction does not need: it may still happen, but need not.
"""

from collections.abc import Callable, Hashable
from itertools import chain

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from checkers.linearizability import engine
from checkers.linearizability.budget import Budget, OverBudget
from checkers.linearizability.columns import ABSENT, NEVER, Calls, apart
from checkers.linearizability.model import PROBE, From, Model
from checkers.linearizability.problem import Ints
from checkers.linearizability.program import program

ENTRIES = 16
"""How many states an entry has at most."""

Mask = NDArray[np.bool_]


def narrow(
    model: Model, calls: Calls, return_ns: Ints, stuck: int, budget: Budget, *, closed: bool = False
) -> "Contradiction":
    """Return an irreducible window before the return of `stuck`, which can't have happened; rows by time of call.

    `closed` calls are known to be a contradiction whatever else happened: their window is from the beginning.
    When the budget ends before, the window is right, but not the smallest.
    """
    window = _until(model, calls, return_ns, stuck)
    try:
        if not closed:
            window = _latest_entry(window, stuck, budget)
        window = _needed(window, budget)
    except (OverBudget, MemoryError):
        pass
    return window


def refuted(
    model: Model, calls: Calls, return_ns: Ints, stuck: int, budget: Budget, *, back: int
) -> "Contradiction | None":
    """Return a window of up to `back` rows before `stuck` that proves by itself that it can't have happened.

    That is much less work than all that was before; None when there is none so short. Raises OverBudget.
    """
    every = _all_states(model, calls)
    if not every:
        return None
    window = _until(model, calls, return_ns, stuck)
    return _latest_of(window, stuck, lambda _: every, budget, back=back)


def _until(model: Model, calls: Calls, return_ns: Ints, stuck: int) -> "Contradiction":
    """Return the window from the beginning to the return of an operation."""
    end_ns = int(return_ns[stuck])
    involved = calls.call_ns <= end_ns
    required = involved & (return_ns <= end_ns)
    return Contradiction(model, calls, return_ns, required, involved & ~required, (model.init(),), None)


def _latest_entry(window: "Contradiction", stuck: int, budget: Budget) -> "Contradiction":
    """Return the window with the latest entry that leaves no order.

    If possible one that needs no knowledge of what was before: from any state at all.
    """
    calls, return_ns, model = window.calls, window.return_ns, window.model

    def whatever(_: int) -> tuple[Hashable, ...]:
        return every

    def reached(entry_ns: int) -> tuple[Hashable, ...]:
        before = np.flatnonzero(calls.call_ns < entry_ns)
        past = _with_probe(calls, before, entry_ns)
        past_ns = np.append(np.where(return_ns[before] < entry_ns, return_ns[before], NEVER), entry_ns)
        return engine.answer(From(model, model.init()), past, past_ns, budget).states

    every = _all_states(model, calls)
    found = _latest_of(window, stuck, whatever, budget, back=len(calls)) if every else None
    if found is not None:
        return replace(found, any_state=True)
    return _latest_of(window, stuck, reached, budget, back=len(calls)) or window


def _all_states(model: Model, calls: Calls) -> tuple[Hashable, ...]:
    """Return every state that the object can ever be in; none when they are too many."""
    found = program(model, calls)
    if found is None or found.n_states > ENTRIES:
        return ()
    return apart(chain.from_iterable(map(found.possible, range(found.n_states))))


def _latest_of(
    window: "Contradiction",
    stuck: int,
    states_at: Callable[[int], tuple[Hashable, ...]],
    budget: Budget,
    *,
    back: int,
) -> "Contradiction | None":
    """Return a window with a late entry: if possible one in which nothing concurrent with `stuck` is required.

    With many clients that is a much smaller question.
    """
    calls = window.calls
    before = window.required & (window.return_ns < calls.call_ns[stuck])
    before[stuck] = True
    last = int(np.searchsorted(calls.call_ns, calls.call_ns[stuck], side="right")) - 1
    light = window.requiring(np.flatnonzero(before))
    found = _latest(light, last, states_at, budget, back=back)
    return found or _latest(window, last, states_at, budget, back=back)


def _latest(
    window: "Contradiction",
    last: int,
    states_at: Callable[[int], tuple[Hashable, ...]],
    budget: Budget,
    *,
    back: int,
) -> "Contradiction | None":
    """Return the window with the latest entry, by up to `back` rows before the row `last`, that leaves no order.

    An earlier entry leaves less than a later one, so that looking back in growing steps, and then between the
    last two, finds it.
    """

    def tried(row: int) -> "Contradiction | None":
        entry_ns = int(window.calls.call_ns[row])
        states = states_at(entry_ns)
        some = window.since(entry_ns, tuple(sorted(states, key=str)))
        return some if len(states) <= ENTRIES and some.order(budget).order is None else None

    most, back = min(last, back), 0
    good = tried(last)
    while good is None and back < most:
        back = min(most, 2 * back + 1)
        good = tried(last - back)
    low, high = last - back, last - back // 2
    while high - low > 1:
        middle = (low + high) // 2
        later = tried(middle)
        low, high = (middle, high) if later is not None else (low, middle)
        good = later or good
    return good


def _with_probe(calls: Calls, rows: NDArray[np.intp], at_ns: int) -> Calls:
    """Return rows and, as the last one, a probe."""
    some = calls.take(np.append(rows, 0))
    kind, known = some.kind.copy(), some.known.copy()
    first, second, result = some.first.copy(), some.second.copy(), some.result.copy()
    call_ns = some.call_ns.copy()
    kind[-1], known[-1], call_ns[-1] = len(calls.kinds), True, at_ns
    first[-1] = second[-1] = result[-1] = ABSENT
    return replace(
        some, kinds=(*calls.kinds, PROBE), kind=kind, known=known, first=first, second=second, result=result,
        call_ns=call_ns,
    )  # fmt: skip


def _needed(window: "Contradiction", budget: Budget) -> "Contradiction":
    """Let go of what is not needed, in ever smaller pieces."""
    rows = np.flatnonzero(window.required)
    size = len(rows)
    while size:
        start = 0
        while start < len(rows):
            fewer = np.delete(rows, slice(start, start + size))
            if len(fewer) and window.requiring(fewer).order(budget).order is None:
                rows = fewer
            else:
                start += size
        size //= 2
    return window.requiring(rows)


class Contradiction(Struct, frozen=True):
    """Rows that are `required` to happen, rows that are `possible`, and the states it may begin in.

    `from_ns` is None when it begins with the history; `any_state` is True if the states are all there are. Rows
    are by time of call.
    """

    model: Model
    calls: Calls
    return_ns: Ints
    required: Mask
    possible: Mask
    states: tuple[Hashable, ...]
    from_ns: int | None
    any_state: bool = False

    def since(self, entry_ns: int, states: tuple[Hashable, ...]) -> "Contradiction":
        """Return the window that begins later, in one of some states."""
        later = self.calls.call_ns >= entry_ns
        pending = ~later & (self.return_ns >= entry_ns) & (self.required | self.possible)
        return replace(
            self,
            required=self.required & later,
            possible=(self.possible & later) | pending,
            states=states,
            from_ns=entry_ns,
        )

    def requiring(self, rows: NDArray[np.intp]) -> "Contradiction":
        """Return the window with only these rows required; the others are let off."""
        required = np.zeros(len(self.calls), dtype=np.bool_)
        required[rows] = True
        return replace(self, required=required, possible=self.possible | (self.required & ~required))

    def without(self, row: int) -> "Contradiction":
        """Return the window in which an operation is not even possible."""
        possible = self.possible.copy()
        possible[row] = False
        return replace(self, possible=possible)

    def order(self, budget: Budget) -> "engine.Answer":
        """Return an order from one of the entry states, or the answer that there is none."""
        rows = np.flatnonzero(self.required | self.possible)
        rows = rows[self.calls.call_ns[rows] <= self.until_ns()]
        some = self.calls.take(rows)
        excused = ~self.required[rows]
        found = engine.Answer(order=None)
        for state in self.states:
            found = engine.answer(
                From(self.model, state), some, self.return_ns[rows], budget, excused=excused
            )
            if found.order is not None:
                return replace(found, order=rows[found.order].astype(np.int32))
        return found

    def until_ns(self) -> int:
        """Return when the last of the required operations returned."""
        return int(self.return_ns[self.required].max(initial=0))

    def helpers(self) -> NDArray[np.intp]:
        """Return the possible rows that might change the state before the end."""
        rows = np.flatnonzero(self.possible & (self.calls.call_ns <= self.until_ns()))
        some = self.calls.take(rows)
        found = program(self.model, some)
        return rows if found is None else rows[found.changes()]
