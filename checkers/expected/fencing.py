"""Whether a former primary that came back acknowledged anything that the surviving history lacks.

A primary that was paused or cut off, and whose successor was elected meanwhile, may find confirmations in its
sockets when it wakes. It may acknowledge only what its successor holds. Where one copy is enough to
acknowledge, only its lease stops it: nothing that was called after the election may be acknowledged; what was
called before and answered after shows how wide the residual window is.
"""

from checkers.evidence.case import Case
from checkers.evidence.ledger import Write
from checkers.expected.answers import Answer, broken, met, not_shown
from checkers.expected.observations import takeovers
from checkers.words import at, seconds
from harness.checker import RecordedRun
from harness.contract import Permit
from harness.events import Elected
from harness.words import plural

_CAME_BACK = ("pause", "partition", "slow")


def fenced(run: RecordedRun) -> Answer:
    """Answer for all changes of primary of a run; the figure `residual_s` is the widest window seen."""
    case = Case(run)
    returned = [(former, election) for election in takeovers(run) if (former := _came_back(case, election))]
    if not returned:
        return not_shown("no former primary came back after its successor had been elected")
    late = [
        (write, election)
        for former, election in returned
        for write in _after(case, former, election)
        if not case.ledger.present[write.row]
    ]
    lease_only = Permit.FAILOVER_SUFFIX in run.contract.permits
    stale = [
        (write, election)
        for write, election in late
        if not lease_only or write.call_ns > election.at_ns + case.tolerance_ns
    ]
    residual_ns = max(((write.return_ns or 0) - election.at_ns for write, election in late), default=0)
    if stale:
        write, election = stale[0]
        return broken(
            f"a former primary acknowledged {plural(len(stale), 'write')} that the surviving history lacks",
            f"{write.element}: called at {at(write.call_ns)}, acknowledged at {at(write.return_ns or 0)}",
            f"{election.node} had become primary of epoch {election.epoch} at {at(election.at_ns)}",
            residual_s=residual_ns / 1e9,
        )
    who = ", ".join(sorted({former for former, _ in returned}))
    told = f"{who} came back and acknowledged nothing that the surviving history lacks"
    if late:
        told = f"{who} came back; its last acknowledgement was {seconds(residual_ns)} after the election"
    return met(told, residual_s=residual_ns / 1e9)


def _came_back(case: Case, election: Elected) -> str | None:
    """Return the former primary, if it was paused or cut off at an election and came back later."""
    older = [past for epoch, past in case.lineage.elections.items() if epoch < election.epoch]
    former = max(older, key=lambda past: past.epoch).node
    for episode in case.run.episodes:
        if episode.fault not in _CAME_BACK or episode.until_ns is None:
            continue
        hit = former in episode.targets or episode.fault == "partition"
        surely_ns = episode.from_ns + case.tolerance_ns, episode.until_ns - case.tolerance_ns
        if hit and surely_ns[0] < election.at_ns < surely_ns[1]:
            return former
    return None


def _after(case: Case, former: str, election: Elected) -> list[Write]:
    """Return what the former primary surely acknowledged after its successor's election, in its older epoch."""
    ledger = case.ledger
    late = ledger.acknowledged() & ledger.covered & (ledger.return_ns > election.at_ns + case.tolerance_ns)
    late &= ledger.epoch < election.epoch
    return [write for write in ledger.writes(late) if case.primary_of(write) == former]
