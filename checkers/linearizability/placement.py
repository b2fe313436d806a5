"""From the operations that changed the state to an order of all: where the others fit in between.

A search decides only which operations change the state, and when. All others fit somewhere: as observations,
which leave the state as it is, or as writes that another one overwrites before anybody looks.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from checkers.linearizability.problem import Question, Use


def order(question: Question, uses: Sequence[Use]) -> list[int]:
    """Return the operations in an order that explains all; without those that need not have happened."""
    automaton, numbers, events = question.automaton, question.numbers, question.events
    called = {event: at for at, event in enumerate(events) if event >= 0}
    used = {use.operation for use in uses}
    states = [question.start]
    for use in uses:
        states.append(automaton.step(states[-1], numbers[use.operation]))
    times = [use.event for use in uses]
    placed = [((4 * index, 0), use.operation) for index, use in enumerate(uses, start=1)]
    for at, event in enumerate(events):
        if event < 0 and ~event not in used and ~event not in question.excused:
            operation = ~event
            number = numbers[operation]
            first, last = bisect_left(times, called[operation]), bisect_right(times, at)
            place = next(
                (4 * index + 1 for index in range(first, last + 1)
                 if automaton.step(states[index], number) == states[index]),
                None,
            )  # fmt: skip
            if place is None:
                assert automaton.overwrites[number], "a search leaves no operation out"
                place = next(
                    4 * index + 2
                    for index in range(first, last)
                    if automaton.overwrites[numbers[uses[index].operation]]
                )
            placed.append(((place, called[operation]), operation))
    return [operation for _, operation in sorted(placed)]
