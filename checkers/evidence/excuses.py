"""Where reads of the primary need not be linearizable, whatever a mode promises otherwise."""

from checkers.evidence.case import Case
from checkers.evidence.incidents import PROMOTES
from harness.contract import Reads
from harness.events import Cause, Medium


def excuse(case: Case) -> str:
    """Return why the primary's reads and writes need not be linearizable in this run, or nothing.

    Copies that were destroyed, an operator's choice of a primary and degraded acknowledgements may all lose
    writes that had been shown.
    """
    run = case.run
    if run.contract.primary_reads is not Reads.LINEARIZABLE:
        return f"reads of the primary are {run.contract.primary_reads}"
    if any(episode.fault == PROMOTES for episode in run.episodes) or any(
        election.cause is Cause.OPERATOR for election in case.lineage.elections.values()
    ):
        return "an operator made a primary"
    memory = run.contract.medium is Medium.MEMORY
    if any(each.disk or memory for each in case.destructions) or case.deceptions:
        return "copies were destroyed"
    if case.ledger.degraded.any():
        return "there were degraded acknowledgements"
    return ""
