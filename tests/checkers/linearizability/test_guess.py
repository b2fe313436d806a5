"""Orders that need no search, and operations that happen together."""

import random

import numpy as np
import pytest
from brute_orders import Op, explains, linearizable
from msgspec.structs import replace
from small_histories import DRAWS, answer, calls_of, history

from checkers.linearizability import MODELS, UNKNOWN, Call, check
from checkers.linearizability.columns import NEVER
from checkers.linearizability.composed import TOGETHER, Composed
from checkers.linearizability.guess import guess
from checkers.linearizability.traces import settle
from harness.verdict import Verdict


@pytest.mark.parametrize("name", ["list-append", "set", "fifo-queue"])
def test_what_is_guessed_is_an_order_and_mostly_there_is_one(name: str) -> None:
    model = MODELS[name]
    holding = guessed = 0
    for seed in range(400):
        ops = history(name, seed)
        calls = calls_of(ops)
        rows = np.argsort(calls.call_ns, kind="stable")
        kept, by_ns = settle(model, calls)
        rows = rows[kept[rows]]
        found = guess(model, calls.take(rows), by_ns[rows])
        holds = linearizable(model, ops)
        holding += holds
        if found is not None:
            guessed += 1
            assert holds and explains(model, ops, rows[found].tolist())
    assert guessed > 0.7 * holding


def test_what_the_longest_read_does_not_show_comes_behind_what_it_shows() -> None:
    """Ten appends of unknown outcome that one read shows, and one that returns before that read: 10! orders."""
    seen = tuple(range(10))
    ops = [
        Op(call=Call(f="append", args=(value,), result=UNKNOWN), call_ns=value, return_ns=NEVER)
        for value in seen
    ]
    ops.append(Op(call=Call(f="append", args=(11,), result=None), call_ns=22, return_ns=30))
    read = Call(f=TOGETHER, args=((("append", (10,)), ("read", ())),), result=(None, (*seen, 10)))
    ops.append(Op(call=read, call_ns=21, return_ns=40))
    model, calls = Composed(MODELS["list-append"]), calls_of(tuple(ops))
    result = check(calls, model, time_limit_s=1.0)
    assert result.verdict is Verdict.HOLDS
    assert [each.order for each in result.linearizations(calls)] == [(*seen, 11, 10)]


def test_a_model_without_traces_is_not_guessed() -> None:
    calls = calls_of(history("cas-register", 1))
    assert guess(MODELS["cas-register"], calls, calls.return_ns) is None


def together(name: str, seed: int) -> tuple[Op, ...]:
    """Return a small history in which operations do up to two things at once."""
    r = random.Random(seed)
    model, plain = Composed(MODELS[name]), MODELS[name]
    state, ops, at = model.init(), [], 0
    for _ in range(r.randrange(2, 6)):
        at += r.randrange(3)
        parts = [DRAWS[name](r) for _ in range(r.randrange(1, 3))]
        answers = []
        now = state
        for f, args in parts:
            answers.append(answer(plain, now, f, args, r))
            now = next(iter(plain.step(now, Call(f=f, args=args, result=answers[-1]))), now)
        if r.random() < 0.25:
            answers[-1] = answer(plain, state, *parts[-1], r)
        known = r.random() > 0.2
        one = len(parts) == 1
        call = Call(
            f=parts[0][0] if one else TOGETHER,
            args=parts[0][1] if one else (tuple(parts),),
            result=UNKNOWN if not known else answers[0] if one else tuple(answers),
        )
        ops.append(
            Op(call=call, call_ns=at - r.randrange(3), return_ns=at + r.randrange(4) if known else NEVER)
        )
        state = now if known or r.random() < 0.5 else state
    return tuple(ops)


@pytest.mark.parametrize("name", ["list-append", "set", "cas-register"])
def test_operations_that_happen_together_are_judged_as_all_orders_say(name: str) -> None:
    seen = set()
    for seed in range(400):
        ops = together(name, seed)
        model = Composed(MODELS[name])
        result = check(calls_of(ops), model)
        assert (result.verdict is Verdict.HOLDS) is linearizable(model, ops), ops
        for order in result.linearizations(calls_of(ops)):
            assert explains(model, ops, list(order.order))
        seen.add(result.verdict)
    assert seen == {Verdict.HOLDS, Verdict.VIOLATED}


def test_what_a_call_did_itself_is_no_sight_of_another() -> None:
    model = Composed(MODELS["list-append"])
    parts = ((("append", (1,)), ("read", ())),)
    own = Call(f=TOGETHER, args=parts, result=(None, (1,)))
    assert model.traces(own) == ((1,),) and model.sees(own) == ()
    assert model.sees(replace(own, result=(None, (3, 1)))) == ((3,),)
    assert model.describe(own) == "append 1, read → [1]"
