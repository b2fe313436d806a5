"""Whether a loss is excused, for systems that report nothing: from roles and fault episodes alone.

Without reports nobody knows which nodes held a write, nor what an election heard; often even the log entry
is unknown. So the rulings say what follows from the contract in every case, and else that it can't be told:

- A mode that promises only the primary's disk permits the loss after a failover, which shows in another node
  that acknowledged writes or survived as the primary (or, if the system does not even name the node that
  answers, in any fault that can lead to one). Without a failover only the primary's lost disk excuses it.
- A mode that promises more copies was kept by at least that many nodes. If faults destroyed what fewer of
  them had, one was left: forbidden. If they destroyed what every node had: permitted. In between, and when
  an operator promoted a node that need not have had it, or not any more, it can't be told.
- Where an operator alone decides on the primary, nothing fences the old one as long as it is out of reach. So
  a promotion excuses what a former primary took afterwards, too; but not what the promoted node had itself,
  nor what the survivor had, since neither of them gave way.

The same rules serve for writes whose log entry is unknown because they were never acknowledged.
"""

from collections.abc import Collection, Iterator

from msgspec import Struct
from msgspec.structs import replace

from checkers.evidence.case import Case
from checkers.evidence.incidents import FOREVER, PROMOTES, Destruction, suspects, unsettling
from checkers.evidence.ledger import Write
from checkers.rulings.ruling import Judgement, forbidden, permitted, unproved
from checkers.words import names
from harness.contract import TEXTS, Failover, Permit
from harness.events import Cause, Elected, Medium


class Trace(Struct, frozen=True, kw_only=True):
    """A write that existed: called at `call_ns`, surely there at `there_ns`, acknowledged by `node` if known.

    `shown_by` is the node whose answer to a read showed it, if that is how it is known.
    """

    call_ns: int
    there_ns: int
    node: str | None = None
    shown_by: str | None = None
    degraded: bool = False

    @classmethod
    def of(cls, write: Write) -> "Trace":
        """Return the trace of an acknowledged write."""
        there_ns = write.call_ns if write.return_ns is None else write.return_ns
        return cls(call_ns=write.call_ns, there_ns=there_ns, node=write.node, degraded=write.degraded)


class CoarseJudge:
    """Rules on the lost writes of one run without reports about them."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._promotions = _promotions(case)
        ledger = case.ledger
        acknowledged = ledger.acknowledged()
        self._last_ack_ns = {
            node: int(ledger.return_ns[acknowledged & (ledger.node == code)].max(initial=-1))
            for code, node in enumerate(ledger.nodes)
        }

    def rule(self, trace: Trace) -> Judgement:
        """Rule on the loss of a write."""
        if Permit.FAILOVER_SUFFIX in self._case.contract.permits:
            judgement = self._after_a_failover(trace)
        else:
            judgement = self._without_holders(trace)
        cost = suspects(
            self._case.run.episodes,
            node=trace.node,
            since_ns=trace.call_ns,
            until_ns=self._case.run.stopped_ns,
        )
        return replace(judgement, episodes=tuple(episode.id for episode in cost))

    def _after_a_failover(self, trace: Trace) -> Judgement:
        if trace.node is not None and trace.node in self._destroyed(trace, disk=True):
            told = f"the disk of {trace.node}, which acknowledged it, was lost"
            return permitted(Permit.PRIMARY_DISK_LOST, told)
        promoted = self._promoted(trace)
        if promoted:
            told = f"an operator promoted {names(promoted)}"
            return permitted(Permit.OPERATOR_PROMOTED_NON_HOLDER, told)
        successor = self._failover(trace)
        if successor is not None:
            return permitted(Permit.FAILOVER_SUFFIX, f"after a failover: {successor}")
        if deceived := self._case.deceived(since_ns=trace.call_ns):
            return _deceived(deceived)
        return forbidden("there was no failover, and the primary's disk was not lost")

    def _failover(self, trace: Trace) -> str | None:
        """Return what shows that another node took over after the write, if anything does."""
        run = self._case.run
        for election in self._case.lineage.elections.values():
            if election.cause is not Cause.BOOTSTRAP and self._perhaps_after(election, trace):
                return f"{election.node} was elected for epoch {election.epoch}"
        if run.reports:
            return None
        if trace.node is None:
            faults = unsettling(run.episodes, since_ns=trace.call_ns)
            return f"{faults[0].fault} in episode {faults[0].id} may have led to one" if faults else None
        others = [
            node
            for node, last_ns in self._last_ack_ns.items()
            if node != trace.node and last_ns >= trace.there_ns
        ]
        if run.survivor not in (None, trace.node):
            others.append(str(run.survivor))
        return f"{names(set(others))} took over from {trace.node}" if others else None

    def _without_holders(self, trace: Trace) -> Judgement:
        contract = self._case.contract
        lowered = trace.degraded and contract.degrades
        copies, members = (1, ()) if lowered else (contract.copies, contract.members)
        gone = self._destroyed(trace, disk=contract.medium is Medium.DISK) | self._out_of_reach(trace)
        if gone.issuperset(contract.nodes) or (lowered and trace.node in gone):
            return permitted(Permit.HOLDERS_DISKS_LOST, f"{TEXTS[Permit.HOLDERS_DISKS_LOST]}: {names(gone)}")
        known = {trace.node} - {None}
        if len(gone) >= copies and gone.issuperset(members) and gone.issuperset(known):
            return unproved(f"what {names(gone)} had was destroyed; which nodes had the write is not known")
        strangers = {
            node for node in self._promoted(trace) if node not in members and copies < len(contract.nodes)
        }
        if strangers - known:
            return unproved(f"an operator promoted {names(strangers)}; whether it had the write is not known")
        if emptied := self._promoted_without(trace):
            return unproved(f"an operator promoted {names(emptied)}, which may have lost what it had")
        if deceived := self._case.deceived(since_ns=trace.call_ns):
            return _deceived(deceived)
        return forbidden(
            f"at least {copies} of {names(contract.nodes)} had it, and no fault destroyed what that many had"
        )

    def _destroyed(self, trace: Trace, *, disk: bool) -> set[str]:
        """Return the nodes that may have lost the write with their disk, or unless `disk` with their memory."""
        return {gone.node for gone in self._destructions(trace, disk=disk)}

    def _destructions(self, trace: Trace, *, disk: bool) -> Iterator[Destruction]:
        for gone in self._case.destructions:
            if gone.until_ns >= trace.call_ns and (gone.disk or (not disk and gone.node != trace.node)):
                yield gone

    def _promoted_without(self, trace: Trace) -> set[str]:
        """Return the nodes that may have lost the write before an operator promoted them."""
        return {
            gone.node
            for gone in self._destructions(trace, disk=self._case.contract.medium is Medium.DISK)
            for at_ns, node in self._promotions
            if node == gone.node and at_ns >= max(gone.from_ns, trace.call_ns)
        }

    def _out_of_reach(self, trace: Trace) -> set[str]:
        """Return the primary, where memory counts and a fault may have kept it from an election."""
        if Permit.UNFLUSHED_COPIES_LOST not in self._case.contract.permits:
            return set()
        episodes = unsettling(self._case.run.episodes, since_ns=trace.call_ns)
        hit = {node for episode in episodes for node in episode.targets}
        return hit if trace.node is None else hit & {trace.node}

    def _promoted(self, trace: Trace) -> set[str]:
        """Return the nodes whose promotion by an operator may have left the write out."""
        if self._case.contract.failover is Failover.MANUAL:
            later = {node for at_ns, node in self._promotions if at_ns >= trace.call_ns}
            return later | self._unheard_of(trace)
        episodes = unsettling(self._case.run.episodes, since_ns=trace.call_ns)
        by_fault = {node for episode in episodes if episode.fault == PROMOTES for node in episode.targets}
        return by_fault | {
            election.node
            for election in self._case.lineage.elections.values()
            if election.cause is Cause.OPERATOR and self._perhaps_after(election, trace)
        }

    def _perhaps_after(self, election: Elected, trace: Trace) -> bool:
        return election.at_ns + self._case.tolerance_ns >= trace.call_ns

    def _unheard_of(self, trace: Trace) -> set[str]:
        """Return the last node promoted before the call, if a former primary may have taken the write."""
        earlier = [(at_ns, node) for at_ns, node in self._promotions if at_ns < trace.call_ns]
        if not earlier:
            return set()
        promoted = max(earlier)[1]
        elections = self._case.lineage.elections.values()
        primaries = {election.node for election in elections if election.at_ns < trace.call_ns}
        had = trace.node or trace.shown_by
        if primaries == {promoted} or (had is not None and had in (promoted, self._case.run.survivor)):
            return set()
        return {promoted}


def _deceived(nodes: Collection[str]) -> Judgement:
    return unproved(f"the disks of {names(nodes)} may have lost it after they had said that it is durable")


def _promotions(case: Case) -> tuple[tuple[int, str], ...]:
    """Return the nodes that an operator promoted, each with the latest moment at which that may have been."""
    by_fault = (
        (FOREVER if episode.injected_ns is None else episode.injected_ns, node)
        for episode in case.run.episodes
        if episode.fault == PROMOTES
        for node in episode.targets
    )
    reported = (
        (election.at_ns + case.tolerance_ns, election.node)
        for election in case.lineage.elections.values()
        if election.cause is Cause.OPERATOR
    )
    return (*by_fault, *reported)
