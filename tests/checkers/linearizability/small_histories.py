"""Small random histories of every model: concurrent, with equal times, unknown outcomes and wrong answers."""

import random
from collections.abc import Callable
from typing import Any

from brute_orders import Op

from checkers.linearizability.columns import NEVER, Calls, CallsBuilder
from checkers.linearizability.model import UNKNOWN, Call, Model
from checkers.linearizability.models import MODELS

Draw = Callable[[random.Random], tuple[str, tuple[Any, ...]]]


def _register(r: random.Random) -> tuple[str, tuple[Any, ...]]:
    return r.choice((("read", ()), ("write", (r.randrange(3),))))


def _cas_register(r: random.Random) -> tuple[str, tuple[Any, ...]]:
    expected = r.choice((None, 0, 1, 2))
    return r.choice((("read", ()), ("write", (r.randrange(3),)), ("cas", (expected, r.randrange(3)))))


def _multi(r: random.Random) -> tuple[str, tuple[Any, ...]]:
    pairs = tuple((name, r.randrange(2)) for name in sorted(r.sample("xy", r.randrange(1, 3))))
    return r.choice((("read", ()), ("write", (pairs,))))


def _set(r: random.Random) -> tuple[str, tuple[Any, ...]]:
    f = r.choice(("read", "add", "add", "remove", "contains"))
    return f, () if f == "read" else (r.randrange(3),)


def _queue(r: random.Random) -> tuple[str, tuple[Any, ...]]:
    return r.choice((("enqueue", (r.randrange(6),)), ("dequeue", ())))


def _list(r: random.Random) -> tuple[str, tuple[Any, ...]]:
    return r.choice((("append", (r.randrange(6),)), ("read", ())))


def _text(r: random.Random) -> tuple[str, tuple[Any, ...]]:
    return r.choice((("put", (r.choice("ab"),)), ("append", (r.choice("ab"),)), ("get", ())))


def _mutex(r: random.Random) -> tuple[str, tuple[Any, ...]]:
    return r.choice((("acquire", ()), ("release", ())))


def _counter(r: random.Random) -> tuple[str, tuple[Any, ...]]:
    return r.choice((("increment", (r.randrange(1, 3),)), ("decrement", ()), ("read", ())))


DRAWS: dict[str, Draw] = {
    "register": _register,
    "cas-register": _cas_register,
    "multi-register": _multi,
    "mutex": _mutex,
    "counter": _counter,
    "set": _set,
    "fifo-queue": _queue,
    "unordered-queue": _queue,
    "list-append": _list,
    "kv-append": _text,
}

ANSWERS: dict[str, tuple[Any, ...]] = {
    "read": (None, 0, 1, 2, (), (0,), (1, 2), (("x", 1),), (("x", 0), ("y", 1)), 3),
    "cas": (True, False),
    "contains": (True, False),
    "remove": (None, True, False),
    "add": (None, True, False),
    "dequeue": (None, 0, 1, 2),
    "acquire": (None, True, False),
    "release": (None, True, False),
    "increment": (None, 1, 2, 3),
    "get": ("", "a", "ab", "b"),
}


def answer(model: Model, state: Any, f: str, args: tuple[Any, ...], r: random.Random) -> Any:
    """Return an answer that is possible in this state."""
    candidates = list(ANSWERS.get(f, (None,)))
    if f == "read" and model.name in ("set", "list-append"):
        candidates = [tuple(sorted(state)) if model.name == "set" else state]
    elif f == "read" and model.name == "multi-register":
        candidates += [tuple((name, dict(state).get(name, model.start)) for name in "xy")]
    elif f == "read":
        candidates += [state]
    elif f == "get":
        candidates = [state]
    elif f == "dequeue":
        candidates += list(range(6))
    fitting = [each for each in candidates if model.step(state, Call(f=f, args=args, result=each))]
    return r.choice(fitting or candidates)


def history(name: str, seed: int, *, most: int = 7, model: Model | None = None) -> tuple[Op, ...]:
    """Return a history of up to `most` operations, about half of them linearizable by making."""
    r = random.Random(seed)
    model = model or MODELS[name]
    count = r.randrange(1, most + 1)
    spread = r.choice((2, 4, 8, 16))
    intervals = []
    for _ in range(count):
        effect = r.randrange(spread)
        intervals.append((effect - r.randrange(3), effect, effect + r.randrange(4)))
    intervals.sort(key=lambda each: each[1])
    wrong = r.choice((0.0, 0.0, 0.15, 0.4))
    state = model.init()
    ops = []
    for call_ns, _, return_ns in intervals:
        f, args = DRAWS[name](r)
        result = answer(model, state, f, args, r)
        call = Call(f=f, args=args, result=result)
        unknown = r.random() < 0.2
        if not unknown or r.random() < 0.5:
            after = model.step(state, Call(f=f, args=args, result=UNKNOWN) if unknown else call)
            state = r.choice(after) if after else state
        if r.random() < wrong:
            result = r.choice(ANSWERS.get(f, (None,)))
        answered = UNKNOWN if unknown else result
        ops.append(
            Op(
                call=Call(f=f, args=args, result=answered),
                call_ns=call_ns,
                return_ns=NEVER if unknown else return_ns,
            )
        )
    r.shuffle(ops)
    return tuple(ops)


def unique(seed: int, *, most: int = 9) -> tuple[Op, ...]:
    """Return a history of a compare-and-set register in which every value is written once."""
    r = random.Random(seed)
    count = r.randrange(1, most + 1)
    spread = r.choice((2, 4, 8, 16))
    effects = sorted(r.randrange(spread) for _ in range(count))
    wrong = r.choice((0.0, 0.0, 0.1, 0.3))
    past: list[int | None] = [None]
    state: int | None = None
    ops = []
    for number, effect in enumerate(effects, start=1):
        f = r.choice(("read", "read", "write", "cas", "cas"))
        expected = state if r.random() < 0.6 else r.choice((*past, count + 1))
        args = {"read": (), "write": (number,), "cas": (expected, number)}[f]
        result = {"read": state, "write": None, "cas": expected == state}[f]
        unknown = r.random() < 0.25
        if f == "write" or (f == "cas" and expected == state):
            if not unknown or r.random() < 0.5:
                state = number
            past.append(number)
        if r.random() < wrong:
            result = {"read": r.choice(past), "write": None, "cas": not result}[f]
        ops.append(
            Op(
                call=Call(f=f, args=args, result=UNKNOWN if unknown else result),
                call_ns=effect - r.randrange(4),
                return_ns=NEVER if unknown else effect + r.randrange(4),
            )
        )
    r.shuffle(ops)
    return tuple(ops)


def chained(seed: int, *, count: int = 40) -> tuple[Op, ...]:
    """Return a sound history of unique values with long chains of compare-and-sets.

    Some are refused that expect what was there: a write of unknown outcome, seen by nobody, came just before them.
    """
    r = random.Random(seed)
    state: int | None = None
    kinds: list[str] = []
    while len(kinds) < count:
        kinds += r.choices((["read"], ["cas"], ["write"], ["lost", "refused", "write"]), (2, 8, 1, 1))[0]
    ops = []
    before = state
    for number, kind in enumerate(kinds, start=1):
        f = {"lost": "write", "refused": "cas"}.get(kind, kind)
        args = {"read": (), "write": (number,), "cas": (before if kind == "refused" else state, number)}[f]
        result = {"read": state, "write": None, "cas": kind == "cas"}[f]
        before = state
        state = number if f == "write" or kind == "cas" else state
        known, wide = kind != "lost", r.choice((1, 4, 4, 8, 15))
        ops.append(
            Op(
                call=Call(f=f, args=args, result=result if known else UNKNOWN),
                call_ns=10 * number - r.randrange(wide),
                return_ns=10 * number + r.randrange(wide) if known else NEVER,
            )
        )
    return tuple(ops)


def calls_of(ops: tuple[Op, ...]) -> Calls:
    """Return a history as columns; row i is operation i."""
    builder = CallsBuilder()
    for number, op in enumerate(ops):
        builder.add(
            id=number,
            f=op.call.f,
            args=op.call.args,
            result=op.call.result,
            call_ns=op.call_ns,
            return_ns=op.return_ns,
        )
    return builder.build()
