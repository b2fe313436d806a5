"""Objects with few states, as numbers only: what the compiled search runs.

Registers are told to it by kinds of operations; any other model whose states, all that its operations can reach,
are few enough becomes a table. What is neither has no program, and is searched depth first in Python.
"""

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from checkers.linearizability.automaton import REFUSED, Automaton
from checkers.linearizability.columns import ABSENT, NIL, Calls, value_code
from checkers.linearizability.model import From, Model
from checkers.linearizability.models.registers import CasRegister

READ, WRITE, CAS, CAS_REFUSED, CAS_UNKNOWN, TABLE, TABLE_OVERWRITES, IDLE = range(8)
"""Kinds of operations; of an IDLE one nothing is known and nothing depends on it."""

IMPOSSIBLE = -2
"""A value that no register holds."""

STATES, STEPS = 64, 20_000
"""How many states a table has at most, and how many steps of the model are asked for it."""


class Program(Struct, frozen=True, kw_only=True):
    """Operations by row, as `kind` with `a` and `b`: states, or for a TABLE the row of the table and the family.

    `table` has a column for each of `n_states`. `possible` gives the model's states that a number stands for.
    """

    kind: NDArray[np.uint8]
    a: NDArray[np.int32]
    b: NDArray[np.int32]
    table: NDArray[np.int32]
    n_states: int
    start: int
    possible: Callable[[int], tuple[Hashable, ...]]

    def changes(self) -> NDArray[np.bool_]:
        """Tell which rows may change the state."""
        changes: NDArray[np.bool_] = (self.kind == WRITE) | (self.kind == CAS) | (self.kind == CAS_UNKNOWN)
        rows = np.flatnonzero((self.kind == TABLE) | (self.kind == TABLE_OVERWRITES))
        table = self.table.reshape(-1, self.n_states)
        moving = ((table != np.arange(self.n_states)) & (table != REFUSED)).any(axis=1)
        changes[rows] = moving[self.a[rows]]
        return changes


def program(model: Model, calls: Calls) -> Program | None:
    """Return the program of these calls of one object, or None when it has too many states."""
    if is_register(model.model if isinstance(model, From) else model):
        return _register(model.init(), calls)
    automaton = Automaton(model)
    numbers = numbered(automaton, calls)
    steps = _closure(automaton)
    return None if steps is None else _table(automaton, numbers, steps, calls.known)


def is_register(model: Model) -> bool:
    """Tell whether the model's steps are those of a compare-and-set register."""
    return isinstance(model, CasRegister) and type(model).step is CasRegister.step


def numbered(automaton: Automaton, calls: Calls) -> NDArray[np.int32]:
    """Return the number of each row's call in the automaton."""
    rows = zip(
        calls.kind.tolist(), calls.first.tolist(), calls.second.tolist(), calls.result.tolist(),
        calls.known.tolist(), strict=True,
    )  # fmt: skip
    numbers: dict[tuple[Any, ...], int] = {}
    found = np.empty(len(calls), dtype=np.int32)
    for row, what in enumerate(rows):
        number = numbers.get(what)
        if number is None:
            number = numbers[what] = automaton.call(calls.call(row))
        found[row] = number
    return found


def _register(initial: Hashable, calls: Calls) -> Program:
    known = calls.known
    read, write, cas = (calls.kind == calls.code_of(f) for f in ("read", "write", "cas"))
    agreed, refused = (np.isin(calls.result, _codes(calls, cas, answer)) & known for answer in (True, False))
    kind = np.full(len(calls), READ, dtype=np.uint8)
    kind[read & ~known] = IDLE
    kind[write] = WRITE
    kind[cas & agreed] = CAS
    kind[cas & refused] = CAS_REFUSED
    kind[cas & ~known] = CAS_UNKNOWN
    a = np.where(read, np.where(calls.result == ABSENT, NIL, calls.result), calls.first)
    b = np.where(cas, calls.second, 0)
    odd = ~(read | write | cas) | (cas & known & ~(agreed | refused))
    odd |= (calls.second != ABSENT) != cas
    odd |= (calls.first == ABSENT) != read
    kind[odd], a[odd], b[odd] = READ, IMPOSSIBLE, 0
    held = np.unique(np.concatenate((a[kind != IDLE], b[(kind == CAS) | (kind == CAS_UNKNOWN)])))
    held = held[held != IMPOSSIBLE]
    start = NIL if initial is None else value_code(calls.values, held.tolist(), initial)
    held = np.union1d(held, [start])
    a = np.where((a == IMPOSSIBLE) | (kind == IDLE), a, np.searchsorted(held, a))
    b = np.where((kind == CAS) | (kind == CAS_UNKNOWN), np.searchsorted(held, b), 0)

    def possible(state: int) -> tuple[Hashable, ...]:
        code = int(held[state])
        return (initial if code == start else calls.values[code],)

    return Program(
        kind=kind,
        a=a.astype(np.int32),
        b=b.astype(np.int32),
        table=np.empty(0, dtype=np.int32),
        n_states=len(held),
        start=int(np.searchsorted(held, start)),
        possible=possible,
    )


def _codes(calls: Calls, rows: NDArray[np.bool_], answer: bool) -> list[int]:
    """Return the codes that stand for an answer, among the results of some rows."""
    codes = np.unique(calls.result[rows])
    return [code for code in codes.tolist() if code != ABSENT and calls.values[code] == answer]


def _closure(automaton: Automaton) -> list[list[int]] | None:
    """Return the steps of every reachable state, by state and call; None when there are too many."""
    steps: list[list[int]] = []
    while len(steps) < len(automaton.states):
        states = len(automaton.states)
        if states > STATES or states * len(automaton.calls) > STEPS:
            return None
        state = len(steps)
        steps.append([automaton.step(state, call) for call in range(len(automaton.calls))])
    return steps


def _table(
    automaton: Automaton, numbers: NDArray[np.int32], steps: list[list[int]], known: NDArray[np.bool_]
) -> Program:
    table = np.array(steps, dtype=np.int32).reshape(len(steps), len(automaton.calls)).T
    idle = ((table == np.arange(len(steps))) | (table == REFUSED)).all(axis=1)
    kind = np.where(np.array(automaton.overwrites, dtype=np.bool_)[numbers], TABLE_OVERWRITES, TABLE)
    kind[idle[numbers] & ~known] = IDLE
    return Program(
        kind=kind.astype(np.uint8),
        a=numbers,
        b=np.array(automaton.families, dtype=np.int32)[numbers],
        table=np.ascontiguousarray(table).reshape(-1),
        n_states=len(steps),
        start=automaton.start,
        possible=automaton.states.__getitem__,
    )
