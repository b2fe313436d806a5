"""Objects, one operation at a time: what each model lets happen next.

A state is any JSON value. Each step takes a state, what is done, its arguments and its answer, and returns
the states that there may be afterwards: none where that answer is impossible. ANY stands for an answer that
is not known.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from checkers.verifier.history import NEVER, Call, History, Refused

ANY = object()

Step = Callable[[Any, str, list[Any], Any], tuple[Any, ...]]

TOGETHER = "together"
"""What a transaction does to one object, at one instant: its arguments are the parts."""

_WRITES = ("write", "append", "add")

_ASIDE = ("peek", "get_within")
"""Reads of one node, which may be stale: they change nothing, and are judged elsewhere."""

_WORDS = {
    "get": "read",
    "put": "write",
    "increment": "add",
    "inc": "add",
    "dec": "decrement",
    "sub": "decrement",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """An operation on one object, in the words of the models: it `must` have happened by `back_ns`, or may."""

    id: int
    f: str
    args: list[Any]
    answer: Any
    call_ns: int
    back_ns: float
    must: bool


def text(value: Any) -> str:
    """Return a value as text that is equal for equal values; True is no 1."""
    return json.dumps(value, sort_keys=True)


def operations(history: History, key: Any, model: str, start: Any) -> dict[int, Done]:
    """Return the operations on an object that happened, or may have, by id; the key None is for all.

    What the object begins as, `start`, may be seen without anybody having written it.
    """
    calls = history if key is None else history.about(text(key))
    found = {}
    for call in calls:
        if call.outcome != "fail":
            done = _done(call, _on(call, key), model)
            if done is not None:
                found[call.id] = done
    if model == "counter":
        return found  # what was added shows in no read: it may be the sum of others
    return {id: _seen(each, found.values(), start) for id, each in found.items()}


Part = tuple[str, list[Any], Any]
"""What is done to an object: its name, its arguments, and its answer."""


def _on(call: Call, key: Any) -> list[Part]:
    """Return what a call did to an object, in its order: several things, if it is a transaction."""
    if key is None:
        return [(call.f, call.args, call.value)]
    if call.f != "txn":
        return [(call.f, call.args[1:], call.value)]
    answers = call.value if call.happened else call.args[0]
    return [
        (f, args, answer[2])
        for (f, one, *args), answer in zip(call.args[0], answers, strict=True)
        if text(one) == text(key)
    ]


def _done(call: Call, parts: list[Part], model: str) -> Done | None:
    """Return what was done in the words of a model; None for what is passed over.

    Raises Refused for what the model does not know: it may have changed anything.
    """
    told: list[Part] = []
    for name, args, answer in parts:
        f = _WORDS.get(name, name)
        if f in _ASIDE:
            return None
        if f not in _DOES[model]:
            raise Refused(f"operation {call.id} does {f}, which no {model} knows")
        told.append((f, [] if f in ("read", "dequeue") else args, answer if call.happened else ANY))
    f, args, answer = told[0] if len(told) == 1 else (TOGETHER, told, None)
    return Done(
        id=call.id,
        f=f,
        args=args,
        answer=answer,
        call_ns=call.call_ns,
        back_ns=call.back_ns if call.happened else NEVER,
        must=call.happened,
    )


def _seen(done: Done, others: Iterable[Done], start: Any) -> Done:
    """Return an unknown operation as one that happened, if somebody saw what only it can have written."""
    values = [] if done.must else [args[0] for f, args, _ in _parts(done) if f in _WRITES and args]
    saw = []
    for value in map(text, (each for each in values if isinstance(each, int) and text(each) != text(start))):
        if [each.id for each in others if _names(each, value)] == [done.id]:
            saw += [each.back_ns for each in others if each.must and _shows(each, value)]
    return replace(done, must=True, back_ns=min(saw)) if saw else done


def _parts(done: Done) -> list[Part]:
    return done.args if done.f == TOGETHER else [(done.f, done.args, done.answer)]


def _names(done: Done, value: str) -> bool:
    """Tell whether an operation may have put a value there."""
    return any(f != "contains" and value in map(text, args) for f, args, _ in _parts(done))


def _shows(done: Done, value: str) -> bool:
    """Tell whether a read of somebody shows a value."""
    answers = [answer for f, _, answer in _parts(done) if f == "read"]
    return any(
        value in map(text, answer) if isinstance(answer, list) else text(answer) == value
        for answer in answers
    )


def _register(state: Any, f: str, args: list[Any], answer: Any) -> tuple[Any, ...]:
    match f, args:
        case "read", _:
            return (state,) if answer is ANY or text(answer) == text(state) else ()
        case "write", [value]:
            return (value,)
        case "cas", [expected, new]:
            applied = text(state) == text(expected)
            return (
                () if answer is not ANY and (answer is not False) != applied else (new if applied else state,)
            )
    return ()


def _mutex(state: Any, f: str, _: list[Any], answer: Any) -> tuple[Any, ...]:
    wanted = f == "acquire"
    if answer is ANY:
        return (wanted,)
    refused = answer is False
    return (state if refused else wanted,) if (state is wanted) is refused else ()


def _counter(state: Any, f: str, args: list[Any], answer: Any) -> tuple[Any, ...]:
    if f == "read":
        return (state,) if answer is ANY or text(answer) == text(state) else ()
    by = 1 if args in ([], [None]) else args[0]
    return (state - by if f == "decrement" else state + by,)


def _set(state: Any, f: str, args: list[Any], answer: Any) -> tuple[Any, ...]:
    if f == "read":
        return (state,) if answer is ANY or sorted(map(text, answer or [])) == state else ()
    one = text(args[0])
    if f == "contains":
        return (state,) if answer is ANY or answer is (one in state) else ()
    return (sorted({*state, one} - ({one} if f == "remove" else set())),)


def _list(state: Any, f: str, args: list[Any], answer: Any) -> tuple[Any, ...]:
    if f == "append":
        return ([*state, args[0]],)
    return (state,) if answer is ANY or text(answer or []) == text(state) else ()


def _text(state: Any, f: str, args: list[Any], answer: Any) -> tuple[Any, ...]:
    if f == "read":
        return (state,) if answer is ANY or (answer or "") == state else ()
    return (args[0] if f == "write" else state + args[0],)


def _fifo(state: Any, f: str, args: list[Any], answer: Any) -> tuple[Any, ...]:
    if f == "enqueue":
        return ([*state, args[0]],)
    head = state[0] if state else None
    return (state[1:],) if answer is ANY or text(answer) == text(head) else ()


def _bag(state: Any, f: str, args: list[Any], answer: Any) -> tuple[Any, ...]:
    if f == "enqueue":
        return (sorted([*state, text(args[0])]),)
    if answer is None or not state:
        return (state,) if not state and (answer is None or answer is ANY) else ()
    taken = sorted(set(state)) if answer is ANY else [text(answer)] if text(answer) in state else []
    return tuple([*state[: state.index(one)], *state[state.index(one) + 1 :]] for one in taken)


_UNWRITTEN = ""
"""Where several registers have what each of them holds that nobody wrote; no name is so as text."""


def _several(state: Any, f: str, args: list[Any], answer: Any) -> tuple[Any, ...]:
    held = dict(state)
    for writes, name, value in _accesses(f, args, answer):
        if writes:
            held[text(name)] = value
        elif value is not ANY and text(held.get(text(name), held[_UNWRITTEN])) != text(value):
            return ()
    return (held,)


def _accesses(f: str, args: list[Any], answer: Any) -> list[tuple[bool, Any, Any]]:
    """Return what is done to several registers, in its order: whether it writes, the name, and the value."""
    silent = answer is ANY or answer is None
    if f == "write":
        return [(True, name, value) for name, value in _rows(args, 2)]
    if f == "read":
        return [] if silent else [(False, name, value) for name, value in _rows([answer], 2)]
    asked = _rows(args, 3)
    answers = asked if silent else _rows([answer], 3)
    if [name for _, name, _ in asked] != [name for _, name, _ in answers]:
        raise Refused(f"{text(answers)} is no answer to {text(asked)}")
    found = []
    for (kind, name, value), (_, _, shown) in zip(asked, answers, strict=True):
        if kind not in ("r", "read", "w", "write"):
            raise Refused(f"no multi-register knows {kind!r}")
        writes = kind in ("w", "write")
        found.append((writes, name, value if writes else ANY if silent else shown))
    return found


def _rows(args: list[Any], size: int) -> list[Any]:
    """Return the rows of the one argument that there is: lists of one size, or a mapping as pairs."""
    told = args[0] if len(args) == 1 else None
    rows = list(told.items()) if isinstance(told, dict) else told
    if not isinstance(rows, list) or not all(
        isinstance(each, list | tuple) and len(each) == size for each in rows
    ):
        raise Refused(f"{text(args)} is not of several registers")
    return rows


_REGISTER = frozenset({"read", "write", "cas"})
_QUEUE = frozenset({"enqueue", "dequeue"})

_MODELS: dict[str, tuple[Any, Step, frozenset[str]]] = {
    "register": (None, _register, _REGISTER - {"cas"}),
    "cas-register": (None, _register, _REGISTER),
    "mutex": (False, _mutex, frozenset({"acquire", "release"})),
    "counter": (0, _counter, frozenset({"read", "add", "decrement"})),
    "set": ([], _set, frozenset({"read", "add", "remove", "contains"})),
    "list-append": ([], _list, frozenset({"read", "append"})),
    "kv-append": ("", _text, frozenset({"read", "write", "append"})),
    "fifo-queue": ([], _fifo, _QUEUE),
    "unordered-queue": ([], _bag, _QUEUE),
    "multi-register": ({_UNWRITTEN: None}, _several, frozenset({"read", "write", "txn"})),
}

_DOES = {name: does for name, (_, _, does) in _MODELS.items()}


def model(name: Any, start: Any = None) -> tuple[Any, Step]:
    """Return the state that a model begins with, and its step; raises Refused for what is no model.

    With a `start` registers hold that before anybody writes, and counters count from there; nothing else has one.
    """
    if name not in _MODELS:
        raise Refused(f"no model is called {name!r}; allowed: {', '.join(_MODELS)}")
    begin, alone, _ = _MODELS[name]
    if start is not None:
        begin = _begun(name, start)

    def step(state: Any, f: str, args: list[Any], answer: Any) -> tuple[Any, ...]:
        if f != TOGETHER:
            return alone(state, f, args, answer)
        states: tuple[Any, ...] = (state,)
        for part in args:
            states = tuple(after for each in states for after in alone(each, *part))
        return states

    return begin, step


GROWING = ("list-append", "set")
"""The models of which nothing is taken away, but for what is removed from a set."""


def lost(some: Iterable[Done], every: Iterable[Done]) -> bool:
    """Tell whether one of some operations lacks an element that another one before it left or saw.

    Of lists, and of sets from which none of all operations removes anything, that is impossible in any state.
    """
    if any(f == "remove" for each in every for f, _, _ in _parts(each)):
        return False
    order = sorted(some, key=lambda each: each.call_ns)
    return any(
        _elements(first) - _elements(later)
        for later in order
        for first in order
        if first.must and first.back_ns < later.call_ns and _reads(later)
    )


def _elements(done: Done) -> set[str]:
    """Return the elements that surely were there when an operation was over."""
    found: set[str] = set()
    for f, args, answer in _parts(done):
        if f == "read":
            found.update(map(text, answer if isinstance(answer, list) else []))
        elif f != "contains" or answer is True:
            found.update(map(text, args))
    return found


def _reads(done: Done) -> bool:
    """Tell whether the answer of an operation shows all elements."""
    return done.must and any(
        f == "read" and (answer is None or isinstance(answer, list)) for f, _, answer in _parts(done)
    )


def _begun(name: str, start: Any) -> Any:
    """Return the state of an object that begins otherwise than usual."""
    if name in ("register", "cas-register"):
        return start
    if name == "multi-register":
        return {_UNWRITTEN: start}
    if name == "counter" and isinstance(start, int | float) and not isinstance(start, bool):
        return start
    raise Refused(f"no {name} begins as {text(start)}")


REACHED = 100_000
"""How many steps are taken at most to find out which states can be reached at all."""


def all_states(done: Iterable[Done], name: str, begin: Any, step: Step) -> list[Any] | None:
    """Return every state that an object can be in at all, where that is known without a search."""
    if name == "mutex":
        return [False, True]
    if name == "multi-register":
        return _reachable(done, begin, step)
    if name not in ("register", "cas-register"):
        return None
    parts = (part for each in done for part in _parts(each))
    return [begin, *(args[-1] for f, args, _ in parts if f in ("write", "cas"))]


def _reachable(done: Iterable[Done], begin: Any, step: Step) -> list[Any] | None:
    """Return the states after all that was done, in any order and as often as one likes; None if too many."""
    moves = {text([each.f, each.args]): each for each in done if each.f != "read"}
    found = {text(begin): begin}
    todo = [begin]
    while todo:
        state = todo.pop()
        if len(found) * len(moves) > REACHED:
            return None
        for each in moves.values():
            for after in step(state, each.f, each.args, ANY):
                if text(after) not in found:
                    found[text(after)] = after
                    todo.append(after)
    return list(found.values())
