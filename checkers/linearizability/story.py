"""Why no order works, told operation by operation, and the record of a window."""

from collections.abc import Hashable, Sequence

import numpy as np

from checkers.linearizability.budget import Budget, OverBudget
from checkers.linearizability.certificate import Role, Window, WindowOperation
from checkers.linearizability.columns import NEVER, Calls
from checkers.linearizability.model import Call, Model, start_of
from checkers.linearizability.models.words import either, shown
from checkers.linearizability.window import Contradiction

MOST = 64
"""Of how many required operations each has a story; a window of more was not narrowed in time."""

NAMED = 4
"""How many operations of an order are named in a sentence."""


def told(contradiction: Contradiction, budget: Budget) -> Window:
    """Return the record of an irreducible window, with a story for each operation that it needs."""
    calls, model = contradiction.calls, contradiction.model
    required = np.flatnonzero(contradiction.required).tolist()
    helpers = contradiction.helpers().tolist()
    stuck = max(required, key=lambda row: int(contradiction.return_ns[row]))
    orders: dict[int, tuple[int, ...] | None] = {}
    try:
        for row in (stuck, *required) if len(required) <= MOST else ():
            orders[row] = _others(contradiction, row, required, budget)
    except (OverBudget, MemoryError):
        pass  # those that were not reached within the budget have no story
    places = {row: place for place, row in enumerate(orders.get(stuck) or (), start=1)}
    operations = [
        operation(
            model,
            calls,
            row,
            role=Role.REQUIRED if contradiction.required[row] else Role.POSSIBLE,
            story=_story(contradiction, row, orders[row]) if row in orders else "",
            place=places.get(row),
        )
        for row in (*required, *helpers)
    ]
    return Window(
        key=calls.keys[calls.key[required[0]]],
        model=model.name,
        start=start_of(model),
        from_ns=contradiction.from_ns,
        until_ns=contradiction.until_ns(),
        entry_states=contradiction.states,
        entry_texts=tuple(shown(state) for state in contradiction.states),
        any_state=contradiction.any_state,
        operations=tuple(sorted(operations, key=lambda each: (each.call_ns, each.id))),
        stuck=int(calls.id[stuck]),
    )


def operation(
    model: Model, calls: Calls, row: int, *, role: Role, story: str, place: int | None = None
) -> WindowOperation:
    """Return the record of one operation."""
    call = calls.call(row)
    return_ns = int(calls.return_ns[row])
    return WindowOperation(
        id=int(calls.id[row]),
        process=int(calls.process[row]),
        f=call.f,
        args=call.args,
        result=call.result if call.known else None,
        known=call.known,
        call_ns=int(calls.call_ns[row]),
        return_ns=None if return_ns == NEVER else return_ns,
        role=role,
        text=model.describe(call),
        story=story,
        place=place,
    )


def _others(
    contradiction: Contradiction, row: int, required: Sequence[int], budget: Budget
) -> tuple[int, ...] | None:
    """Return an order of all but one operation; None when there is none without it."""
    others = np.array([each for each in required if each != row], dtype=np.intp)
    found = contradiction.requiring(others).without(row).order(budget)
    return None if found.order is None else tuple(found.order.tolist())


def _story(contradiction: Contradiction, row: int, order: tuple[int, ...] | None) -> str:
    """Say what stands against one operation, in an order of all others."""
    if order is None:
        return "what others saw is only explained by it, but not at any time at which it can have happened"
    told = f"the others can be ordered: {_listed(contradiction, order)}" if order else "it is alone"
    return f"{told}; {_objection(contradiction, row, order)}"


def _objection(contradiction: Contradiction, row: int, order: Sequence[int]) -> str:
    """Say why an operation fits nowhere into an order."""
    calls, model, return_ns = contradiction.calls, contradiction.model, contradiction.return_ns
    call = calls.call(row)
    low = max(
        (place for place, each in enumerate(order, 1) if return_ns[each] < calls.call_ns[row]), default=0
    )
    high = min(
        (place for place, each in enumerate(order) if calls.call_ns[each] > return_ns[row]),
        default=len(order),
    )
    if low > high:
        return "they leave it no place: the one that has to come before it stands after one that can't"
    refused: dict[str, None] = {}
    broken: dict[str, None] = {}
    for state in contradiction.states:
        states = _replay(model, {state}, [calls.call(each) for each in order])
        for place in range(low, high + 1):
            if place >= len(states):
                break
            after = {next_ for each in states[place] for next_ in model.step(each, call)}
            if not after:
                refused.update((shown(each), None) for each in sorted(states[place], key=str))
                continue
            rest = [calls.call(each) for each in order[place:]]
            reached = _replay(model, after, rest)
            if len(reached) <= len(rest):
                broken[_named(contradiction, order[place + len(reached) - 1])] = None
    parts = []
    if refused:
        parts.append(f"while it ran the object then holds {either(refused)}, which it contradicts")
    if broken:
        parts.append(f"where it would fit, {' and '.join(list(broken)[:NAMED])} can't follow")
    return "; ".join(parts) or "it fits into none of these"


def _replay(model: Model, now: set[Hashable], calls: Sequence[Call]) -> list[set[Hashable]]:
    """Return the possible states before each call and after the last; shorter when one is impossible."""
    seen = [now]
    for call in calls:
        now = {after for each in now for after in model.step(each, call)}
        if not now:
            break
        seen.append(now)
    return seen


def _named(contradiction: Contradiction, row: int) -> str:
    calls = contradiction.calls
    return f"{contradiction.model.describe(calls.call(row))} (process {calls.process[row]})"


def _listed(contradiction: Contradiction, order: Sequence[int]) -> str:
    names = [contradiction.model.describe(contradiction.calls.call(row)) for row in order]
    if len(names) <= 2 * NAMED:
        return ", ".join(names)
    return f"{', '.join(names[:NAMED])}, … {len(names) - 2 * NAMED} more …, {', '.join(names[-NAMED:])}"
