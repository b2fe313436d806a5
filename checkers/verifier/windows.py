"""Certificates about single objects: a linearization, or a window of operations of which no order is possible."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from checkers.verifier.fields import field
from checkers.verifier.history import History, Refused
from checkers.verifier.objects import GROWING, Done, all_states, lost, model, operations, text
from checkers.verifier.orders import TooLarge, check_order, some_order, states_after


def check_linearization(claim: Mapping[str, Any], history: History) -> str:
    """Check an order of all operations on an object; raises Refused. O(n) steps of the model."""
    name, start = field(claim, "model", str), claim.get("start")
    begin, step = model(name, start)
    known = operations(history, claim.get("key"), name, start)
    order = field(claim, "order", list)
    if len(set(map(text, order))) < len(order):
        raise Refused("the order has an operation twice")
    missing = [each.id for each in known.values() if each.must and each.id not in set(order)]
    if missing:
        raise Refused(f"the order lacks operation {missing[0]}, which happened")
    for id in order:
        if id not in known:
            raise Refused(f"operation {id!r} is none of this object, or failed")
    check_order([known[id] for id in order], begin, step)
    return f"{_named(claim)}: an order of {len(order)} operations explains all answers"


def check_window(claim: Mapping[str, Any], history: History) -> str:
    """Check that no order of a window's operations is possible, by trying all; raises Refused and TooLarge.

    Which operations may have happened besides the required ones is not believed, but looked up in the
    history.
    """
    name, start = field(claim, "model", str), claim.get("start")
    begin, step = model(name, start)
    known = operations(history, claim.get("key"), name, start)
    parts = field(claim, "operations", list)
    required = {field(each, "id", int) for each in parts if field(each, "role", str) == "required"}
    if not required <= known.keys():
        raise Refused(f"operation {min(required - known.keys())} is none of this object, or failed")
    if not all(known[id].must for id in required):
        raise Refused("an operation that need not have happened is required")
    if not required:
        raise Refused("nothing is required: any order will do")
    until_ns = max(known[id].back_ns for id in required)
    from_ns = claim.get("from_ns")
    since_ns = -1 if from_ns is None else field(claim, "from_ns", int)
    if any(known[id].call_ns < since_ns for id in required):
        raise Refused("a required operation was called before the window begins")
    if claim.get("any_state") is True and name in GROWING:
        if not lost([known[id] for id in required], known.values()):
            raise Refused(f"{_named(claim)}: no read lacks what was there before it, for ever")
        return f"{_named(claim)}: of {len(required)} operations a later one lacks what an earlier one left or saw"
    states = [begin]
    if claim.get("any_state") is True:
        every = all_states(known.values(), name, begin, step)
        if every is None:
            raise TooLarge
        states = every
    elif from_ns is not None:
        states = states_after(_before(known, since_ns), begin, step)
    within = [
        each if id in required else replace(each, must=False)
        for id, each in known.items()
        if id in required or (each.call_ns <= until_ns and each.back_ns >= since_ns and _changes(each))
    ]
    if some_order(within, states, step):
        raise Refused(f"{_named(claim)}: the required operations can be ordered")
    return f"{_named(claim)}: no order of {len(required)} operations is possible"


def _before(known: Mapping[int, Done], since_ns: int) -> list[Done]:
    """Return what happened, or may have, before an instant; only what had returned by then must have."""
    return [
        replace(each, must=each.must and each.back_ns < since_ns)
        for each in known.values()
        if each.call_ns < since_ns and (each.back_ns < since_ns or _changes(each))
    ]


def _changes(done: Done) -> bool:
    return done.f not in ("read", "contains")


def _named(claim: Mapping[str, Any]) -> str:
    key, start = claim.get("key"), claim.get("start")
    named = str(claim["model"]) if key is None else f"{claim['model']} {key}"
    return named if start is None else f"{named}, begun as {text(start)}"
