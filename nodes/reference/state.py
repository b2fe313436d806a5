"""What the log means: the keys, their values, and the sessions that make retries happen once.

Applying the same entries in the same order gives the same state on every node. A value is whatever JSON can
hold, put there by `put` and `cas`; a set made by `add`; a list made by `append`; or a number made by
`increment`.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from nodes.reference.fixed import fixed

Container = TypeVar("Container", set[Any], list[Any])

Command = dict[str, Any]
"""`{"op": …, "key": …, …}`, with `session` and `seq` when the client wants retries to happen once."""


class RejectedError(Exception):
    """The command does not fit the value it meets; nothing was changed."""


@fixed
class Result:
    """What a command answered: its value, or why it was rejected.

    A result with `unknown` does not tell whether the command ever took effect.
    """

    value: Any = None
    error: str | None = None
    unknown: bool = False


class State:
    """The readable state of a node. Mutable; `freeze` gives a stable view for a snapshot."""

    def __init__(self, *, sessions: int = 10_000) -> None:
        self.values: dict[str, Any] = {}
        self._sessions: OrderedDict[str, tuple[int, Result]] = OrderedDict()
        self._capacity = sessions
        self._copied: set[str] | None = None

    # Reading

    def get(self, key: str) -> Any:
        """Return a key's value as JSON can carry it (sets as sorted lists); None if there is none."""
        return _plain(self.values.get(key))

    # Applying

    def apply(self, command: Command) -> Result:
        """Carry out a command once: a repeated session and seq gives the first result again."""
        session = command.get("session")
        if session is None:
            return self._perform(command)
        seq: int = command["seq"]
        known = self._sessions.get(session)
        if known is None and seq != 1:
            return Result(error="the session is too old to tell", unknown=True)
        if known is not None and seq < known[0]:
            return Result(error="a later operation of this session was already done", unknown=True)
        if known is not None and seq == known[0]:
            return known[1]
        result = self._perform(command)
        self._sessions[session] = (seq, result)
        self._sessions.move_to_end(session)
        if len(self._sessions) > self._capacity:
            self._sessions.popitem(last=False)
        return result

    def _perform(self, command: Command) -> Result:
        try:
            if command["op"] == "txn":
                return Result(self._transact(command["ops"]))
            return Result(_WRITES[command["op"]](self, command["key"], *_arguments(command)))
        except RejectedError as error:
            return Result(error=str(error))

    def _transact(self, operations: Sequence[Sequence[Any]]) -> list[list[Any]]:
        """Carry out all micro-operations `[op, key, …]` or, if one is rejected, none of them."""
        scratch = State()
        for _, key, *_ in operations:
            if key in self.values and key not in scratch.values:
                value = self.values[key]
                scratch.values[key] = value.copy() if isinstance(value, list | set) else value
        answers = [[op, key, _MICRO[op](scratch, key, *rest)] for op, key, *rest in operations]
        for key, value in scratch.values.items():
            self.values[key] = value
            if self._copied is not None:
                self._copied.add(key)
        return answers

    def _put(self, key: str, value: Any) -> None:
        self.values[key] = value

    def _cas(self, key: str, old: Any, new: Any) -> bool:
        if self.values.get(key) != old:
            return False
        self.values[key] = new
        return True

    def _add(self, key: str, element: Any) -> None:
        if isinstance(element, list | dict):
            raise RejectedError("a set holds numbers, strings, true, false and null")
        self._mutable(key, set).add(element)

    def _append(self, key: str, element: Any) -> None:
        self._mutable(key, list).append(element)

    def _increment(self, key: str, by: int) -> int:
        value = self.values.get(key, 0)
        if not isinstance(value, int) or isinstance(value, bool):
            raise RejectedError(f"{key} is no number")
        self.values[key] = value + by
        return value + by

    def _require_cas(self, key: str, old: Any, new: Any) -> None:
        if not self._cas(key, old, new):
            raise RejectedError(f"{key} is not {old!r}")

    def _at_least(self, key: str, least: int) -> None:
        value = self.values.get(key, 0)
        if not isinstance(value, int) or value < least:
            raise RejectedError(f"{key} is below {least}")

    def _mutable(self, key: str, kind: type[Container]) -> Container:
        value = self.values.get(key)
        if value is None:
            value = self.values[key] = kind()
        elif not isinstance(value, kind):
            raise RejectedError(f"{key} is no {kind.__name__}")
        elif self._copied is not None and key not in self._copied:
            value = self.values[key] = kind(value)
        if self._copied is not None:
            self._copied.add(key)
        return value

    # Snapshots

    def freeze(self) -> "Frozen":
        """Return the state as of now; until `thaw`, a value that changes is copied first."""
        self._copied = set()
        return Frozen(list(self.values.items()), list(self._sessions.items()))

    def thaw(self) -> None:
        """End what `freeze` began."""
        self._copied = None

    def load(self, row: Sequence[Any]) -> None:
        """Take in one row of a snapshot."""
        match row:
            case ["set", key, list(elements)]:
                self.values[key] = set(elements)
            case ["value", key, value]:
                self.values[key] = value
            case ["session", name, seq, value, error]:
                self._sessions[name] = (seq, Result(value, error))
            case _:
                raise ValueError(f"not a row of a snapshot: {row!r}")


@dataclass(frozen=True, slots=True)
class Frozen:
    """A state that no longer changes."""

    values: Sequence[tuple[str, Any]]
    sessions: Sequence[tuple[str, tuple[int, Result]]]

    def rows(self) -> Iterator[list[Any]]:
        """Yield the rows from which `State.load` builds the state again."""
        for key, value in self.values:
            yield ["set" if isinstance(value, set) else "value", key, _plain(value)]
        for name, (seq, result) in self.sessions:
            yield ["session", name, seq, result.value, result.error]


def _plain(value: Any) -> Any:
    """Return a value that later commands do not change, as JSON can carry it."""
    if isinstance(value, set):
        return sorted(value, key=repr)
    return list(value) if isinstance(value, list) else value


_PARAMETERS = {
    "put": ("value",),
    "cas": ("old", "new"),
    "add": ("element",),
    "append": ("element",),
    "increment": ("by",),
}
_WRITES: dict[str, Callable[..., Any]] = {
    "put": State._put,
    "cas": State._cas,
    "add": State._add,
    "append": State._append,
    "increment": State._increment,
}
_MICRO = _WRITES | {
    "get": lambda state, key, *_: state.get(key),
    "cas": State._require_cas,
    "at_least": State._at_least,
}
_MICRO_ARGUMENTS = {"get": 0, "put": 1, "cas": 2, "add": 1, "append": 1, "increment": 1, "at_least": 1}


def _arguments(command: Command) -> list[Any]:
    return [command[name] for name in _PARAMETERS[command["op"]]]


def flaw(command: Command) -> str | None:
    """Return what is wrong with a command from outside, or None if every node can apply it."""
    op = command.get("op")
    session, seq = command.get("session"), command.get("seq")
    if session is not None and not (isinstance(session, str) and isinstance(seq, int) and seq >= 1):
        return "session must be a string and seq a number from 1"
    if op == "txn":
        operations = command.get("ops")
        if not isinstance(operations, list) or not operations:
            return "ops must be a list of micro-operations"
        return next((wrong for wrong in map(_micro_flaw, operations) if wrong), None)
    if not isinstance(op, str) or op not in _PARAMETERS:
        return f"there is no operation {op!r}"
    if not isinstance(command.get("key"), str):
        return "key must be a string"
    if missing := [name for name in _PARAMETERS[op] if name not in command]:
        return f"{op} needs {missing[0]}"
    if op == "increment" and not _whole(command["by"]):
        return "by must be a whole number"
    return None


def _micro_flaw(operation: Any) -> str | None:
    match operation:
        case [str(op), str(), *rest] if op in _MICRO_ARGUMENTS:
            # `get` may carry a null in the place of its answer, as in the usual notation of transactions.
            wanted = _MICRO_ARGUMENTS[op]
            if len(rest) != wanted and not (op == "get" and rest == [None]):
                return f"{op} takes {wanted} values, not {len(rest)}"
            if op in ("increment", "at_least") and not _whole(rest[0]):
                return f"{op} takes a whole number"
            return None
        case _:
            return "a micro-operation is [name, key, …]"


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
