"""Sets, queues and lists, whose elements tell which operation put them there."""

from collections.abc import Hashable, Iterable
from typing import Any

from checkers.linearizability.model import UNKNOWN, Call
from checkers.linearizability.models.words import described


class SetModel:
    """A set: `add` (x), `remove` (x), `contains` (x) → bool, `read` → elements, each once.

    What `add` and `remove` answer counts when it is a bool: whether they changed the set.
    """

    name = "set"

    def init(self) -> Hashable:
        """Return the empty set."""
        return frozenset()

    def step(self, state: Any, call: Call) -> tuple[Hashable, ...]:
        """Return the one set afterwards."""
        if call.f == "read":
            seen = _elements(call.result)
            fits = seen is not None and len(seen) == len(state) and frozenset(seen) == state
            return (state,) if call.result is UNKNOWN or fits else ()
        (element,) = call.args
        there = element in state
        after = {"add": state | {element}, "remove": state - {element}, "contains": state}.get(call.f)
        answer = there if call.f == "contains" else after != state
        fits = (
            call.result is UNKNOWN or (call.result is None and call.f != "contains") or call.result == answer
        )
        return (after,) if fits and after is not None else ()

    def traces(self, call: Call) -> tuple[Hashable, ...]:
        """An added element can be told from all others."""
        return ((call.args[0],),) if call.f == "add" else ()

    def sees(self, call: Call) -> tuple[Hashable, ...]:
        """Return the elements that were there."""
        if call.f == "read":
            return tuple((element,) for element in _elements(call.result) or ())
        # Whoever found it there before: a second add, a remove that did something, and who looked.
        there = call.result == (call.f in ("contains", "remove")) and call.result is not None
        return ((call.args[0],),) if there else ()

    def grows(self, calls: Iterable[Call]) -> bool:
        """A set keeps what nobody removes."""
        return all(call.f in ("add", "contains", "read") for call in calls)

    def shows(self, call: Call) -> bool:
        """A read shows all elements."""
        return call.f == "read" and call.known

    def within(self, state: Any, call: Call) -> bool:
        """Tell whether a read shows all elements of a set."""
        return frozenset(_elements(call.result) or ()).issuperset(state)

    def describe(self, call: Call) -> str:
        """Return the operation in words."""
        return described(call)


class FifoQueue:
    """A queue, first in, first out: `enqueue` (x), `dequeue` → x, or None when it was empty."""

    name = "fifo-queue"

    def init(self) -> Hashable:
        """Return the empty queue, oldest first."""
        return ()

    def step(self, state: Any, call: Call) -> tuple[Hashable, ...]:
        """Return the one queue afterwards."""
        if call.f == "enqueue":
            return ((*state, call.args[0]),)
        head = state[0] if state else None
        if call.f != "dequeue" or call.result not in (UNKNOWN, head):
            return ()
        return (state[1:],)

    def traces(self, call: Call) -> tuple[Hashable, ...]:
        """An element can be told from all others."""
        return ((call.args[0],),) if call.f == "enqueue" else ()

    def sees(self, call: Call) -> tuple[Hashable, ...]:
        """Return the element that came out."""
        return ((call.result,),) if call.f == "dequeue" and call.result is not None else ()

    def describe(self, call: Call) -> str:
        """Return the operation in words."""
        return described(call)


class UnorderedQueue(FifoQueue):
    """A queue that gives its elements in any order: `enqueue` (x), `dequeue` → x, or None when it was empty."""

    name = "unordered-queue"

    def init(self) -> Hashable:
        """Return the empty bag: pairs of an element and how often it is there."""
        return frozenset()

    def step(self, state: Any, call: Call) -> tuple[Hashable, ...]:
        """Return the bag afterwards; after a `dequeue` of unknown outcome, one for each element."""
        held = dict(state)
        if call.f == "enqueue":
            held[call.args[0]] = held.get(call.args[0], 0) + 1
            return (frozenset(held.items()),)
        if call.f != "dequeue":
            return ()
        if call.result is UNKNOWN:
            return tuple(_without(held, element) for element in held) or (state,)
        if call.result is None:
            return () if held else (state,)
        return (_without(held, call.result),) if call.result in held else ()


class ListAppend:
    """A list: `append` (x), `read` → all elements in order, or None while there are none."""

    name = "list-append"

    def init(self) -> Hashable:
        """Return the empty list."""
        return ()

    def step(self, state: Any, call: Call) -> tuple[Hashable, ...]:
        """Return the one list afterwards."""
        if call.f == "append":
            return ((*state, call.args[0]),)
        fits = call.result is UNKNOWN or _elements(call.result) == state
        return (state,) if call.f == "read" and fits else ()

    def traces(self, call: Call) -> tuple[Hashable, ...]:
        """An element can be told from all others."""
        return ((call.args[0],),) if call.f == "append" else ()

    def sees(self, call: Call) -> tuple[Hashable, ...]:
        """Return the elements that were there."""
        return tuple((element,) for element in _elements(call.result) or ()) if call.f == "read" else ()

    def grows(self, calls: Iterable[Call]) -> bool:
        """A list keeps what it has: there is no operation that takes anything away."""
        return True

    def shows(self, call: Call) -> bool:
        """A read shows all elements."""
        return call.f == "read" and call.known

    def within(self, state: Any, call: Call) -> bool:
        """Tell whether what a read shows begins with a list."""
        return bool((_elements(call.result) or ())[: len(state)] == state)

    def describe(self, call: Call) -> str:
        """Return the operation in words."""
        return described(call)


def _elements(value: Any) -> tuple[Any, ...] | None:
    """Return the elements of an answer, none for None; None for what is no collection."""
    return () if value is None else tuple(value) if isinstance(value, tuple | frozenset) else None


def _without(held: dict[Any, int], element: Any) -> Hashable:
    left = {**held, element: held[element] - 1}
    return frozenset((each, count) for each, count in left.items() if count)
