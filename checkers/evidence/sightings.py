"""What the clients' reads showed that the surviving history does not bear out.

It works at the speed of set operations, and a read whose elements are all in the final state leaves nothing
behind.
"""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from checkers.evidence.case import Case
from checkers.evidence.incidents import PROMOTES
from harness.checker import RecordedRun
from harness.contract import Permit, Visibility
from harness.events import Cause
from harness.history import FAIL, OK
from harness.operation import Operation, Outcome
from harness.workload import Element


class Sighting(Struct, frozen=True, kw_only=True):
    """The first read that showed something: which one, on which node if known, and when."""

    id: int
    process: int
    node: str | None
    call_ns: int
    return_ns: int

    @classmethod
    def of(cls, read: Operation) -> "Sighting":
        """Return the sighting that an answered read is."""
        assert read.return_ns is not None, "an answered read has returned"
        return cls(
            id=read.id, process=read.process, node=read.node, call_ns=read.call_ns, return_ns=read.return_ns
        )


class Disorder(Struct, frozen=True, kw_only=True):
    """A read of a list that contradicts the final one: it showed `second` without, or before, `first`."""

    key: str
    first: int
    second: int
    missing: bool
    sighting: Sighting


class Sightings:
    """Collects what reads showed, operation by operation, in the order of the history.

    By element, with the first read that showed it: `absent`, not in the survivor's final state (of the keys
    that were read in the end); `refused`, written by an operation that surely did not happen; `repeated`,
    more than once in its list. `disorders` are reads of lists that the final list contradicts.
    """

    def __init__(self, case: Case) -> None:
        self._workload = case.run.workload
        self._final = {key: frozenset(values) for key, values in case.ledger.final.items()}
        self._refused = _refused(case)
        self._order = _Order(case)
        self.absent: dict[Element, Sighting] = {}
        self.refused: dict[Element, Sighting] = {}
        self.repeated: dict[Element, Sighting] = {}
        self.disorders: list[Disorder] = []

    def see(self, operation: Operation) -> None:
        """Take one more operation into account. O(elements that it showed)."""
        if operation.outcome is not Outcome.OK:
            return
        shown: dict[str, list[int]] = {}
        for key, value in self._workload.sees(operation):
            shown.setdefault(key, []).append(value)
        for key, values in shown.items():
            self._see_key(key, values, operation)

    def _see_key(self, key: str, values: list[int], read: Operation) -> None:
        distinct = set(values)
        final, refused = self._final.get(key), self._refused.get(key)
        if final is not None and not distinct <= final:
            _note(self.absent, key, distinct - final, read)
        if refused is not None and not distinct.isdisjoint(refused):
            _note(self.refused, key, distinct & refused, read)
        if len(distinct) < len(values):
            _note(self.repeated, key, {value for value in distinct if values.count(value) > 1}, read)
        disorder = self._order.contradiction(key, values, read)
        if disorder is not None:
            self.disorders.append(disorder)


def all_sightings(case: Case) -> Sightings:
    """Return what all reads of a run showed, collected once."""
    return case.run.derived(_seen, case.tolerance_ns)


def _seen(run: RecordedRun, tolerance_ns: int) -> Sightings:
    sightings = Sightings(Case(run, tolerance_ns=tolerance_ns))
    for operation in run.history:
        sightings.see(operation)
    return sightings


def _note(found: dict[Element, Sighting], key: str, values: Iterable[int], read: Operation) -> None:
    for value in sorted(values):
        found.setdefault((key, value), Sighting.of(read))


def _refused(case: Case) -> Mapping[str, set[int]]:
    ledger, refused = case.ledger, dict[str, set[int]]()
    for write in ledger.writes(ledger.outcome == FAIL):
        refused.setdefault(write.key, set()).add(write.value)
    return refused


class _Order:
    """Finds reads of lists that contradict the final list, where that is certain.

    Two appends keep their order once both are acknowledged and survive. Not so where a stale primary may
    have taken, and shown, another try of the same call: in a run with a change of primary, order is judged
    only if what is readable has the copies that make it survive.
    """

    def __init__(self, case: Case) -> None:
        self._ledger = case.ledger
        self._judged = not case.primary_may_change or _shows_only_what_survives(case)
        self._acked: dict[str, dict[int, int]] = {}

    def contradiction(self, key: str, values: Sequence[int], read: Operation) -> Disorder | None:
        """Return how a read of a list contradicts the final one, if it surely does."""
        final = self._ledger.final.get(key)
        if not self._judged or final is None or key not in self._ledger.lists:
            return None
        if tuple(values) == final[: len(values)]:
            return None
        acked = self._acknowledged(key)
        settled = [value for value in final if acked.get(value, read.call_ns) < read.call_ns]
        known = set(settled)
        shown = [value for value in dict.fromkeys(values) if value in known]
        if shown == settled[: len(shown)]:
            return None
        expected, found = next(pair for pair in zip(settled, shown, strict=False) if pair[0] != pair[1])
        return Disorder(
            key=key,
            first=expected,
            second=found,
            missing=expected not in shown,
            sighting=Sighting.of(read),
        )

    def _acknowledged(self, key: str) -> dict[int, int]:
        """Return when each element of a list was acknowledged."""
        import numpy as np

        if key not in self._acked:
            ledger = self._ledger
            code = ledger.keys.index(key)
            rows = np.flatnonzero((ledger.key == code) & (ledger.outcome == OK))
            self._acked[key] = dict(
                zip(ledger.value[rows].tolist(), ledger.return_ns[rows].tolist(), strict=True)
            )
        return self._acked[key]


def _shows_only_what_survives(case: Case) -> bool:
    promoted = any(election.cause is Cause.OPERATOR for election in case.lineage.elections.values())
    promoted = promoted or any(episode.fault == PROMOTES for episode in case.run.episodes)
    return (
        case.contract.visibility is Visibility.ON_ACK
        and Permit.FAILOVER_SUFFIX not in case.contract.permits
        and not promoted
        and not case.ledger.degraded.any()
    )
