"""Our operations in Jepsen's words, so that Knossos, Elle and elle-cli understand them.

    put k v                  :write [k v]
    get k                    :read [k nil], answered [k v]
    cas k old new            :cas [k [old new]]; one that was refused fails
    add k v, append k v      :add [k v], :append [k v]
    increment k v            :add [k v]
    txn [[append k v] …]     :txn [[:append k v] [:r k nil] …]

Keys become those of `jepsen.independent`. Operations that came from elsewhere are written as they came: the first
argument is the value.
"""

from collections.abc import Mapping
from typing import Any

from harness.columns.values import Keyword
from harness.operation import Operation, Outcome

_NAMES: Mapping[str, str] = {"put": "write", "get": "read", "increment": "add"}
_KEYED = frozenset({"put", "get", "cas", "add", "append", "increment"})
_MICRO: Mapping[str, str] = {"get": "r", "put": "w"}
_TRANSACTION = "txn"


def invocation(operation: Operation) -> dict[str, Any]:
    """Return the map of an operation's call, without its place and time."""
    f, value = operation.f, _asked(operation)
    return _filled(operation, "invoke", f, value)


def completion(operation: Operation) -> dict[str, Any]:
    """Return the map of an operation's return."""
    ok = operation.outcome is Outcome.OK
    refused = ok and operation.f == "cas" and _ours(operation) and operation.value is not True
    kind = "fail" if refused else str(operation.outcome)
    value = _answered(operation) if ok and not refused else _asked(operation)
    found = _filled(operation, kind, operation.f, value)
    if operation.error is not None:
        found["error"] = operation.error
    return found


def _filled(operation: Operation, kind: str, f: str, value: Any) -> dict[str, Any]:
    name = _NAMES.get(f, f) if _ours(operation) else f
    found: dict[str, Any] = {
        "type": Keyword(kind),
        "process": operation.process,
        "f": Keyword(name),
        "value": value,
    }
    if operation.node is not None:
        found["node"] = operation.node
    return found


def _ours(operation: Operation) -> bool:
    """Whether the operation has its key as the first of several arguments, as only ours have."""
    return operation.f in _KEYED and (len(operation.args) > 1 or operation.f == "get")


def _asked(operation: Operation) -> Any:
    args = operation.args
    if not args:
        return None
    if operation.f == _TRANSACTION and len(args) == 1 and isinstance(args[0], list):
        return [_micro(each) for each in args[0]]
    if not _ours(operation):
        return args[0] if len(args) == 1 else list(args)
    key, rest = args[0], list(args[1:])
    return [key, None if not rest else rest[0] if len(rest) == 1 else rest]


def _answered(operation: Operation) -> Any:
    if operation.f == _TRANSACTION and isinstance(operation.value, list):
        return [_micro(each) for each in operation.value]
    if not _ours(operation):
        return operation.value
    return [operation.args[0], operation.value] if operation.f == "get" else _asked(operation)


def _micro(operation: Any) -> Any:
    if not isinstance(operation, list) or not operation or not isinstance(operation[0], str):
        return operation
    return [Keyword(_MICRO.get(operation[0], operation[0])), *operation[1:]]
