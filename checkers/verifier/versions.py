"""The order of two versions of a register, as far as what is taken for granted tells it."""

from typing import Any

from checkers.verifier.history import Call
from checkers.verifier.micro import Micro, Transactions


def comes_before(
    key: str, earlier: list[str], later: list[str], txns: Transactions, infer: list[Any]
) -> bool:
    """Tell whether one version is known to come right before another; [] is the one before all writes.

    `infer` names what is taken for granted: `wfr_keys`, `sequential_keys`, `linearizable_keys`.
    """
    if not earlier:
        return True
    met = [(call, *versions) for call in _touching(key, txns) if (versions := _met(key, call, txns))]
    if "wfr_keys" in infer and any((shown, wrote) == (earlier, later) for _, shown, wrote in met):
        return True
    left = [call for call, shown, wrote in met if (wrote or shown) == earlier]
    found = [call for call, shown, wrote in met if (shown if shown is not None else wrote) == later]
    return any(
        ("sequential_keys" in infer and one.process == other.process and one.back_ns <= other.call_ns)
        or ("linearizable_keys" in infer and one.back_ns < other.call_ns)
        for one in left
        for other in found
    )


def _touching(key: str, txns: Transactions) -> list[Call]:
    return [
        micro[0].call
        for micro in txns.by_id.values()
        if any(each.key == key for each in micro) and txns.happened(micro[0].call)
    ]


def _met(key: str, call: Call, txns: Transactions) -> tuple[list[str] | None, list[str] | None] | None:
    """Return what a transaction read before it wrote, and what it wrote last; None for neither."""
    mine: list[Micro] = [each for each in txns.by_id[call.id] if each.key == key]
    first = mine[0]
    shown = first.values if first.reads and call.happened else None
    wrote = next((each.values for each in reversed(mine) if not each.reads), None)
    return None if shown is None and wrote is None else (shown, wrote)
