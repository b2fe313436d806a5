"""Whether reads from the primary are recent: they show every write that was acknowledged before they were asked.

Only one node may answer reads as the primary at a time, and a lease tells it until when. A primary that was
followed by another without knowing it, or one that answers before it has caught up with what its predecessors
acknowledged, shows an old state; each single read looks sound, but its reader misses what it knows to be there.

Judged are reads by `get` against what survived: a write that is lost in the end is the durability checker's
affair. Reads of a named node (`peek`) may be stale. Where an operator makes the primaries there is no lease, and
an old primary that nobody has told goes on: nothing is promised then.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator

from msgspec import Struct

from checkers.words import at, seconds
from harness.checker import CheckResult, Finding, RecordedRun
from harness.contract import Failover
from harness.operation import Operation, Outcome
from harness.verdict import Verdict
from harness.words import plural
from harness.workload import Element, is_final_read

STORIES = 5
"""How many stale reads are told one by one."""


class Stale(Struct, frozen=True, kw_only=True):
    """A read that misses an element, which had been acknowledged at `acknowledged_ns`."""

    read: Operation
    element: Element
    acknowledged_ns: int


class Recency:
    """Checks that reads from the primary miss nothing that was acknowledged before.

    `tolerance_s` is by how much the clients' clocks may differ; 0 when they are all on one host.
    """

    name = "recency"

    def __init__(self, tolerance_s: float = 0.0) -> None:
        self._tolerance_ns = round(tolerance_s * 1e9)

    def check(self, run: RecordedRun) -> CheckResult:
        """Judge every read: two passes over the history, O(elements of each key) a read."""
        if run.contract.failover is Failover.MANUAL:
            return self._result(Verdict.HOLDS, "not judged: without leases an old primary may answer reads")
        if run.left_down:
            return self._result(Verdict.HOLDS, "not judged: the system is expected not to recover")
        if run.survivor is None:
            return self._result(Verdict.INCONCLUSIVE, "there is no final state to compare reads with")
        acknowledged = _acknowledged(run)
        judged = 0
        stale: list[Stale] = []
        for operation in run.history:
            if operation.f == "get" and operation.outcome is Outcome.OK:
                judged += 1
                stale.extend(self._missed(run, operation, acknowledged))
        stale.sort(key=lambda one: one.read.return_ns or 0)
        if not stale:
            return self._result(
                Verdict.HOLDS, f"{plural(judged, 'read')} showed all that was acknowledged before"
            )
        reads = len({one.read.id for one in stale})
        summary = f"of {plural(judged, 'read')}, {reads} missed what had been acknowledged before"
        return self._result(Verdict.VIOLATED, summary, tuple(_told(one) for one in stale[:STORIES]))

    def _missed(
        self, run: RecordedRun, read: Operation, acknowledged: dict[str, list[tuple[int, int]]]
    ) -> Iterator[Stale]:
        key = read.args[0]
        known = acknowledged.get(key, [])
        before = bisect_left(known, (read.call_ns - self._tolerance_ns, 0))
        if not before:
            return
        seen = {value for _, value in run.workload.sees(read)}
        for acknowledged_ns, value in known[:before]:
            if value not in seen:
                yield Stale(read=read, element=(key, value), acknowledged_ns=acknowledged_ns)

    def _result(self, verdict: Verdict, summary: str, findings: tuple[Finding, ...] = ()) -> CheckResult:
        return CheckResult(checker=self.name, verdict=verdict, summary=summary, findings=findings)


def _acknowledged(run: RecordedRun) -> dict[str, list[tuple[int, int]]]:
    """Return when each element that is there in the end was acknowledged, by key and in that order."""
    final: set[Element] = set()
    for operation in run.history:
        if is_final_read(operation, node=run.survivor, stopped_ns=run.stopped_ns):
            final.update(run.workload.sees(operation))
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for operation in run.history:
        if operation.outcome is Outcome.OK and operation.return_ns is not None:
            for key, value in run.workload.writes(operation):
                if (key, value) in final:
                    found[key].append((operation.return_ns, value))
    for known in found.values():
        known.sort()
    return dict(found)


def _told(stale: Stale) -> Finding:
    read, (key, value) = stale.read, stale.element
    age_ns = read.call_ns - stale.acknowledged_ns
    return Finding(
        verdict=Verdict.VIOLATED,
        title=f"a read of {key} missed {key}={value}",
        lines=(
            f"{at(stale.acknowledged_ns)}: {key}={value} was acknowledged",
            f"{at(read.call_ns)}: {key} was asked for, {seconds(age_ns)} later, by process {read.process}",
            f"{at(read.return_ns or read.call_ns)}: {read.node or 'a node'} answered as the primary, without it",
            f"in the end {key}={value} is there",
        ),
    )
