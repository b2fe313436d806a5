"""The definition of linearizability, as an independent program that tries every order."""

from typing import Any

from msgspec import Struct

from checkers.linearizability.columns import NEVER
from checkers.linearizability.model import Call, Model


class Op(Struct, frozen=True, kw_only=True):
    """One operation: `return_ns` is NEVER when its outcome is unknown; an excused one need not happen."""

    call: Call
    call_ns: int
    return_ns: int
    excused: bool = False

    @property
    def known(self) -> bool:
        return self.return_ns != NEVER

    @property
    def required(self) -> bool:
        return self.known and not self.excused


def linearizable(model: Model, ops: tuple[Op, ...], states: tuple[Any, ...] | None = None) -> bool:
    """Tell whether some order of all known and some unknown operations is possible from one of `states`."""
    if states is None:
        states = (model.init(),)
    if not any(op.required for op in ops):
        return True
    for index, op in enumerate(ops):
        rest = ops[:index] + ops[index + 1 :]
        # Whatever returned before this one was called comes before it; an excused one then never happened.
        if any(other.return_ns < op.call_ns for other in rest if other.required):
            continue
        rest = tuple(other for other in rest if other.return_ns >= op.call_ns)
        after = tuple(next_ for state in states for next_ in model.step(state, op.call))
        if after and linearizable(model, rest, tuple(dict.fromkeys(after))):
            return True
    return False


def explains(model: Model, ops: tuple[Op, ...], order: list[int]) -> bool:
    """Tell whether `order` has every known operation once, respects time, and is possible."""
    if len(set(order)) != len(order):
        return False
    if {index for index, op in enumerate(ops) if op.known} - set(order):
        return False
    for place, later in enumerate(order):
        if any(ops[later].return_ns < ops[earlier].call_ns for earlier in order[:place]):
            return False
    states: tuple[Any, ...] = (model.init(),)
    for index in order:
        states = tuple(next_ for state in states for next_ in model.step(state, ops[index].call))
    return bool(states)
