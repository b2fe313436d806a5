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

from checkers.linearizability.budget import Budget
from checkers.linearizability.moves import Configuration, Moves
from checkers.linearizability.problem import Layer, Question, Use, blamed, layers, strangers

Trail = tuple["Trail", int, int] | tuple[()]
"""The trail before, the operation that changed the state, and before which event; () at the start."""

CONFIGURATION_BYTES = 400
"""What a configuration costs here, with its trail, about."""

LEVEL_BYTES = 1_000
"""What a return costs that has to be passed, about."""


class Found(Struct, frozen=True, kw_only=True):
    """What a search found: how the state changes in an order that explains all, or that there is none.

    `stuck` is then the operation that can't have happened before it returned, whatever came before, and
    `states` are all that were possible between that return and the one before. `steps` counts configurations.
    """

    uses: tuple[Use, ...] = ()
    stuck: int | None = None
    states: tuple[int, ...] = ()
    steps: int = 0


def sweep(question: Question, budget: Budget) -> Found:
    """Search breadth first; raises OverBudget."""
    unknown = strangers(question.events)
    front: dict[Configuration, Trail] = {(question.start, 0, 0, 0): ()}
    steps = 0
    for layer in layers(question):
        moves = Moves(question, unknown, layer)
        met = _through(moves, layer, front)
        steps += len(met)
        budget.spend(len(met) * CONFIGURATION_BYTES + question.automaton.held_bytes)
        front = _beyond(moves, layer, met)
        if not front:
            states = dict.fromkeys(each.configuration[0] for each in met)
            return Found(stuck=blamed(question, layer), states=tuple(states), steps=steps)
    trail = next(iter(front.values()))
    return Found(uses=_unwound(trail), steps=steps)


class _Met:
    """A configuration within a layer. Only a `fresh` one may leave it; one that is not `alive` is dominated."""

    __slots__ = ("alive", "configuration", "fresh", "trail")

    def __init__(self, configuration: Configuration, trail: Trail, fresh: bool) -> None:
        self.configuration = configuration
        self.trail = trail
        self.fresh = fresh
        self.alive = True


def _through(moves: Moves, layer: Layer, front: dict[Configuration, Trail]) -> list[_Met]:
    """Return the configurations before the layer's return that no other one dominates.

    One in which the returning operation is free stays as it is, or uses the operation now, at the last
    moment; what it uses before is only worth following for that.
    """
    bit = layer.bit
    best = _Best()
    for configuration, trail in front.items():
        best.take(_Met(moves.enter(configuration), trail, True))
    for met in best.all:
        _, opened, free, _ = met.configuration
        if met.alive and (opened | free) & bit:
            for operation, after in moves.uses(met.configuration):
                fresh = bool(opened & bit) or operation == layer.operation
                best.take(_Met(after, (met.trail, operation, layer.at), fresh))
    return best.all


def _beyond(moves: Moves, layer: Layer, before: list[_Met]) -> dict[Configuration, Trail]:
    """Return the configurations after the layer's return that no other one dominates."""
    bit = layer.bit
    left = _Best()
    for met in before:
        if met.alive and met.fresh and not met.configuration[1] & bit:
            left.take(_Met(moves.leave(met.configuration), met.trail, True))
    return {met.configuration: met.trail for met in left.all if met.alive}


class _Best:
    """Configurations none of which dominates another, in the order in which they were met."""

    def __init__(self) -> None:
        self.all: list[_Met] = []
        self._by_state: dict[int, list[_Met]] = {}

    def take(self, met: _Met) -> None:
        """Add a configuration unless one that is there dominates it.

        Those that it dominates die, and it is fresh if they were. (One that is not fresh may dominate a
        fresh one: what it comes from is there, and can do the same later.)
        """
        there = self._by_state.setdefault(met.configuration[0], [])
        for place, other in enumerate(there):
            if _dominates(other.configuration, met.configuration):
                there.insert(0, there.pop(place))
                return
        for other in there:
            if _dominates(met.configuration, other.configuration):
                met.fresh |= other.fresh
                other.alive = False
        there[:] = [other for other in there if other.alive]
        there.append(met)
        self.all.append(met)


def _dominates(better: Configuration, worse: Configuration) -> bool:
    """Tell whether one configuration allows all that another one of the same state does.

    So it is if each operation that is not free in the better one is in the same condition in both, and if it
    used no unknown operation that the worse one has left.
    """
    _, opened, free, used = better
    _, opened_, free_, used_ = worse
    return not (((opened ^ opened_) | free_) & ~free or used & ~used_)


def dive(question: Question, budget: Budget) -> Found:
    """Search depth first; raises OverBudget."""
    unknown = strangers(question.events)
    levels: list[tuple[Layer, Moves]] = []
    for layer in layers(question):
        levels.append((layer, Moves(question, unknown, layer)))
        budget.spend(len(levels) * LEVEL_BYTES)
    held = len(levels) * LEVEL_BYTES
    seen: set[tuple[int, Configuration, bool]] = set()
    deepest, states = 0, {question.start: None}
    first = _Node(
        0, levels[0][1].enter((question.start, 0, 0, 0)) if levels else (question.start, 0, 0, 0), False, ()
    )
    stack = [iter((first,))]
    while stack:
        node = next(stack[-1], None)
        if node is None:
            stack.pop()
        elif node.depth == len(levels):
            return Found(uses=_unwound(node.trail), steps=len(seen))
        elif node[:3] not in seen:
            seen.add(node[:3])
            budget.spend(held + len(seen) * CONFIGURATION_BYTES + question.automaton.held_bytes)
            if node.depth > deepest:
                deepest, states = node.depth, {}
            if node.depth == deepest:
                states[node.configuration[0]] = None
            stack.append(_onward(levels, node))
    return Found(stuck=blamed(question, levels[deepest][0]), states=tuple(states), steps=len(seen))


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
