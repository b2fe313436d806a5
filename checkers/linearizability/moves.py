"""How a search for an order moves: from return to return, by operations that change the state.

The search goes from return to return: before an operation returns it must have happened (the just-in-time
linearization of Lowe, 2017, after Wing and Gong, 1993). A configuration is the state, and for each pending
operation whether it is

- open: it still has to happen,
- free: it may count as done, because there was an instant when it would have changed nothing (a read of the
  value that was there) or when another one overwrote it; but it may still be used to change the state, or
- used: it changed the state, and is done.

Operations of unknown outcome are free for ever, excused ones until they return. Free is better than open and
better than used, so that configurations dominate each other, and only a few have to be followed: an order that a
worse one allows is allowed by the better one as well. Of operations that are alike the one that returns first is
used first.
"""

from collections.abc import Iterator, Sequence

from checkers.linearizability.automaton import REFUSED
from checkers.linearizability.problem import Layer, Question

Configuration = tuple[int, int, int, int]
"""State; the bits of open and of free operations; the bits of unknown operations that were used."""


class Moves:
    """How configurations change within a layer."""

    def __init__(self, question: Question, strangers: Sequence[int], layer: Layer) -> None:
        automaton, numbers = question.automaton, question.numbers
        self._automaton = automaton
        self._strangers = strangers
        self._layer = layer
        self._arrived = sum(bit for bit, _ in layer.arrived)
        self._let_off = sum(bit for bit, each in layer.arrived if each in question.excused)
        self._pending = tuple((bit, each, numbers[each]) for bit, each in layer.pending)
        self._overwritten = sum(bit for bit, _, number in self._pending if automaton.overwrites[number])
        self._unchanged: dict[int, int] = {}
        self._shown = tuple((bit, numbers[each]) for bit, each in layer.pending if each in question.showing)
        self._ahead = None if layer.ahead is None else numbers[layer.ahead]

    def enter(self, configuration: Configuration) -> Configuration:
        """Return the configuration after the calls of the layer."""
        state, opened, free, used = configuration
        freed = (self._idle(state) & self._arrived) | self._let_off
        return state, opened | (self._arrived & ~freed), free | freed, used

    def leave(self, configuration: Configuration) -> Configuration:
        """Return the configuration after the return of the layer."""
        state, opened, free, used = configuration
        return state, opened, free & ~self._layer.bit, used

    def uses(self, configuration: Configuration) -> Iterator[tuple[int, Configuration]]:
        """Yield (operation, configuration afterwards) for every way to change the state that is not in vain.

        Of operations with the same call and in the same condition only the one that returns first is tried,
        and one of unknown outcome only if none that is pending would do the same: whoever keeps the others has
        no less left.
        """
        state, opened, free, used = configuration
        step, overwrites = self._automaton.step, self._automaton.overwrites
        families = self._automaton.families
        tried = set()
        reached = set()
        for bit, operation, number in self._pending:
            alike = (number, opened & bit != 0)
            if (opened | free) & bit and alike not in tried:
                tried.add(alike)
                after = step(state, number)
                if after not in (REFUSED, state):
                    reached.add((families[number], after))
                    found = self._after(after, opened & ~bit, free & ~bit, used, overwrites[number])
                    if not self._in_vain(found):
                        yield operation, found
        for number, mask in self._layer.unknown:
            left = mask & ~used
            after = step(state, number) if left else REFUSED
            if after not in (REFUSED, state) and (families[number], after) not in reached:
                lowest = left & -left
                operation = self._strangers[lowest.bit_length() - 1]
                found = self._after(after, opened, free, used | lowest, overwrites[number])
                if not self._in_vain(found):
                    yield operation, found

    def _in_vain(self, configuration: Configuration) -> bool:
        """Tell whether something that must still be seen can't be any more, since nothing is taken away."""
        state, opened, _, _ = configuration
        within = self._automaton.within
        if self._ahead is not None and not within(state, self._ahead):
            return True
        return any(opened & bit and not within(state, number) for bit, number in self._shown)

    def _after(self, state: int, opened: int, free: int, used: int, overwrites: bool) -> Configuration:
        freed = opened & (self._idle(state) | (self._overwritten if overwrites else 0))
        return state, opened & ~freed, free | freed, used

    def _idle(self, state: int) -> int:
        """Return the bits of the operations that change nothing in a state."""
        bits = self._unchanged.get(state)
        if bits is None:
            step = self._automaton.step
            bits = sum(bit for bit, _, number in self._pending if step(state, number) == state)
            self._unchanged[state] = bits
        return bits
