"""Registers: one value that is read, written, and compared and set; and several of them as one object."""

from collections.abc import Hashable
from typing import Any

from checkers.linearizability.model import UNKNOWN, Call
from checkers.linearizability.models.words import described, shown


class CasRegister:
    """A value that begins as `initial`: `read`, `write` (new), `cas` (expected, new).

    A `cas` that answered False is an observation: the value was another one than expected. One of unknown
    outcome sets the value or, when another is there, does nothing.
    """

    name = "cas-register"
    initial: Hashable = None

    def init(self) -> Hashable:
        """Return the value that nobody wrote."""
        return self.initial

    def step(self, state: Any, call: Call) -> tuple[Hashable, ...]:
        """Return the one value afterwards."""
        match call.f, call.args:
            case "read", _:
                return (state,) if call.result is UNKNOWN or _same(call.result, state) else ()
            case "write", (new,):
                return (new,)
            case "cas", (expected, new):
                matches = _same(state, expected)
                if call.result is UNKNOWN or call.result == matches:
                    return (new,) if matches else (state,)
        return ()

    def overwrites(self, call: Call) -> bool:
        """A write does."""
        return call.f == "write"

    def describe(self, call: Call) -> str:
        """Return the operation in words."""
        match call.f, call.args:
            case "read", _:
                return f"read {shown(call.result)}"
            case "cas", (expected, new):
                told = {True: "", False: " refused"}.get(call.result, " ?")
                return f"cas {shown(expected)} → {shown(new)}{told}"
        return described(call)


class Register(CasRegister):
    """A value that is read and written."""

    name = "register"


class MultiRegister:
    """Several registers that are read and written together, all at one instant.

    `read` (names) answers a mapping, or its pairs; `write` takes a mapping, or its pairs. What nobody wrote
    is None.
    """

    name = "multi-register"

    def init(self) -> Hashable:
        """Return the pairs of the registers that were written, sorted: none."""
        return ()

    def step(self, state: Any, call: Call) -> tuple[Hashable, ...]:
        """Return the one state afterwards."""
        held = dict(state)
        pairs = _pairs(call.args[0] if call.f == "write" else call.result)
        match call.f:
            case "write" if pairs is not None:
                return (tuple(sorted((held | pairs).items())),)
            case "read" if call.result is UNKNOWN:
                return (state,)
            case "read" if pairs is not None and all(held.get(name) == pairs[name] for name in pairs):
                return (state,)
        return ()

    def describe(self, call: Call) -> str:
        """Return the operation in words."""
        pairs = _pairs(call.args[0] if call.f == "write" else call.result)
        if pairs is None:
            return described(call)
        told = ", ".join(f"{name}={shown(pairs[name])}" for name in sorted(pairs))
        return f"{call.f} {told}{'' if call.known else ' ?'}"


def _same(left: Any, right: Any) -> bool:
    """Tell whether two values are the same; Python takes True for 1."""
    return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)


def _pairs(value: Any) -> dict[Any, Any] | None:
    """Return pairs as a mapping; None for what is none."""
    if isinstance(value, tuple) and all(isinstance(each, tuple) and len(each) == 2 for each in value):
        return dict(value)
    return {} if value is None else None
