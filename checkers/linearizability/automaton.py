"""A model as a machine over small integers: states and calls interned, each step asked of the model once.

Where a model leaves several states possible, a state of the machine is the set of them: an order of operations
is possible exactly if the set is not empty after it.
"""

import sys
from collections.abc import Hashable, Iterable

from checkers.linearizability.columns import apart, identity
from checkers.linearizability.model import Call, Growing, Model, Overwriting

REFUSED = -1
"""What a step gives when the operation can't have happened."""

STATE_BYTES, STEP_BYTES = 400, 200
"""What a set of states costs beside the states in it, and what a step that is remembered costs."""


class Automaton:
    """The machine of one model. `calls` are the calls it knows by number; `states` the sets by number.

    `held_bytes` is what the states and the steps between them take, about: values inside of a state are those of
    calls. Calls that differ only in what was answered are of the same of the `families`.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.calls: list[Call] = []
        self.states: list[tuple[Hashable, ...]] = []
        self.overwrites: list[bool] = []
        self.families: list[int] = []
        self._family_numbers: dict[tuple[str, Hashable], int] = {}
        self._call_numbers: dict[tuple[str, Hashable, Hashable], int] = {}
        self._state_numbers: dict[frozenset[Hashable], int] = {}
        self._steps: dict[tuple[int, int], int] = {}
        self._within: dict[tuple[int, int], bool] = {}
        self.held_bytes = 0
        self.start = self.state((model.init(),))

    def call(self, call: Call) -> int:
        """Return the number of a call."""
        args = identity(call.args)
        number = self._call_numbers.setdefault((call.f, args, identity(call.result)), len(self.calls))
        if number == len(self.calls):
            self.calls.append(call)
            family = self._family_numbers.setdefault((call.f, args), len(self._family_numbers))
            self.families.append(family)
            self.overwrites.append(isinstance(self.model, Overwriting) and self.model.overwrites(call))
        return number

    def state(self, possible: Iterable[Hashable]) -> int:
        """Return the number of a set of states, REFUSED for none."""
        states = apart(possible)
        if not states:
            return REFUSED
        number = self._state_numbers.setdefault(frozenset(map(identity, states)), len(self.states))
        if number == len(self.states):
            self.states.append(states)
            self.held_bytes += STATE_BYTES + sum(map(sys.getsizeof, states))
        return number

    def step(self, state: int, call: int) -> int:
        """Return the state after a call, REFUSED if it can't have happened in this one."""
        known = self._steps.get((state, call))
        if known is None:
            what = self.calls[call]
            known = self.state(
                after for possible in self.states[state] for after in self.model.step(possible, what)
            )
            self._steps[state, call] = known
            self.held_bytes += STEP_BYTES
        return known

    def shows(self) -> list[bool]:
        """Tell of each call whether it shows all that the object held, and nothing was ever taken away."""
        model = self.model
        if not isinstance(model, Growing) or not model.grows(self.calls):
            return [False] * len(self.calls)
        return [model.shows(call) for call in self.calls]

    def within(self, state: int, call: int) -> bool:
        """Tell whether, of a `Growing` model, what a call shows may be there after a state."""
        known = self._within.get((state, call))
        if known is None:
            model, what = self.model, self.calls[call]
            known = not isinstance(model, Growing) or any(
                model.within(possible, what) for possible in self.states[state]
            )
            self._within[state, call] = known
            self.held_bytes += STEP_BYTES
        return known
