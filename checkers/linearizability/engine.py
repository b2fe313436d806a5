"""The search for one object, by whatever does it fastest here: compiled, or in Python.

Both give the same verdicts; `COMPILED` tells which there is.
"""

from collections.abc import Hashable
from itertools import chain

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from checkers.linearizability import search
from checkers.linearizability.automaton import Automaton
from checkers.linearizability.budget import Budget, Limit, OverBudget
from checkers.linearizability.columns import Calls, apart
from checkers.linearizability.model import Model
from checkers.linearizability.placement import order
from checkers.linearizability.problem import Ints, Question, events_of, showing
from checkers.linearizability.program import Program, numbered, program

try:
    from checkers.linearizability import _sweep
except ImportError:
    COMPILED = False
else:
    COMPILED = True

Rows = NDArray[np.int32]
Flags = NDArray[np.bool_]


class Answer(Struct, frozen=True, kw_only=True):
    """Whether there is an order, with its proof: `order` has the rows, or is None.

    Then `stuck` is the row that can't have happened before it returned, and `states` are all states of the
    model that were possible between that return and the one before; but if it is `lost` not all was tried, and
    there may be an order. `steps` counts configurations.
    """

    order: Rows | None
    stuck: int | None = None
    states: tuple[Hashable, ...] = ()
    lost: bool = False
    steps: int = 0


def answer(
    model: Model,
    calls: Calls,
    return_ns: Ints,
    budget: Budget,
    *,
    excused: Flags | None = None,
    width: int | None = None,
) -> Answer:
    """Search an order of calls of one object, in rows by time of call; raises OverBudget.

    `return_ns` may be earlier than the calls', where it is known that an operation happened by then. What is
    `excused` need not happen, but if it does then before its return. With a `width` the compiled search follows
    only about as many configurations, the most promising, and may get lost.
    """
    try:
        events = events_of(calls.call_ns, return_ns)
        found = program(model, calls)
        if excused is None:
            excused = np.zeros(len(calls), dtype=np.bool_)
        if found is not None and COMPILED:
            return compiled(found, events, excused, budget, width=width)
        return interpreted(model, calls, events, excused, budget, wide=found is not None)
    except MemoryError as error:
        raise OverBudget(budget.reason("memory")) from error


def compiled(
    what: Program, events: Rows, excused: Flags, budget: Budget, *, width: int | None = None
) -> Answer:
    """Search in C, breadth first; see `answer`."""
    left_s, most = budget.left_s(), budget.held_bytes()
    status, stuck, states, placed, steps, _ = _sweep.sweep(
        events, what.kind, what.a, what.b, excused, what.table, what.n_states, what.start, width or 0,
        -1.0 if left_s is None else left_s,
        -1 if most is None else most,
        budget.stop,
    )  # fmt: skip
    match status:
        case 0:
            return Answer(order=np.frombuffer(placed, dtype=np.int32), steps=steps)
        case 1:
            possible = apart(chain.from_iterable(map(what.possible, states)))
            return Answer(order=None, stuck=stuck, states=possible, steps=steps)
        case 5:
            return Answer(order=None, stuck=stuck, lost=True, steps=steps)
    limits: dict[int, Limit] = {2: "time", 3: "memory", 4: "stop"}
    raise OverBudget(budget.reason(limits[status]))


def interpreted(
    model: Model, calls: Calls, events: Rows, excused: Flags, budget: Budget, *, wide: bool
) -> Answer:
    """Search in Python, breadth first if `wide`."""
    automaton = Automaton(model)
    numbers = numbered(automaton, calls).tolist()
    let_off = frozenset(np.flatnonzero(excused).tolist())
    order_of_events = events.tolist()
    question = Question(
        automaton=automaton,
        start=automaton.start,
        events=order_of_events,
        numbers=numbers,
        excused=let_off,
        showing=frozenset() if wide else showing(automaton, order_of_events, numbers) - let_off,
    )
    way = search.sweep if wide else search.dive
    found = way(question, budget)
    if found.stuck is None:
        placed = order(question, found.uses)
        return Answer(order=np.array(placed, dtype=np.int32), steps=found.steps)
    possible = apart(chain.from_iterable(automaton.states[state] for state in found.states))
    return Answer(order=None, stuck=found.stuck, states=possible, steps=found.steps)
