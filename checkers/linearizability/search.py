"""Whether there is an order of the operations that the model allows: exact, in plain Python.

Two ways through the same configurations (see `moves`). `sweep` follows all of them side by side from return to
return and drops what is dominated: right for objects with few states, such as registers, where few remain; it
knows at once when there is none. `dive` follows one as deep as it goes and remembers where it has been (the
search of Wing and Gong with the memo of Lowe): right for objects whose states never meet again, such as
queues, where the first way is mostly a good one.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from msgspec import Struct

from checkers.linearizability.automaton import Automaton
from checkers.linearizability.budget import Budget
from checkers.linearizability.moves import Configuration, Moves
from checkers.linearizability.problem import Layer, Use, layers, strangers

Trail = tuple["Trail", int, int] | tuple[()]
"""The trail before, the operation that changed the state, and before which event; () at the start."""

CONFIGURATION_BYTES = 400
"""What a configuration costs here, with its trail, about."""


class Found(Struct, frozen=True, kw_only=True):
    """What a search found: how the state changes in an order that explains all, or that there is none.

    `stuck` is then the operation that can't have happened before it returned, whatever came before, and
    `states` are those that were possible since the return before. `steps` counts configurations.
    """

    uses: tuple[Use, ...] = ()
    stuck: int | None = None
    states: tuple[int, ...] = ()
    steps: int = 0


def sweep(
    automaton: Automaton, start: int, events: Sequence[int], numbers: Sequence[int], budget: Budget
) -> Found:
    """Search breadth first; raises OverBudget."""
    unknown = strangers(events)
    front: dict[Configuration, Trail] = {(start, 0, 0, 0): ()}
    steps = 0
    for layer in layers(events, numbers):
        moves = Moves(automaton, numbers, unknown, layer)
        after = _through(moves, layer, front)
        steps += len(after)
        budget.spend(len(front) * CONFIGURATION_BYTES)
        if not after:
            states = dict.fromkeys(configuration[0] for configuration in front)
            return Found(stuck=layer.operation, states=tuple(states), steps=steps)
        front = after
    trail = next(iter(front.values()))
    return Found(uses=_unwound(trail), steps=steps)


def _through(moves: Moves, layer: Layer, front: dict[Configuration, Trail]) -> dict[Configuration, Trail]:
    """Return the configurations after the layer's return that no other one dominates.

    One in which the returning operation is free stays as it is, or uses the operation now, at the last
    moment; what it uses before is only worth following for that.
    """
    bit, at = layer.bit, layer.at
    best = _Best()
    kept: dict[Configuration, Trail] = {}
    work: list[tuple[Configuration, Trail, bool]] = []

    def meet(configuration: Configuration, trail: Trail, fresh: bool) -> None:
        if best.takes(configuration):
            _, opened, free, _ = configuration
            if fresh and not opened & bit:
                kept[configuration] = trail
            if (opened | free) & bit:
                work.append((configuration, trail, not opened & bit))

    for configuration, trail in front.items():
        meet(moves.enter(configuration), trail, True)
    for configuration, trail, done in work:
        for operation, after in moves.uses(configuration):
            meet(after, (trail, operation, at), not done or operation == layer.operation)
    left = _Best()
    return {
        configuration: trail
        for configuration, trail in ((moves.leave(each), trail) for each, trail in kept.items())
        if left.takes(configuration)
    }


class _Best:
    """Configurations none of which dominates a later one."""

    def __init__(self) -> None:
        self._by_state: dict[int, list[Configuration]] = {}

    def takes(self, configuration: Configuration) -> bool:
        """Add a configuration unless one that is there dominates it; tell whether it was added.

        One dominates another of the same state if each operation that it has not free is in the same
        condition in both, and if it used no unknown operation that the other has left.
        """
        state, opened, free, used = configuration
        there = self._by_state.setdefault(state, [])
        for place, (_, opened_, free_, used_) in enumerate(there):
            if not (((opened_ ^ opened) | free) & ~free_ or used_ & ~used):
                there.insert(0, there.pop(place))
                return False
        there.append(configuration)
        return True


def dive(
    automaton: Automaton, start: int, events: Sequence[int], numbers: Sequence[int], budget: Budget
) -> Found:
    """Search depth first; raises OverBudget."""
    unknown = strangers(events)
    levels = [(layer, Moves(automaton, numbers, unknown, layer)) for layer in layers(events, numbers)]
    seen: set[tuple[int, Configuration, bool]] = set()
    deepest, states = 0, {start: None}
    first = _Node(0, levels[0][1].enter((start, 0, 0, 0)) if levels else (start, 0, 0, 0), False, ())
    stack = [iter((first,))]
    while stack:
        node = next(stack[-1], None)
        if node is None:
            stack.pop()
        elif node.depth == len(levels):
            return Found(uses=_unwound(node.trail), steps=len(seen))
        elif node[:3] not in seen:
            seen.add(node[:3])
            budget.spend(len(seen) * CONFIGURATION_BYTES)
            if node.depth > deepest:
                deepest, states = node.depth, {}
            if node.depth == deepest:
                states[node.configuration[0]] = None
            stack.append(_onward(levels, node))
    return Found(stuck=levels[deepest][0].operation, states=tuple(states), steps=len(seen))


class _Node(NamedTuple):
    """A configuration in a layer; if `committed`, only a use of the returning operation may leave the layer."""

    depth: int
    configuration: Configuration
    committed: bool
    trail: Trail


def _onward(levels: Sequence[tuple[Layer, Moves]], node: _Node) -> Iterator[_Node]:
    """Yield where a configuration may go: to the next layer first."""
    depth, configuration, committed, trail = node
    layer, moves = levels[depth]
    _, opened, free, _ = configuration
    if not opened & layer.bit and not committed:
        after = moves.leave(configuration)
        if depth + 1 < len(levels):
            after = levels[depth + 1][1].enter(after)
        yield _Node(depth + 1, after, False, trail)
    if (opened | free) & layer.bit:
        for operation, after in moves.uses(configuration):
            committed = bool(free & layer.bit) and operation != layer.operation
            yield _Node(depth, after, committed, (trail, operation, layer.at))


def _unwound(trail: Trail) -> tuple[Use, ...]:
    uses: list[Use] = []
    while trail:
        trail, operation, event = trail
        uses.append(Use(operation, event))
    return tuple(reversed(uses))
