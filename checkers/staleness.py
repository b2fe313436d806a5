"""Whether bounded reads keep their bound: they show every write acknowledged longer ago than they allow.

A read with a bound of L may be answered by a replica that is at most L behind: at some time between the call and
L before it, the node had everything that was acknowledged until then. A replica knows that from its primary
alone, which must hold its lease to say so. So the promise outlives partitions, pauses and failovers: a replica
that has heard nothing for L refuses.

Judged are reads by `get_within` against what survived, as `checkers.recency` does: a write with an unknown
outcome need not be shown, and one that is lost in the end is the durability checker's affair. Where operators make
primaries there is no lease, and nothing is promised.
"""

from checkers.evidence.lasting import Lasting, Missed
from checkers.words import at, seconds
from harness.checker import CheckResult, Finding, RecordedRun
from harness.contract import Reads
from harness.events import Cause, Elected
from harness.operation import Operation, Outcome
from harness.verdict import Verdict
from harness.words import plural

STORIES = 5
"""How many reads beyond their bound are told one by one."""

DRIFT = 0.1
"""By how much a node's clock may go wrong, as a share: it is by that clock that a replica measures its lag."""


class Staleness:
    """Checks that reads of replicas are no staler than they allow.

    `tolerance_s` is by how much the clients' clocks may differ; 0 when they are all on one host.
    """

    name = "staleness"

    def __init__(self, tolerance_s: float = 0.0) -> None:
        self._tolerance_ns = round(tolerance_s * 1e9)

    def check(self, run: RecordedRun) -> CheckResult:
        """Judge every bounded read: two passes over the history, O(elements of each key) a read."""
        reads = [
            operation
            for operation in run.history
            if operation.f == "get_within" and operation.outcome is Outcome.OK
        ]
        if not reads:
            return self._result(Verdict.HOLDS, "no bounded read was answered")
        if run.contract.replica_reads is not Reads.BOUNDED or _by_force(run):
            return self._result(Verdict.HOLDS, "not judged: an operator's primary has no lease to rely on")
        if run.left_down:
            return self._result(Verdict.HOLDS, "not judged: the system is expected not to recover")
        if run.survivor is None:
            return self._result(Verdict.INCONCLUSIVE, "there is no final state to compare reads with")
        lasting = Lasting(run)
        stale = [missed for read in reads for missed in lasting.missed(read, before_ns=self._shown_ns(read))]
        if not stale:
            return self._result(
                Verdict.HOLDS, f"no staler than allowed: {plural(len(reads), 'bounded read')}"
            )
        stale.sort(key=lambda missed: (missed.read.return_ns or 0, missed.acknowledged_ns))
        count = len({missed.read.id for missed in stale})
        summary = f"of {plural(len(reads), 'bounded read')}, {count} were staler than they allow"
        return self._result(Verdict.VIOLATED, summary, tuple(_told(missed) for missed in stale[:STORIES]))

    def _shown_ns(self, read: Operation) -> int:
        """Return until when what was acknowledged must be shown, whatever the clocks."""
        return read.call_ns - round(_bound_ns(read) * (1 + DRIFT)) - self._tolerance_ns

    def _result(self, verdict: Verdict, summary: str, findings: tuple[Finding, ...] = ()) -> CheckResult:
        return CheckResult(checker=self.name, verdict=verdict, summary=summary, findings=findings)


def _by_force(run: RecordedRun) -> bool:
    """Tell whether an operator made a primary, whose predecessor may still have had its lease."""
    return any(isinstance(event, Elected) and event.cause is Cause.OPERATOR for event in run.events)


def _bound_ns(read: Operation) -> int:
    return int(read.args[1] * 1_000_000)


def _told(missed: Missed) -> Finding:
    read, (key, value) = missed.read, missed.element
    age_ns = read.call_ns - missed.acknowledged_ns
    return Finding(
        verdict=Verdict.VIOLATED,
        title=f"a read of {key} that allows {seconds(_bound_ns(read))} missed {key}={value}",
        lines=(
            f"{at(missed.acknowledged_ns)}: {key}={value} was acknowledged",
            f"{at(read.call_ns)}: {key} was asked for, {seconds(age_ns)} later, by process {read.process}; "
            f"a node that is more than {seconds(_bound_ns(read))} behind must refuse",
            f"{at(read.return_ns or read.call_ns)}: {read.node or 'a node'} answered, without it",
            f"in the end {key}={value} is there",
        ),
    )
