"""Orders of operations on one object: whether a given one is right, and, by trying all, whether there is any."""

from collections.abc import Iterable, Sequence
from typing import Any

from checkers.verifier.history import Refused
from checkers.verifier.objects import Done, Step, text

STEPS = 300_000
"""How many configurations are tried at most."""


class TooLarge(Exception):
    """There is more to be tried than this program tries."""


def check_order(order: Sequence[Done], begin: Any, step: Step) -> None:
    """Raise Refused unless the operations may have happened in this order, one after the other."""
    states, latest, before = [begin], -1, None
    for done in order:
        if done.back_ns < latest:
            raise Refused(f"operation {done.id} had returned before operation {before} was called")
        if done.call_ns > latest:
            latest, before = done.call_ns, done.id
        states = _apart(after for state in states for after in step(state, done.f, done.args, done.answer))
        if not states:
            raise Refused(f"operation {done.id} can't have answered what it did at its place in the order")


def some_order(operations: Sequence[Done], begin: Sequence[Any], step: Step) -> bool:
    """Tell whether those that must happen can do so, some of the others in between; raises TooLarge."""
    return any(_ends(operations, state, step) for state in begin)


def states_after(operations: Sequence[Done], begin: Any, step: Step) -> list[Any]:
    """Return all states in which the object may be once what must happen has; raises TooLarge."""
    return _ends(operations, begin, step, everything=True)


def _ends(operations: Sequence[Done], begin: Any, step: Step, *, everything: bool = False) -> list[Any]:
    """Return states at the end: the first one that is found, or all."""
    todo: list[tuple[Any, frozenset[int]]] = [(begin, frozenset())]
    tried: set[tuple[str, frozenset[int]]] = set()
    ends: list[Any] = []
    while todo:
        state, done = todo.pop()
        mark = (text(state), done)
        if mark in tried:
            continue
        tried.add(mark)
        if len(tried) > STEPS:
            raise TooLarge
        left = [each for each in operations if each.id not in done]
        if not any(each.must for each in left):
            ends.append(state)
            if not everything:
                return ends
        deadline = min((each.back_ns for each in left if each.must), default=None)
        for each in left:
            if deadline is not None and each.call_ns > deadline:
                continue
            # What need not happen must not come after the last instant at which it may.
            if any(other.id in done and other.call_ns > each.back_ns for other in operations):
                continue
            after = step(state, each.f, each.args, each.answer)
            todo.extend((one, done | {each.id}) for one in after)
    return _apart(ends)


def _apart(states: Iterable[Any]) -> list[Any]:
    return list({text(state): state for state in states}.values())
