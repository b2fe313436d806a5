"""Certificates of lost writes: acknowledged, and missing in the last reads of the node that survived."""

from collections.abc import Mapping
from typing import Any

from checkers.verifier.fields import field
from checkers.verifier.history import Call, History, Refused
from checkers.verifier.objects import text

_WRITES = ("append", "add", "put")


def check_loss(claim: Mapping[str, Any], history: History, survivor: str) -> str:
    """Check a lost write: {"id", "key", "value", "read"}; raises Refused."""
    write, read = history[field(claim, "id", int)], history[field(claim, "read", int)]
    key, value = claim.get("key"), claim.get("value")
    if not write.happened:
        raise Refused(f"operation {write.id} was not acknowledged")
    if (text(key), text(value)) not in _written(write):
        raise Refused(f"operation {write.id} did not write {value} to {key}")
    if text(key) not in _shown(read, survivor):
        raise Refused(f"operation {read.id} is no answered read of {key} on {survivor}")
    if read.call_ns < write.back_ns:
        raise Refused(f"operation {read.id} was called before operation {write.id} had returned")
    for other in history:
        shown = _shown(other, survivor).get(text(key), [])
        if other.call_ns >= read.call_ns and text(value) in shown:
            raise Refused(f"operation {other.id} on {survivor} shows {value} in {key}")
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
