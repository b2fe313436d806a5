"""What a model of an object is: pure data and functions, in the manner of Porcupine.

A model says in which state an object begins, and which states an operation may leave it in. Everything else
(time, processes, unknown outcomes, the search) is none of its business.
"""

import enum
from collections.abc import Hashable, Iterable
from typing import Any, Protocol, runtime_checkable

from msgspec import Struct


class Unknown(enum.Enum):
    """The result of an operation of which no result is known."""

    UNKNOWN = "unknown"


UNKNOWN = Unknown.UNKNOWN


class Call(Struct, frozen=True, kw_only=True):
    """What was done and what was answered; `result` is UNKNOWN where no answer is known."""

    f: str
    args: tuple[Any, ...] = ()
    result: Any = None

    @property
    def known(self) -> bool:
        """Whether there was an answer."""
        return self.result is not UNKNOWN


class Model(Protocol):
    """A sequential object. States are hashable values; all functions are pure and total.

    `step` returns every state that the operation may leave the object in when it happens in `state` with this
    result; none when it can't. With an UNKNOWN result it returns the states after any result: that the
    operation may also never have happened is not its affair. A compare-and-set that was refused, or a read,
    leaves the state as it is.
    """

    @property
    def name(self) -> str:
        """Return what it is called."""

    def init(self) -> Hashable:
        """Return the state in which every object begins."""

    def step(self, state: Any, call: Call) -> tuple[Hashable, ...]:
        """Return the states after `call` in `state`; () when it can't have happened there."""

    def describe(self, call: Call) -> str:
        """Return the operation in words, for people: `write 3`, `read 4`."""


@runtime_checkable
class Overwriting(Protocol):
    """A model some of whose operations forget the state: never refused, and what they leave depends on none."""

    def overwrites(self, call: Call) -> bool:
        """Tell whether `step` gives the same one state for this call whatever state it is asked in."""


@runtime_checkable
class Starting(Protocol):
    """A model whose objects may begin with another value than usual."""

    @property
    def start(self) -> Hashable:
        """Return the value that is there before anybody wrote one."""

    def starting(self, start: Any) -> Model:
        """Return the model of objects that begin with this value; raises ValueError where they can't hold it."""


def start_of(model: Model) -> Hashable:
    """Return the value that a model's objects begin with, None where there is no choice."""
    return model.start if isinstance(model, Starting) else None


@runtime_checkable
class Partitioned(Protocol):
    """A model whose objects fall apart further than the history's keys say."""

    def part(self, call: Call) -> Hashable:
        """Return the part of the object that the operation is about; parts must be independent."""


@runtime_checkable
class Observing(Protocol):
    """A model whose operations leave traces: what is never seen need not have happened, what is seen has.

    With it an operation of unknown outcome costs nothing. It must be so that leaving out an operation whose
    trace nobody sees, from an order that explains a history, leaves an order that explains the rest; and that
    each mark in `sees` can only come from an operation that leaves it, before `call` returns.
    """

    def traces(self, call: Call) -> tuple[Hashable, ...]:
        """Return the marks that the operation leaves; by one alone it can be told, if no other leaves that."""

    def sees(self, call: Call) -> tuple[Hashable, ...]:
        """Return the marks that the operation's known result shows."""


@runtime_checkable
class Growing(Protocol):
    """A model from whose objects some operations take nothing away: what they held once they hold for ever.

    With it a search need not go where an answer that is still to come can't be right any more. Of one that is
    `Observing`, too, whatever was left or seen must be among what each later answer that shows all of it `sees`.
    """

    def grows(self, calls: Iterable[Call]) -> bool:
        """Tell whether an object of which only this is done keeps all that it ever held."""

    def shows(self, call: Call) -> bool:
        """Tell whether the call's known answer shows all that the object held."""

    def within(self, state: Any, call: Call) -> bool:
        """Tell whether an object that held `state` may, growing, come to be as the answer of `call` shows it."""


PROBE = "\0probe"
"""What no model can do: before it every state is met that was possible."""


class From(Struct, frozen=True):
    """A model that begins in another state, and in which a PROBE is impossible."""

    model: Model
    state: Hashable

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model.name

    def init(self) -> Hashable:
        """Return the state to begin with."""
        return self.state

    def step(self, state: Any, call: Call) -> tuple[Hashable, ...]:
        """Step as the model does."""
        return () if call.f == PROBE else self.model.step(state, call)

    def overwrites(self, call: Call) -> bool:
        """Tell what the model tells, if it does."""
        return isinstance(self.model, Overwriting) and self.model.overwrites(call)

    def grows(self, calls: Iterable[Call]) -> bool:
        """Tell what the model tells, if it does."""
        return isinstance(self.model, Growing) and self.model.grows(calls)

    def shows(self, call: Call) -> bool:
        """Tell what the model tells, if it does."""
        return isinstance(self.model, Growing) and self.model.shows(call)

    def within(self, state: Any, call: Call) -> bool:
        """Tell what the model tells, if it does."""
        return not isinstance(self.model, Growing) or self.model.within(state, call)

    def describe(self, call: Call) -> str:
        """Return the operation in the model's words."""
        return self.model.describe(call)
