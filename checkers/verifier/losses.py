"""Certificates of lost writes: acknowledged, and missing in the last reads of the node that survived."""

from collections.abc import Mapping
from typing import Any

from checkers.verifier.fields import field
from checkers.verifier.history import Call, History, Refused
from checkers.verifier.objects import text

_WRITES = ("append", "add", "put")


class FinalReads:
    """What the reads of one node showed, by key: the lists, with the operation that showed each."""

    def __init__(self, history: History, node: str) -> None:
        self.node = node
        self._by_key: dict[str, list[tuple[Call, list[str]]]] = {}
        for call in history:
            for key, values in _shown(call, node).items():
                self._by_key.setdefault(key, []).append((call, values))

    def of(self, key: Any) -> list[tuple[Call, list[str]]]:
        """Return the reads that showed a key."""
        return self._by_key.get(text(key), [])


def check_loss(claim: Mapping[str, Any], history: History, reads: FinalReads) -> str:
    """Check a lost write: {"id", "key", "value", "read"}; raises Refused."""
    write, read = history[field(claim, "id", int)], history[field(claim, "read", int)]
    key, value = claim.get("key"), claim.get("value")
    if not write.happened:
        raise Refused(f"operation {write.id} was not acknowledged")
    if (text(key), text(value)) not in _written(write):
        raise Refused(f"operation {write.id} did not write {value} to {key}")
    if not any(other is read for other, _ in reads.of(key)):
        raise Refused(f"operation {read.id} is no answered read of {key} on {reads.node}")
    if read.call_ns < write.back_ns:
        raise Refused(f"operation {read.id} was called before operation {write.id} had returned")
    for other, shown in reads.of(key):
        if other.call_ns >= read.call_ns and text(value) in shown:
            raise Refused(f"operation {other.id} on {reads.node} shows {value} in {key}")
    return f"{key}={value} of operation {write.id}: acknowledged, and not in operation {read.id}"


def _written(call: Call) -> list[tuple[str, str]]:
    match call.f, call.args:
        case f, [key, value] if f in _WRITES:
            return [(text(key), text(value))]
        case "cas", [key, _, value] if call.value is True:
            return [(text(key), text(value))]
        case "txn", [micro]:
            return [(text(key), text(value)) for f, key, value in micro if f in _WRITES]
    return []


def _shown(call: Call, node: str) -> dict[str, list[str]]:
    """Return what a read of a node showed, by key; empty for anything else."""
    if call.f != "peek" or call.node != node or not call.happened or not isinstance(call.value, list):
        return {}
    pairs = zip(call.args[0], call.value, strict=False)
    return {
        text(key): [text(each) for each in (value if isinstance(value, list) else [value])]
        for key, value in pairs
    }
