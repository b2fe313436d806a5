"""What a search is asked: the operations of one object in the order of time, and where the object began.

The order of time is a list of events. An operation that never returned has no second event: it may happen late,
or never.
"""

from collections.abc import Iterator, Sequence, Set

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from checkers.linearizability.automaton import Automaton
from checkers.linearizability.columns import NEVER

Ints = NDArray[np.int64]


def events_of(call_ns: Ints, return_ns: Ints) -> NDArray[np.int32]:
    """Return the events in the order of time: i for the call of operation i, ~i for its return.

    At one instant calls come before returns, because closed intervals that touch are concurrent. O(n log n).
    """
    returned = np.flatnonzero(return_ns != NEVER).astype(np.int32)
    events = np.concatenate((np.arange(len(call_ns), dtype=np.int32), ~returned))
    at_ns = np.concatenate((call_ns, return_ns[returned]))
    return events[np.argsort(at_ns, kind="stable")]


class Question(Struct, frozen=True, kw_only=True):
    """Whether there is an order: the calls' `numbers` in the automaton, its state at the start, and the events.

    Operations that are `excused` need not happen, but if they do then before they return. Where nothing is ever
    taken away from the object, those that are `showing` answer all that it held, and must happen.
    """

    automaton: Automaton
    start: int
    events: Sequence[int]
    numbers: Sequence[int]
    excused: Set[int] = frozenset()
    showing: Set[int] = frozenset()


class Use(Struct, frozen=True, array_like=True):
    """An operation that changed the state, just before the event with this index."""

    operation: int
    event: int


class Layer(Struct, frozen=True):
    """What happens from one return to the next: calls, then the return of `operation`, at event `at`.

    Operations that will return are bits of two masks, the open and the free; a bit is used again when its
    operation has returned. `pending` are (bit, operation), the one that returns first in front; it is
    `operation`. `unknown` are (call number, operations of unknown outcome with this call) as bits of a third
    mask: bit i is the i-th such operation of the history. `ahead` is the first operation to be called afterwards
    that is showing, if there is one.
    """

    operation: int
    bit: int
    at: int
    arrived: tuple[tuple[int, int], ...]
    pending: tuple[tuple[int, int], ...]
    unknown: tuple[tuple[int, int], ...]
    ahead: int | None


def showing(automaton: Automaton, events: Sequence[int], numbers: Sequence[int]) -> frozenset[int]:
    """Return the operations that returned and show all that the object held; none where it may lose something."""
    shows = automaton.shows()
    return frozenset(~event for event in events if event < 0 and shows[numbers[~event]])


def strangers(events: Sequence[int]) -> list[int]:
    """Return the operations of unknown outcome, in the order of their calls."""
    returned = {~event for event in events if event < 0}
    return [event for event in events if event >= 0 and event not in returned]


def layers(question: Question) -> Iterator[Layer]:
    """Yield the layers of a history."""
    events, numbers = question.events, question.numbers
    coming = [event for event in reversed(events) if event in question.showing]
    returns = {~event: at for at, event in enumerate(events) if event < 0}
    spare: list[int] = []
    width = 0
    bits: dict[int, int] = {}
    unknown: dict[int, int] = {}
    count = 0
    arrived: list[tuple[int, int]] = []
    for at, event in enumerate(events):
        if event < 0:
            pending = tuple((bits[each], each) for each in sorted(bits, key=returns.__getitem__))
            bit = bits.pop(~event)
            ahead = coming[-1] if coming else None
            yield Layer(~event, bit, at, tuple(arrived), pending, tuple(unknown.items()), ahead)
            spare.append(bit)
            arrived = []
            continue
        if coming and coming[-1] == event:
            coming.pop()
        if event in returns:
            if not spare:
                spare.append(1 << width)
                width += 1
            bits[event] = spare.pop()
            arrived.append((bits[event], event))
        else:
            number = numbers[event]
            unknown[number] = unknown.get(number, 0) | 1 << count
            count += 1


def blamed(question: Question, layer: Layer) -> int:
    """Return the last to return of what the search had to heed up to a layer, from which nothing leads on."""
    returns = {~event: at for at, event in enumerate(question.events) if event < 0}
    heeded = [layer.operation, *(each for _, each in layer.pending if each in question.showing)]
    if layer.ahead is not None:
        heeded.append(layer.ahead)
    return max(heeded, key=lambda each: returns[each])
