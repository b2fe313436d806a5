"""Certificates of cycles of transactions: each step says why a transaction comes before the next one.

What a step claims is looked up in the history. A claim may skip some transactions in between that only wrote:
who overwrote a version later, comes after it all the same. The name of the cycle must fit the kinds of its
steps.
"""

from collections.abc import Mapping
from typing import Any

from checkers.verifier.fields import field
from checkers.verifier.history import Call, History, Refused
from checkers.verifier.micro import Micro, Transactions
from checkers.verifier.versions import comes_before


def check_cycle(claim: Mapping[str, Any], txns: Transactions, history: History, infer: list[Any]) -> str:
    """Check a cycle; raises Refused with the step that is wrong."""
    steps = field(claim, "steps", list)
    calls = [history[field(step, "id", int)] for step in steps]
    if len(calls) < 2 or len({call.id for call in calls}) < len(calls):
        raise Refused("a cycle has two transactions or more, each once")
    for call in calls:
        if call.id not in txns.by_id or not txns.happened(call):
            raise Refused(f"operation {call.id} is no transaction that surely happened")
    for step, one, other in zip(steps, calls, (*calls[1:], calls[0]), strict=True):
        _check_step(step, one, other, txns, infer)
    kinds = [field(step, "edge", str) for step in steps]
    name = _name(kinds)
    if claim.get("anomaly") != name:
        raise Refused(f"a cycle of {', '.join(kinds)} is {name}, not {claim.get('anomaly')}")
    return f"{name}: {' < '.join(f'T{call.id}' for call in (*calls, calls[0]))}"


def _check_step(step: Any, one: Call, other: Call, txns: Transactions, infer: list[Any]) -> None:
    edge = field(step, "edge", str)
    where = f"operation {one.id} before {other.id} ({edge})"
    if edge in ("process", "realtime"):
        if not _earlier(edge, one, other):
            raise Refused(f"{where}: it had not returned, or is of another process")
        return
    before, after = txns.at(step.get("before")), txns.at(step.get("after"))
    if before.call.id != one.id or after.call.id != other.id or before.key != after.key:
        raise Refused(f"{where}: what is named is not of these two, or of different keys")
    if any(micro.reads and not micro.call.happened for micro in (before, after)):
        raise Refused(f"{where}: what a transaction of unknown outcome read is not known")
    if (before.reads, after.reads) != {"ww": (False, False), "wr": (False, True), "rw": (True, False)}.get(
        edge
    ):
        raise Refused(f"{where}: these do not read and write as {edge} says")
    problem = _problem(edge, before, after, txns, infer)
    if problem:
        raise Refused(f"{where}: {problem}")


def _earlier(edge: str, one: Call, other: Call) -> bool:
    if edge == "realtime":
        return one.back_ns < other.call_ns
    return one.process == other.process and one.back_ns <= other.call_ns


def _problem(edge: str, before: Micro, after: Micro, txns: Transactions, infer: list[Any]) -> str:
    """Return what is wrong with a dependency, or nothing."""
    for micro in (before, after):
        if not micro.reads and txns.writer(micro.key, micro.values[0]) != micro:
            return "its write can't be told from another"
    if txns.lists:
        return _of_lists(edge, before, after, txns)
    for micro in (before, after):
        if not micro.reads and txns.last_write(micro) != micro:
            return "a version that its own transaction overwrote has no place in the order"
    if edge == "wr":
        return "" if after.values == before.values else "the value is another one"
    if before.reads and any(
        each.key == before.key and not each.reads for each in txns.by_id[before.call.id][: before.place]
    ):
        return "it read what it had written itself"
    if not comes_before(before.key, before.values, after.values, txns, infer):
        return "nothing tells that the one version came before the other"
    return ""


def _of_lists(edge: str, before: Micro, after: Micro, txns: Transactions) -> str:
    longest = txns.longest(before.key)
    if edge == "wr":
        return "" if before.values[0] in after.values else "the list does not show it"
    if edge == "rw":
        return "the list shows it" if after.values[0] in before.values else ""
    if before.values[0] not in longest:
        return "no read shows what was appended first"
    place = longest.index(before.values[0])
    if after.values[0] in longest[: place + 1]:
        return "the lists that were read show them the other way round"
    return ""


def _name(kinds: list[str]) -> str:
    anti = kinds.count("rw")
    if anti > 1:
        adjacent = any(one == other == "rw" for one, other in zip(kinds, (*kinds[1:], kinds[0]), strict=True))
        base = "G2-item" if adjacent else "G-nonadjacent"
    elif anti:
        base = "G-single"
    else:
        base = "G1c" if "wr" in kinds else "G0"
    for order in ("realtime", "process"):
        if order in kinds:
            return f"{base}-{order}"
    return base
