"""Operations on objects as a model of them reads them: keys, kinds, arguments and results as small numbers.

This is where the words of the different sources end: what our histories call `put` and Jepsen's `write` is `write`
here, a compare-and-set has two arguments however they were written, and the value that Jepsen repeats in the
answer to a write is no result. A failed operation did not happen and is left out; a failed compare-and-set may be
kept as an observation that the value was another one (Jepsen's clients fail it for that, and for other reasons).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from checkers.histories.objects import NO_CELL, Objects, objects
from checkers.histories.wording import told
from checkers.linearizability.columns import ABSENT, NEVER, Calls, CallsBuilder
from checkers.linearizability.model import UNKNOWN, Model
from harness.columns.identity import identified
from harness.columns.table import Table
from harness.columns.values import Kind, frozen
from harness.history import FAIL, INFO, OK
from harness.operation import Outcome

Ints = NDArray[np.int64]

NIL, FALSE, TRUE = range(3)
"""The codes of None, False and True among the values."""

WORDS: Mapping[str, Mapping[str, str]] = {
    "register": {"read": "read", "get": "read", "write": "write", "put": "write"},
    "cas-register": {"read": "read", "get": "read", "write": "write", "put": "write", "cas": "cas"},
    "mutex": {"acquire": "acquire", "release": "release"},
    "counter": {
        "read": "read",
        "get": "read",
        "add": "add",
        "increment": "add",
        "inc": "add",
        "decrement": "decrement",
        "dec": "decrement",
        "sub": "decrement",
    },
    "set": {"read": "read", "get": "read", "add": "add", "remove": "remove", "contains": "contains"},
    "fifo-queue": {"enqueue": "enqueue", "dequeue": "dequeue"},
    "unordered-queue": {"enqueue": "enqueue", "dequeue": "dequeue"},
    "list-append": {"append": "append", "read": "read", "get": "read"},
    "kv-append": {"put": "put", "append": "append", "get": "get", "read": "get", "write": "put"},
    "multi-register": {"read": "read", "write": "write", "txn": "txn"},
}
"""For each model what operations are called, and what it calls them."""

_ANSWERS = frozenset({"read", "get", "dequeue", "contains"})
"""The kinds whose answer is a result; all others are merely done."""

ASIDE = ("peek", "get_within")
"""Reads of one node, which change nothing and may be stale: no model is asked about them."""

_NUMBERS = (Kind.NIL, Kind.INT, Kind.WIDE, Kind.FLOAT)
"""What can be added to a counter; nil is one."""


class MisshapenError(ValueError):
    """Operations have other arguments than the model's; the message says which."""


def model_for(table: Table) -> str | None:
    """Return the model that the names of a history's operations tell, None where they tell none for sure."""
    called = frozenset(table.names)
    for model in ("register", "cas-register", "mutex", "kv-append"):
        words = WORDS[model]
        if called and called <= words.keys() and len({words[name] for name in called}) > 1:
            return model if _reads_scalars(table) else None
    return None


def _reads_scalars(table: Table) -> bool:
    """Whether reads show single values; collections are judged by others."""
    reads = table.rows("read", "get")
    found = objects(table, reads[table.outcome[reads] == OK])
    return not np.isin(table.values.kinds_at(found.result), (Kind.LIST, Kind.SET, Kind.MAP)).any()


def keyed_calls(table: Table, model: str, *, failed_cas: bool = False) -> Calls:
    """Return the operations that a model knows; `failed_cas` keeps failed compare-and-sets as observations.

    Raises MisshapenError for arguments that are none of the model's. O(n log n), O(n) where keys and values are
    dense numbers.
    """
    words = WORDS[model]
    kinds = tuple(dict.fromkeys(words.values()))
    kind_of = np.array(
        [kinds.index(words[name]) if name in words else len(kinds) for name in table.names], np.int64
    )
    kind = kind_of[table.f] if len(table) else np.zeros(0, np.int64)
    is_cas = kind == (kinds.index("cas") if "cas" in kinds else -1)
    observed = is_cas & (table.error < 0) if failed_cas else np.zeros(len(table), np.bool_)
    rows = np.flatnonzero((kind < len(kinds)) & ((table.outcome != FAIL) | observed))
    found, kind, is_cas = objects(table, rows), kind[rows], is_cas[rows]
    first, second = _arguments(table, found, is_cas)
    answers = np.array([name in _ANSWERS for name in kinds], np.bool_)[kind]
    cells = np.concatenate((first, second, np.where(answers, found.result, NO_CELL)))
    codes, values = _coded(table, cells)
    first_code, second_code, answer = codes.reshape(3, len(rows))
    known = table.outcome[rows] != INFO
    result = np.where(answers, answer, NIL)
    result[is_cas] = _applied(table, found, rows)[is_cas]
    if model == "mutex":
        result = np.where(table.values.kinds_at(found.result) == Kind.FALSE, FALSE, NIL)
    no_argument = _without_argument(kinds)[kind]
    if model == "counter":
        added = table.values.kinds_at(np.where(no_argument, NO_CELL, first))
        _refuse(table, rows, ~np.isin(added, _NUMBERS), "a number")
        no_argument |= added == Kind.NIL  # by 1
    return Calls(
        key=found.key.astype(np.int32),
        keys=[frozen(name) for name in table.values.objects(found.names)],
        call_ns=table.call_ns[rows],
        return_ns=np.where(known, table.return_ns[rows], NEVER),
        kind=kind.astype(np.uint8),
        kinds=kinds,
        first=np.where(no_argument, ABSENT, first_code).astype(np.int32),
        second=np.where(is_cas, second_code, ABSENT).astype(np.int32),
        result=np.where(known, result, ABSENT).astype(np.int32),
        known=known,
        values=values,
        id=table.id[rows],
        process=table.process[rows].astype(np.int32),
    )


def whole_calls(table: Table, model: Model) -> Calls:
    """Return the operations on an object with parts that are named in its arguments.

    Raises MisshapenError for arguments that are none of the model's: it has no answer to them. O(n).
    """
    calls = plain_calls(table)
    calls = calls.take(np.array([kind not in ASIDE for kind in calls.kinds], np.bool_)[calls.kind])
    begin = model.init()
    for row in range(len(calls)):
        called = calls.call(row)
        if not model.step(begin, replace(called, result=UNKNOWN)):
            raise MisshapenError(
                f"operation {calls.id[row]}, {model.describe(called)}, is none of a {model.name}"
            )
    return calls


def plain_calls(table: Table) -> Calls:
    """Return the operations as they were called, with all arguments: what is left to a model that knows them.

    All are on one object: such a model may tell its parts. O(n), some microseconds an operation.
    """
    builder = CallsBuilder()
    for operation in table.operations():
        if operation.outcome is not Outcome.FAIL:
            known = operation.outcome is Outcome.OK
            builder.add(
                id=operation.id,
                f=operation.f,
                args=operation.args,
                result=operation.value if known else UNKNOWN,
                call_ns=operation.call_ns,
                return_ns=operation.return_ns if known else None,
                process=operation.process,
            )
    return builder.build()


def _without_argument(kinds: tuple[str, ...]) -> NDArray[np.bool_]:
    return np.array([name in ("read", "get", "dequeue", "acquire", "release") for name in kinds], np.bool_)


def _arguments(table: Table, found: Objects, is_cas: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """Return the cells of both arguments; a compare-and-set whose values are one pair has them apart."""
    alone = is_cas & (found.second == NO_CELL)
    paired = alone & (table.values.kinds_at(found.first) == Kind.LIST)
    paired[paired] = table.values.size[found.first[paired]] == 2
    _refuse(table, found.rows, alone & ~paired, "two values")
    if not paired.any():
        return found.first, found.second
    inside = table.values.payload[np.where(paired, found.first, 0)]
    return np.where(paired, inside, found.first), np.where(paired, inside + 1, found.second)


def _refuse(table: Table, rows: Ints, wrong: NDArray[np.bool_], expected: str) -> None:
    """Raise MisshapenError if the arguments in any of the rows are wrong."""
    if wrong.any():
        row = int(rows[np.flatnonzero(wrong)[0]])
        raise MisshapenError(f"{expected} was expected as arguments of {told(table, row)}")


def _applied(table: Table, found: Objects, rows: Ints) -> Ints:
    """Return whether each compare-and-set was done: our own say so, Jepsen's are done if they are ok."""
    refused = (table.values.kinds_at(found.result) == Kind.FALSE) | (table.outcome[rows] == FAIL)
    return np.where(refused, FALSE, TRUE)


def _coded(table: Table, cells: Ints) -> tuple[Ints, list[Any]]:
    """Return codes of cells, and the values that they stand for: None, False and True in any case."""
    told = identified(table.values, cells)
    distinct = cells[told.first]
    kinds = table.values.kinds_at(distinct)
    fixed = {Kind.NIL: NIL, Kind.FALSE: FALSE, Kind.TRUE: TRUE}
    others = ~np.isin(kinds, tuple(fixed))
    new = np.cumsum(others) - 1 + len(fixed)
    for kind, code in fixed.items():
        new[kinds == kind] = code
    values = [None, False, True, *map(frozen, table.values.objects(distinct[others]))]
    return new[told.codes], values
