"""What clients do next, as a value: pure, seeded, and the same for a live run and a simulated one.

A generator is asked by one worker at a time and answers with a step and with the generator to ask next. It
reads no clock and holds no global: the same generator value and context always give the same answer, so a
run's operations can be replayed, kept and compared. The idea, and most names, are from Jepsen's `generator`.

Plain values are generators too (see `lift`): an `Invocation` is itself, once; a list runs in order; a
function of the context is called for each operation, without end, until it returns None; None is nothing.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias, runtime_checkable

from msgspec import Struct

from harness.draws import Draws, advance
from harness.operation import Invocation


class Context(Struct, frozen=True, kw_only=True):
    """Who asks, and when.

    `now_ns` counts from the history's origin. `worker` is the index of the one that asks, `process` its
    present process id. `members` and `busy` are sets of workers as bit masks (bit w stands for worker w):
    those whom this generator serves, and those of them that are in the middle of an operation. The one that
    asks is never busy.
    """

    now_ns: int
    worker: int
    process: int
    members: int
    busy: int

    @property
    def workers(self) -> int:
        """Return how many workers this generator serves."""
        return self.members.bit_count()

    def among(self, mask: int) -> "Context":
        """Return this context as seen by a generator that serves only the workers in `mask`."""
        return Context(
            now_ns=self.now_ns,
            worker=self.worker,
            process=self.process,
            members=self.members & mask,
            busy=self.busy & mask,
        )


class Wait(Struct, frozen=True):
    """There is nothing for this worker before `until_ns`, whatever the others do."""

    until_ns: int


class Blocked(Struct, frozen=True):
    """There is nothing for this worker before something changes, or before `until_ns` if that is set.

    Ask it again when another worker has returned, or was answered with a changed generator.
    """

    until_ns: int | None = None


BLOCKED = Blocked()

Step: TypeAlias = Invocation | Wait | Blocked | None
"""An answer: do this; ask again then; ask again when something has changed; None: there is no more, ever."""


@runtime_checkable
class Generator(Protocol):
    """A source of steps.

    Once it has answered None it must go on answering None. How often a worker asks before it is given
    something must not change what it is given.
    """

    def next(self, context: Context) -> "tuple[Step, Generator]":
        """Return the step for the worker that asks, and the generator that answers the next question."""


Source: TypeAlias = "Generator | Invocation | Sequence[Source] | Callable[[Context], Step] | None"
"""Anything that `lift` makes a generator of."""


def lift(source: Source) -> Generator:
    """Return the generator that a plain value stands for."""
    if source is None:
        return EMPTY
    if isinstance(source, Invocation):
        return Once(source)
    if isinstance(source, Generator):
        return source
    if isinstance(source, Sequence):
        return in_order(source)
    return Calls(source)


def stateful(
    step: "Callable[[Context, Any, Draws], tuple[Step, Any]]", state: Any, *, seed: int
) -> Generator:
    """Return a generator made of a function of context, its own state and random draws.

    `step` returns the step and its next state. It must be pure: the state that it was given must not change
    (build a new one), and randomness must come from the draws.
    """
    return Stateful(step=step, state=state, seed=seed)


class Empty(Struct, frozen=True):
    """Nothing."""

    def next(self, context: Context) -> tuple[Step, Generator]:
        """Answer that there is no more."""
        return None, self


EMPTY: Generator = Empty()


class Once(Struct, frozen=True):
    """One invocation, once."""

    invocation: Invocation

    def next(self, context: Context) -> tuple[Step, Generator]:
        """Answer with the invocation."""
        return self.invocation, EMPTY


class Calls(Struct, frozen=True):
    """A function of the context, called for each operation."""

    function: Callable[[Context], Step]

    def next(self, context: Context) -> tuple[Step, Generator]:
        """Answer with what the function returns; its None ends it."""
        step = self.function(context)
        return step, EMPTY if step is None else self


class Stateful(Struct, frozen=True, kw_only=True):
    """A function with a state and random draws; made by `stateful`."""

    step: Callable[[Context, Any, Draws], tuple[Step, Any]]
    state: Any
    seed: int

    def next(self, context: Context) -> tuple[Step, Generator]:
        """Answer with what the function returns; its None ends it."""
        bits, following = advance(self.seed)
        step, state = self.step(context, self.state, Draws(bits))
        if step is None:
            return None, EMPTY
        seed = following if isinstance(step, Invocation) else self.seed
        return step, Stateful(step=self.step, state=state, seed=seed)


def in_order(sources: Sequence[Source], *, barriers: bool = False) -> Generator:
    """Return the sources one after the other; each begins when the former has no more.

    With `barriers` it also waits until no worker is busy with the former.
    """
    return InOrder(items=tuple(sources), index=0, current=EMPTY, barriers=barriers)


class InOrder(Struct, frozen=True, kw_only=True):
    """One source after the other; made by `in_order`."""

    items: tuple[Source, ...]
    index: int
    current: Generator
    barriers: bool

    def next(self, context: Context) -> tuple[Step, Generator]:
        """Answer with the step of the first source that is not exhausted; blocked while a barrier holds."""
        current, index = self.current, self.index
        while True:
            step, current = current.next(context)
            if step is not None:
                return step, self._at(index, current)
            if index == len(self.items):
                return None, EMPTY
            if self.barriers and context.busy and index:
                return BLOCKED, self._at(index, EMPTY)
            current = lift(self.items[index])
            index += 1

    def _at(self, index: int, current: Generator) -> "InOrder":
        return InOrder(items=self.items, index=index, current=current, barriers=self.barriers)
