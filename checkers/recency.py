"""Whether reads from the primary are recent: they show every write that was acknowledged before they were asked.

Only one node may answer reads as the primary at a time, and a lease tells it until when. A primary that was
followed by another without knowing it, or one that answers before it has caught up with what its predecessors
acknowledged, shows an old state; each single read looks sound, but its reader misses what it knows to be there.

Judged are reads by `get` against what survived: a write that is lost in the end is the durability checker's
affair. Reads of a named node (`peek`) may be stale. Where an operator makes the primaries there is no lease, and
an old primary that nobody has told goes on: nothing is promised then.
"""

from checkers.evidence.lasting import Lasting, Missed
from checkers.words import at, seconds
from harness.checker import CheckResult, Finding, RecordedRun
from harness.contract import Reads
from harness.operation import Outcome
from harness.verdict import Verdict
from harness.words import plural

STORIES = 5
"""How many stale reads are told one by one."""


class Recency:
    """Checks that reads from the primary miss nothing that was acknowledged before.

    `tolerance_s` is by how much the clients' clocks may differ; 0 when they are all on one host.
    """

    name = "recency"

    def __init__(self, tolerance_s: float = 0.0) -> None:
        self._tolerance_ns = round(tolerance_s * 1e9)

    def check(self, run: RecordedRun) -> CheckResult:
        """Judge every read: two passes over the history, O(elements of each key) a read."""
        if run.contract.primary_reads is Reads.STALE:
            return self._result(Verdict.HOLDS, "not judged: without leases an old primary may answer reads")
        if run.left_down:
            return self._result(Verdict.HOLDS, "not judged: the system is expected not to recover")
        if run.survivor is None:
            return self._result(Verdict.INCONCLUSIVE, "there is no final state to compare reads with")
        lasting = Lasting(run)
        judged = 0
        stale: list[Missed] = []
        for operation in run.history:
            if operation.f == "get" and operation.outcome is Outcome.OK:
                judged += 1
                stale.extend(lasting.missed(operation, before_ns=operation.call_ns - self._tolerance_ns))
        stale.sort(key=lambda one: one.read.return_ns or 0)
        if not stale:
            return self._result(
                Verdict.HOLDS, f"{plural(judged, 'read')} showed all that was acknowledged before"
            )
        reads = len({one.read.id for one in stale})
        summary = f"of {plural(judged, 'read')}, {reads} missed what had been acknowledged before"
        return self._result(Verdict.VIOLATED, summary, tuple(_told(one) for one in stale[:STORIES]))

    def _result(self, verdict: Verdict, summary: str, findings: tuple[Finding, ...] = ()) -> CheckResult:
        return CheckResult(checker=self.name, verdict=verdict, summary=summary, findings=findings)


def _told(stale: Missed) -> Finding:
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
