"""What no contract permits, whatever was broken: writes resurrected, invented, repeated, torn or reordered."""

from collections.abc import Iterator, Mapping, Sequence, Set

from checkers.evidence.case import Case
from checkers.evidence.ledger import Write
from checkers.evidence.sightings import Sighting, Sightings
from checkers.words import at
from harness.checker import Finding
from harness.history import FAIL, INFO
from harness.operation import Operation
from harness.verdict import Verdict
from harness.workload import is_final_read

STORIES = 10
"""How many findings of one kind are told; the rest is counted."""


def breaches(case: Case, seen: Sightings) -> Iterator[Finding]:
    """Yield everything that is wrong in any mode; each is `violated`."""
    for kind in (
        _resurrected(case, seen),
        _invented(case, seen),
        _repeated(seen),
        _torn(case),
        _disordered(seen),
    ):
        yield from _first(kind)


def _first(findings: Iterator[Finding]) -> Iterator[Finding]:
    more = 0
    for index, finding in enumerate(findings):
        if index < STORIES:
            yield finding
        else:
            more += 1
    if more:
        yield Finding(verdict=Verdict.VIOLATED, title=f"and {more} more of the same kind")


def _breach(title: str, *lines: str) -> Finding:
    return Finding(verdict=Verdict.VIOLATED, title=title, lines=lines)


def _resurrected(case: Case, seen: Sightings) -> Iterator[Finding]:
    """Find writes that surely did not happen, and yet are there."""
    ledger = case.ledger
    for write in ledger.writes((ledger.outcome == FAIL) & ledger.present):
        yield _breach(
            f"{write.element} was refused, and is there in the end",
            f"{at(write.call_ns)}: called; the client was told that it surely did not happen",
            f"the final state of {case.run.survivor} shows it",
        )
    for (key, value), sighting in seen.refused.items():
        if value not in ledger.final.get(key, ()):
            yield _breach(f"{key}={value} was refused, and was read", _read(sighting))


def _invented(case: Case, seen: Sightings) -> Iterator[Finding]:
    """Find elements that nobody wrote."""
    for key, value in case.ledger.unwritten:
        yield _breach(f"{key}={value} is there in the end, and nobody wrote it")
    written = case.ledger.absent() if seen.absent else {}
    for (key, value), sighting in seen.absent.items():
        if (key, value) not in written:
            yield _breach(f"{key}={value} was read, and nobody wrote it", _read(sighting))


def _repeated(seen: Sightings) -> Iterator[Finding]:
    """Find elements that are in a list twice: a retry was applied twice."""
    for (key, value), sighting in seen.repeated.items():
        yield _breach(f"{key}={value} was written once, and is in its list more than once", _read(sighting))


def _torn(case: Case) -> Iterator[Finding]:
    """Find operations of several writes of which some are there and some are not.

    A `peek` shows its keys as of one moment. An operation of unknown outcome may still happen between two of
    them: then a part that was read before is missing for good reason.
    """
    import numpy as np

    ledger = case.ledger
    new = (
        np.concatenate([[True], ledger.id[1:] != ledger.id[:-1]]) if len(ledger.id) else np.zeros(0, np.bool_)
    )
    starts = np.flatnonzero(new)
    if not len(starts):
        return
    read = np.logical_and.reduceat(ledger.covered, starts)
    some = np.logical_or.reduceat(ledger.present, starts)
    every = np.logical_and.reduceat(ledger.present, starts)
    sizes = np.diff(np.append(starts, len(ledger.id)))
    partial = np.flatnonzero(read & some & ~every)
    groups = [
        tuple(map(ledger.write, range(start, start + size)))
        for start, size in zip(starts[partial].tolist(), sizes[partial].tolist(), strict=True)
    ]
    reads = _final_reads(case, {write.key for writes in groups for write in writes})
    for writes in groups:
        there = [write for write in writes if ledger.present[write.row]]
        missing = [write for write in writes if not ledger.present[write.row]]
        if ledger.outcome[writes[0].row] == INFO and not _missed(reads, there, missing):
            continue
        yield _breach(
            f"operation {writes[0].id} wrote {_elements(writes)} as one, and only a part of it is there",
            f"there: {_elements(there)}",
            f"not there: {_elements(missing)}",
        )


def _missed(reads: Mapping[str, Operation], there: Sequence[Write], missing: Sequence[Write]) -> bool:
    """Tell whether a part was missing at a time at which another part was there, or later."""
    return any(
        reads[gone.key] is reads[seen.key] or reads[gone.key].call_ns >= (reads[seen.key].return_ns or 0)
        for gone in missing
        for seen in there
    )


def _final_reads(case: Case, keys: Set[str]) -> Mapping[str, Operation]:
    """Return the read that counts for each of these keys: the last that the survivor answered."""
    reads: dict[str, Operation] = {}
    for operation in case.run.history if keys else ():
        if is_final_read(operation, node=case.run.survivor, stopped_ns=case.run.stopped_ns):
            reads.update(dict.fromkeys(keys & set(operation.args[0]), operation))
    return reads


def _disordered(seen: Sightings) -> Iterator[Finding]:
    """Find reads of lists that the final list contradicts."""
    for disorder in seen.disorders:
        how = "without" if disorder.missing else "before"
        yield _breach(
            f"a read of {disorder.key} showed {disorder.second} {how} {disorder.first}",
            _read(disorder.sighting),
            f"both were acknowledged by then, and the final list has {disorder.first} first",
        )


def _elements(writes: Sequence[Write]) -> str:
    return ", ".join(write.element for write in writes)


def _read(sighting: Sighting) -> str:
    where = "" if sighting.node is None else f" on {sighting.node}"
    return f"{at(sighting.return_ns)}: read{where} by process {sighting.process} (operation {sighting.id})"
