"""Registers: one value that is read, written, and compared and set; and several of them as one object."""

from collections.abc import Hashable
from typing import Any

from checkers.linearizability.model import UNKNOWN, Call, Model
from checkers.linearizability.models.words import described, shown


class CasRegister:
    """A value that begins as `start`: `read`, `write` (new), `cas` (expected, new).

    A `cas` that answered False is an observation: the value was another one than expected. One of unknown
    outcome sets the value or, when another is there, does nothing.
    """

    name = "cas-register"

    def __init__(self, start: Hashable = None) -> None:
        self.start = start

    def starting(self, start: Any) -> Model:
        """Return the register that begins with another value."""
        return type(self)(start)

    def init(self) -> Hashable:
        """Return the value that nobody wrote."""
        return self.start

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

    `read` (names) answers a mapping, or its pairs; `write` takes a mapping, or its pairs. `txn` takes reads and
    writes, each with a name and a value, one after the other, and answers the same with what was read. What
    nobody wrote is `start`.
    """

    name = "multi-register"

    def __init__(self, start: Hashable = None) -> None:
        self.start = start

    def starting(self, start: Any) -> Model:
        """Return the registers that all begin with another value."""
        return type(self)(start)

    def init(self) -> Hashable:
        """Return the pairs of the registers that were written, sorted: none."""
        return ()

    def step(self, state: Any, call: Call) -> tuple[Hashable, ...]:
        """Return the one state afterwards."""
        done = _micro(call)
        if done is None:
            return ()
        held = dict(state)
        for f, name, value in done:
            if f == "write":
                held[name] = value
            elif value is not UNKNOWN and not _same(held.get(name, self.start), value):
                return ()
        return (tuple(sorted(held.items())),)

    def describe(self, call: Call) -> str:
        """Return the operation in words."""
        done = _micro(call)
        if done is None:
            return described(call)
        if call.f != "txn":
            told = ", ".join(f"{name}={shown(value)}" for _, name, value in sorted(done))
            return f"{call.f} {told}{'' if call.known else ' ?'}" if told else described(call)
        told = ", ".join(f"{f} {name}={shown(value)}" for f, name, value in done)
        return f"{told}{'' if call.known else ' ?'}"


_READS, _WRITES = ("r", "read"), ("w", "write")


def _micro(call: Call) -> list[tuple[str, Any, Any]] | None:
    """Return what is done to registers, one after the other: reads and writes, each with a name and a value.

    The value of a read of which no answer is known is UNKNOWN. None for what is none of it.
    """
    if call.f == "txn":
        return _transaction(call)
    if call.f not in ("read", "write"):
        return None
    pairs = _pairs(call.args[0] if call.f == "write" and call.args else call.result if call.known else None)
    return None if pairs is None else [(call.f, name, value) for name, value in pairs.items()]


def _transaction(call: Call) -> list[tuple[str, Any, Any]] | None:
    asked: Any = call.args[0] if len(call.args) == 1 else None
    silent = not call.known or call.result is None
    answers: Any = asked if silent else call.result
    if not _triples(asked) or not _triples(answers) or len(asked) != len(answers):
        return None
    done: list[tuple[str, Any, Any]] = []
    for (f, name, value), (_, answered, shown_value) in zip(asked, answers, strict=True):
        if f in _WRITES:
            done.append(("write", name, value))
        elif f not in _READS or answered != name:
            return None
        else:
            done.append(("read", name, UNKNOWN if silent else shown_value))
    return done


def _triples(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(each, tuple) and len(each) == 3 for each in value)


def _same(left: Any, right: Any) -> bool:
    """Tell whether two values are the same; Python takes True for 1."""
    return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)


def _pairs(value: Any) -> dict[Any, Any] | None:
    """Return pairs as a mapping; None for what is none."""
    if isinstance(value, tuple) and all(isinstance(each, tuple) and len(each) == 2 for each in value):
        return dict(value)
    return {} if value is None else None
