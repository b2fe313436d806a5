"""What must not change a verdict on objects: other times, names and values, company, what nobody knows of."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from brute_orders import Op
from msgspec.structs import replace
from small_histories import calls_of, history, unique

from checkers.linearizability import MODELS, Calls, CallsBuilder, Result, check, engine
from checkers.linearizability.columns import NEVER
from checkers.linearizability.model import Call
from harness.verdict import Verdict

HISTORIES = 40
UNIQUE = "cas-register, unique values"
KINDS = (*MODELS, UNIQUE)

kinds = pytest.mark.parametrize("kind", KINDS)


def ops_of(kind: str, seed: int) -> tuple[Op, ...]:
    return unique(seed) if kind == UNIQUE else history(kind, seed)


def judged(kind: str, what: tuple[Op, ...] | Calls) -> Result:
    calls = what if isinstance(what, Calls) else calls_of(what)
    return check(calls, MODELS["cas-register" if kind == UNIQUE else kind])


@pytest.fixture(autouse=True, params=[True, False], ids=["compiled", "interpreted"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Search in both ways."""
    if not request.param:
        monkeypatch.setattr(engine, "COMPILED", False)


@kinds
def test_times_may_be_shifted_and_stretched(kind: str) -> None:
    for seed in range(HISTORIES):
        ops = ops_of(kind, seed)
        for factor, shift in ((1, 10**15), (7, -(10**15)), (10**9, 3)):
            moved = tuple(
                replace(
                    op,
                    call_ns=factor * op.call_ns + shift,
                    return_ns=NEVER if op.return_ns == NEVER else factor * op.return_ns + shift,
                )
                for op in ops
            )
            assert judged(kind, moved).verdict is judged(kind, ops).verdict, (seed, ops)


@kinds
def test_who_did_it_and_in_which_row_it_is_do_not_matter(kind: str) -> None:
    for seed in range(HISTORIES):
        ops = ops_of(kind, seed)
        calls, expected = calls_of(ops), judged(kind, ops).verdict
        others = np.arange(len(calls), dtype=np.int32)[::-1].copy()
        assert judged(kind, replace(calls, process=others, id=1000 - calls.id)).verdict is expected
        rows = list(range(len(ops)))
        random.Random(seed).shuffle(rows)
        assert judged(kind, calls.take(np.array(rows))).verdict is expected, (seed, ops)


def named(value: Any) -> Any:
    """Return another value, a different one for each."""
    if isinstance(value, tuple):
        return tuple(map(named, value))
    if isinstance(value, str):
        return value.translate(str.maketrans("abxy", "pqrs"))
    return f"v{value}" if type(value) is int else value


def tripled(value: Any) -> Any:
    return 3 * value if type(value) is int else value


def renamed(call: Call, rename: Callable[[Any], Any]) -> Call:
    args = call.args
    if call.f in ("increment", "decrement"):
        args = args or (1,)
    return Call(f=call.f, args=tuple(map(rename, args)), result=rename(call.result))


@kinds
def test_values_may_have_other_names(kind: str) -> None:
    rename = tripled if kind == "counter" else named
    for seed in range(HISTORIES):
        ops = ops_of(kind, seed)
        others = tuple(replace(op, call=renamed(op.call, rename)) for op in ops)
        assert judged(kind, others).verdict is judged(kind, ops).verdict, (seed, ops)


@kinds
def test_what_is_not_known_to_have_happened_may_be_dropped(kind: str) -> None:
    """Without it nothing more is explained, and no less if an order could do without."""
    dropped = 0
    for seed in range(HISTORIES):
        ops = ops_of(kind, seed)
        result = judged(kind, ops)
        orders = [set(each.order) for each in result.linearizations(calls_of(ops))]
        for index, op in enumerate(ops):
            needed = result.verdict is Verdict.HOLDS and any(index in order for order in orders)
            if not op.known and not needed:
                dropped += 1
                fewer = ops[:index] + ops[index + 1 :]
                assert judged(kind, fewer).verdict is result.verdict, (seed, index, ops)
    assert dropped > 10


@kinds
def test_objects_have_the_verdicts_that_they_have_alone(kind: str) -> None:
    rows = [(seed, op) for seed in range(HISTORIES) for op in ops_of(kind, seed)]
    random.Random(1).shuffle(rows)
    builder = CallsBuilder()
    for number, (key, op) in enumerate(rows):
        builder.add(
            id=number, key=key, f=op.call.f, args=op.call.args, result=op.call.result,
            call_ns=op.call_ns, return_ns=op.return_ns,
        )  # fmt: skip
    together = {each.key: each.verdict for each in judged(kind, builder.build()).objects}
    assert together == {seed: judged(kind, ops_of(kind, seed)).verdict for seed in range(HISTORIES)}
