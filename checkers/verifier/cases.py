"""Certificates of anomalies that need no cycle: each names the micro-operations that show it."""

from collections.abc import Callable, Mapping
from typing import Any

from checkers.verifier.fields import field
from checkers.verifier.history import Refused
from checkers.verifier.micro import Micro, Transactions
from checkers.verifier.versions import comes_before


def check_case(claim: Mapping[str, Any], txns: Transactions, infer: list[Any]) -> str:
    """Check an anomaly; raises Refused."""
    name = field(claim, "anomaly", str)
    micro = [txns.at(pointer) for pointer in field(claim, "micro", list)]
    if name == "cyclic-versions":
        good = _cyclic(micro, txns, infer)
    elif name == "fractured-read":
        good = len(micro) >= 3 and all(each.call.happened for each in micro if each.reads)
        good = good and _fractured(micro, txns, infer)
    elif name not in _CASES:
        raise Refused(f"no anomaly is called {name!r}")
    else:
        needed, test = _CASES[name]
        reads = [each for each in micro if each.reads]
        if any(not each.call.happened for each in reads) or len({each.key for each in micro}) != 1:
            raise Refused(f"{name}: a read is not acknowledged, or keys differ")
        good = len(micro) >= needed and test(micro, txns)
    if not good:
        raise Refused(f"{name}: operations {', '.join(str(each.call.id) for each in micro)} do not show it")
    return f"{name}: operations {', '.join(str(each.call.id) for each in micro)}"


def _duplicate(micro: list[Micro], txns: Transactions) -> bool:
    return txns.lists and micro[0].reads and len(set(micro[0].values)) < len(micro[0].values)


def _garbage(micro: list[Micro], txns: Transactions) -> bool:
    read = micro[0]
    return read.reads and any((read.key, value) not in txns.writes for value in read.values)


def _incompatible(micro: list[Micro], txns: Transactions) -> bool:
    one, other = sorted((micro[0], micro[1]), key=lambda each: len(each.values))
    return txns.lists and one.reads and other.reads and other.values[: len(one.values)] != one.values


def _aborted(micro: list[Micro], txns: Transactions) -> bool:
    read, write = micro[0], micro[1]
    return _shows(read, write, txns) and write.call.outcome == "fail"


def _intermediate(micro: list[Micro], txns: Transactions) -> bool:
    read, write = micro[0], micro[1]
    own = read.call.id == write.call.id
    last = read.values[-1:] == write.values
    return _shows(read, write, txns) and last and not own and txns.last_write(write) != write


def _dirty(micro: list[Micro], txns: Transactions) -> bool:
    good, bad, read = micro[0], micro[1], micro[2]
    if not (_shows(read, good, txns) and _shows(read, bad, txns) and txns.lists):
        return False
    order = read.values.index(bad.values[0]) < read.values.index(good.values[0])
    return order and bad.call.outcome == "fail" and txns.happened(good.call)


def _internal(micro: list[Micro], txns: Transactions) -> bool:
    read = micro[0]
    all_own = [each for each in txns.by_id[read.call.id] if each.key == read.key]
    own = [each for each in all_own if each.place < read.place]
    if not read.reads:
        return False
    if not own:
        later = [value for each in all_own if not each.reads for value in each.values]
        return any(value in later and txns.writer(read.key, value) is not None for value in read.values)
    if not txns.lists:
        return read.values != own[-1].values
    known: list[str] | None = None
    since: list[str] = []
    for each in own:
        known, since = (each.values, []) if each.reads else (known, [*since, *each.values])
    if known is not None:
        return read.values != [*known, *since]
    return read.values[len(read.values) - len(since) :] != since or len(read.values) < len(since)


def _fractured(micro: list[Micro], txns: Transactions, infer: list[Any]) -> bool:
    """Whether a transaction saw what another one wrote, and missed the third of these, which is also its."""
    saw, other, write = micro[:3]
    if not (saw.reads and other.reads and not write.reads and saw.call.id == other.call.id != write.call.id):
        return False
    theirs = [value for value in saw.values if _counts(saw, value, txns)]
    writer = txns.writer(saw.key, theirs[-1]) if theirs else None
    if writer is None or writer.call.id != write.call.id or other.key != write.key:
        return False
    if txns.lists:
        return write.values[0] not in other.values and other.values == _beginning(other, txns)
    external = not any(each.key == other.key for each in txns.by_id[other.call.id][: other.place])
    final = txns.last_write(write) == write and txns.left(write.call, saw.key) == theirs
    return external and final and comes_before(other.key, other.values, write.values, txns, infer)


def _overtaken(micro: list[Micro], txns: Transactions) -> bool:
    """Whether a list was read without what another appended next, and appended to by the reader after that."""
    read, theirs, own = micro[:3]
    if not txns.lists or not read.reads or theirs.reads or own.reads:
        return False
    if not read.call.id == own.call.id != theirs.call.id or theirs.values[0] in read.values:
        return False
    if not txns.happened(theirs.call) or any(
        txns.writer(each.key, each.values[0]) != each for each in (theirs, own)
    ):
        return False
    longest = txns.longest(read.key)
    return theirs.values[0] in longest and own.values[0] not in longest[: longest.index(theirs.values[0])]


def _counts(read: Micro, value: str, txns: Transactions) -> bool:
    """Whether a value that a read shows is of another transaction, which happened."""
    writer = txns.writer(read.key, value)
    return writer is not None and writer.call.id != read.call.id and txns.happened(writer.call)


def _beginning(read: Micro, txns: Transactions) -> list[str]:
    """Return how the longest list goes as far as a read shows it."""
    return txns.longest(read.key)[: len(read.values)]


def _lost(micro: list[Micro], txns: Transactions) -> bool:
    one, other = micro[0], micro[1]
    same = one.reads and other.reads and one.values == other.values and one.call.id != other.call.id
    return same and all(_first_then_wrote(each, txns) for each in (one, other))


def _first_then_wrote(read: Micro, txns: Transactions) -> bool:
    mine = [each for each in txns.by_id[read.call.id] if each.key == read.key]
    return mine[0] == read and any(not each.reads for each in mine)


def _cyclic(micro: list[Micro], txns: Transactions, infer: list[Any]) -> bool:
    """Whether each version comes before another one of them, or nil: then some come before themselves."""
    versions = [[], *(each.values for each in micro)]
    return len({each.key for each in micro}) == 1 and all(
        any(comes_before(micro[0].key, one, other, txns, infer) for other in versions if other != one)
        for one in versions[1:]
    )


def _shows(read: Micro, write: Micro, txns: Transactions) -> bool:
    return (
        read.reads
        and not write.reads
        and write.values[0] in read.values
        and txns.writer(write.key, write.values[0]) == write
    )


_CASES: Mapping[str, tuple[int, Callable[[list[Micro], Transactions], bool]]] = {
    "duplicate-elements": (1, _duplicate),
    "garbage-read": (1, _garbage),
    "incompatible-order": (2, _incompatible),
    "G1a": (2, _aborted),
    "G1b": (2, _intermediate),
    "dirty-update": (3, _dirty),
    "internal": (1, _internal),
    "lost-update": (2, _lost),
    "G-cursor": (3, _overtaken),
}
"""For each anomaly how many micro-operations show it, and whether these do."""
