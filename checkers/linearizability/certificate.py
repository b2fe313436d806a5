"""What a verdict rests on, as records that an independent program can check against the history."""

import enum
from typing import Any

from msgspec import Struct


class Linearization(Struct, frozen=True, kw_only=True):
    """An order of one object's operations, by their ids, that respects time and that the model allows.

    Operations of unknown outcome that are not in it did not happen. `start` is what a register or a counter is
    taken to begin as, None as usual.
    """

    key: Any
    model: str
    start: Any = None
    order: tuple[int, ...]


class Role(enum.StrEnum):
    """Whether an operation of a window must happen in it: `required`; or `possible`: if so, before its return."""

    REQUIRED = "required"
    POSSIBLE = "possible"


class WindowOperation(Struct, frozen=True, kw_only=True):
    """One operation of a window; times as in the history. `known` is False where the outcome is not.

    `story` says why no order works for a required one, in words. `place` counts from 1 in an order of all but the
    one at which it gets stuck; None for what is not in it.
    """

    id: int
    process: int
    f: str
    args: tuple[Any, ...]
    result: Any
    known: bool
    call_ns: int
    return_ns: int | None
    role: Role
    text: str
    story: str = ""
    place: int | None = None


class Window(Struct, frozen=True, kw_only=True):
    """Operations of which no order is possible from any of the states that the object may have been in.

    The required ones are all called after the entry, `from_ns`, or from the beginning when it is None. None of
    them can be left out: without it there is an order of the rest. The possible ones are all others that might
    have changed the state meanwhile. Window and entry states together prove that the history is not linearizable.
    If `any_state` what was before does not matter: the entry states are all that the object can ever hold, or none
    are named since the state has no part in the proof.
    `stuck` is the last of the required operations to return. `start` as that of a `Linearization`.
    """

    key: Any
    model: str
    start: Any = None
    from_ns: int | None
    until_ns: int
    entry_states: tuple[Any, ...]
    entry_texts: tuple[str, ...]
    any_state: bool
    operations: tuple[WindowOperation, ...]
    stuck: int

    @property
    def required(self) -> tuple[WindowOperation, ...]:
        """The operations that can't all have happened."""
        return tuple(each for each in self.operations if each.role is Role.REQUIRED)
