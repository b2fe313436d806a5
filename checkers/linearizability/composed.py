"""Several operations on one object that happen at one instant: what a transaction does to one of its keys."""

from collections.abc import Hashable, Iterable
from typing import Any

from checkers.linearizability.model import UNKNOWN, Call, Growing, Model, Observing

TOGETHER = "txn"
"""What such a call is named: its one argument holds the parts, each a name and its arguments; its result the
answers, part by part."""


READ = "read"
"""What models call an operation that changes nothing."""

OTHERS = "\0others"
"""The mark of what can't be seen."""


class Composed:
    """A model that knows TOGETHER besides its own operations."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._observing = model if isinstance(model, Observing) else None
        self._growing = model if isinstance(model, Growing) else None

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model.name

    def init(self) -> Hashable:
        """Begin as the model does."""
        return self.model.init()

    def step(self, state: Any, call: Call) -> tuple[Hashable, ...]:
        """Return the states after all parts, one after the other."""
        states: dict[Hashable, None] = {state: None}
        for part in parts(call):
            states = dict.fromkeys(after for each in states for after in self.model.step(each, part))
        return tuple(states)

    def traces(self, call: Call) -> tuple[Hashable, ...]:
        """Return the marks of all parts; what leaves none and does more than read counts as one, for nobody."""
        if self._observing is None:
            return ()
        done = [(part, self._observing.traces(part)) for part in parts(call)]
        marks = [mark for _, left in done for mark in left]
        silent = any(part.f != READ and not left for part, left in done)
        return (*marks, OTHERS) if marks and silent else tuple(marks)

    def sees(self, call: Call) -> tuple[Hashable, ...]:
        """Return what the parts show, but for what the call itself has done."""
        if self._observing is None:
            return ()
        own = {mark for part in parts(call) for mark in self._observing.traces(part)}
        return tuple(mark for part in parts(call) for mark in self._observing.sees(part) if mark not in own)

    def grows(self, calls: Iterable[Call]) -> bool:
        """Tell whether the model's objects grow under all parts."""
        return self._growing is not None and self._growing.grows(
            part for call in calls for part in parts(call)
        )

    def shows(self, call: Call) -> bool:
        """Tell whether one of the parts shows all."""
        return self._growing is not None and any(map(self._growing.shows, parts(call)))

    def within(self, state: Any, call: Call) -> bool:
        """Tell whether all parts that show something show at least this."""
        return self._growing is None or all(
            self._growing.within(state, part) for part in parts(call) if self._growing.shows(part)
        )

    def describe(self, call: Call) -> str:
        """Return the parts in the model's words."""
        return ", ".join(map(self.model.describe, parts(call)))


def parts(call: Call) -> tuple[Call, ...]:
    """Return what is done at one instant; of any other call the call itself."""
    if call.f != TOGETHER:
        return (call,)
    done = call.args[0]
    answers = call.result if call.known else (UNKNOWN,) * len(done)
    return tuple(Call(f=f, args=args, result=answer) for (f, args), answer in zip(done, answers, strict=True))
