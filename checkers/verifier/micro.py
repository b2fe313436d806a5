"""Transactions as they are in the history: their micro-operations, and who read and wrote what."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from checkers.verifier.history import Call, History, Refused
from checkers.verifier.objects import text

_READS = ("r", "read", "get")
_ALONE = ("get", "put", "cas", "append", "add", "increment")
_WRITES = ("w", "write", "put", "append")


@dataclass(frozen=True, slots=True, kw_only=True)
class Micro:
    """One micro-operation: `key` and `values` as text. A read of a list shows several values, of nothing none."""

    call: Call
    place: int
    reads: bool
    key: str
    values: list[str]


@dataclass(slots=True, kw_only=True)
class Transactions:
    """All transactions of a history."""

    lists: bool
    by_id: dict[int, list[Micro]] = field(default_factory=dict)
    reads: dict[str, list[Micro]] = field(default_factory=dict)
    """The reads of each key that are acknowledged."""
    writes: dict[tuple[str, str], list[Micro]] = field(default_factory=dict)
    """Whoever wrote, or tried to write, a value."""

    def at(self, pointer: Any) -> Micro:
        """Return the micro-operation at {"id": …, "place": …}; raises Refused."""
        if not isinstance(pointer, Mapping):
            raise Refused(f"expected an id and a place, not {pointer!r}")
        micro, place = self.by_id.get(pointer.get("id", -1), []), pointer.get("place")
        if not isinstance(place, int) or not 0 <= place < len(micro):
            raise Refused(f"the history has no micro-operation {dict(pointer)!r}")
        return micro[place]

    def happened(self, call: Call) -> bool:
        """Tell whether a transaction surely happened: acknowledged, or an acknowledged one read what it wrote."""
        if call.outcome != "info":
            return call.happened
        return any(
            value in read.values
            for each in self.by_id[call.id]
            if not each.reads
            for value in each.values
            for read in self.reads.get(each.key, [])
        )

    def writer(self, key: str, value: str) -> Micro | None:
        """Return who wrote a value, None if nobody did; raises Refused if several did."""
        wrote = self.writes.get((key, value), [])
        if len(wrote) > 1:
            raise Refused(f"{value} was written to {key} more than once: who wrote it can't be told")
        return wrote[0] if wrote else None

    def longest(self, key: str) -> list[str]:
        """Return the list that shows most of a key; raises Refused unless all others are beginnings of it."""
        shown = [read.values for read in self.reads.get(key, [])]
        most = max(shown, key=len, default=[])
        if any(one != most[: len(one)] for one in shown) or len(set(most)) < len(most):
            raise Refused(f"the reads of {key} contradict each other: its order can't be told")
        return most

    def last_write(self, micro: Micro) -> Micro:
        """Return the last write of a transaction to the key of one of its micro-operations."""
        return [each for each in self.by_id[micro.call.id] if not each.reads and each.key == micro.key][-1]

    def left(self, call: Call, key: str) -> list[str]:
        """Return what a transaction wrote last to a key, if anything."""
        return next(
            (each.values for each in reversed(self.by_id[call.id]) if not each.reads and each.key == key), []
        )


def transactions(history: History, *, lists: bool) -> Transactions:
    """Return the transactions of a history, in the order of their calls; raises Refused for what is none.

    Of lists an append or a read that was called alone is one, too, and keys to which something else was done
    than that are left out.
    """
    told = {call.id: _told(call, lists=lists) for call in history}
    others = {
        text(key) for each in told.values() for f, key, _ in each if lists and f not in (*_READS, "append")
    }
    found = Transactions(lists=lists)
    for call in history:
        kept = [each for each in told[call.id] if text(each[1]) not in others]
        micro = [_micro(call, place, each, lists=lists) for place, each in enumerate(kept)]
        if micro:
            found.by_id[call.id] = micro
        for each in micro:
            if not each.reads:
                found.writes.setdefault((each.key, each.values[0]), []).append(each)
            elif call.happened:
                found.reads.setdefault(each.key, []).append(each)
    return found


def _told(call: Call, *, lists: bool) -> list[list[Any]]:
    """Return the micro-operations of a call, those that read with what they read."""
    if lists and call.f in _ALONE:
        return [[call.f, call.args[0], call.value if call.f == "get" else call.args[-1]]]
    asked = call.args[0] if len(call.args) == 1 and isinstance(call.args[0], list) else []
    told = call.value if call.happened and isinstance(call.value, list) else asked
    if not all(isinstance(each, list) and len(each) == 3 for each in (*asked, *told)):
        if call.f != "txn":
            return []
        raise Refused(f"operation {call.id} has a micro-operation that is none")
    # What was written is in the call: an answer to it need not repeat it.
    return [
        [f, key, value if f in _READS else one[2]]
        for (f, key, value), one in zip(told, asked or told, strict=True)
    ]


def _micro(call: Call, place: int, micro: list[Any], *, lists: bool) -> Micro:
    f, key, value = micro
    if f not in (*_READS, *_WRITES):
        raise Refused(f"operation {call.id} has a micro-operation that is none: {micro!r}")
    reads = f in _READS
    if reads and lists and not isinstance(value, list | None):
        raise Refused(f"operation {call.id} read what is no list: {value!r}")
    several = value if reads and lists else [] if reads and value is None else [value]
    return Micro(
        call=call, place=place, reads=reads, key=text(key), values=[text(each) for each in several or []]
    )
