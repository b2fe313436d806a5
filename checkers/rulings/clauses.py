"""The clauses of a contract, one by one: which of them excuses that a write is gone.

A `Plea` is what there is to say for the system about the election that left the write out of the surviving
history: which copies were still owed then, and which ones faults had taken.
"""

from collections.abc import Collection

from msgspec import Struct

from checkers.evidence.fates import Copy, Loss
from checkers.evidence.ledger import Write
from checkers.evidence.reports import NEVER
from checkers.rulings.ruling import Judgement, forbidden, permitted, unproved
from checkers.words import names, seconds
from harness.contract import TEXTS, Contract, Failover, Permit
from harness.events import Cause, Elected

DISK_GONE = (Loss.WIPED, Loss.DAMAGED)
"""How a copy goes with its disk."""

_DISKS = (Permit.HOLDERS_DISKS_LOST, Permit.PRIMARY_DISK_LOST)
"""The clauses about lost disks; every contract has one of them."""


class Plea(Struct, frozen=True, kw_only=True):
    """A lost write and the election that left it out.

    `primary` is the node that acknowledged it. `owed` are the copies, on the medium that the contract counts
    on, that no fault had taken by then; `gone` those that one had. An acknowledgement that promised only
    the copies it had counts on those made until `promised_ns`. `short` tells that there were too few.
    `precedent` is the ruling on an earlier election for whose sake copies had been cut off, if any were.
    `deceived` are the nodes whose disks had said that it is durable, and had lost it with the power.
    """

    contract: Contract
    write: Write
    primary: str | None
    election: Elected
    owed: tuple[Copy, ...]
    gone: tuple[Copy, ...]
    promised_ns: int = NEVER
    short: bool = False
    precedent: Judgement | None = None
    deceived: frozenset[str] = frozenset()
    tolerance_ns: int = 0

    def since_ns(self, copy: Copy) -> int:
        """Return since when a copy was on the medium that the contract counts on."""
        since_ns = copy.since_ns(self.contract.medium)
        return NEVER if since_ns is None else since_ns

    def promised(self, copies: tuple[Copy, ...]) -> tuple[Copy, ...]:
        """Return those copies that the acknowledgement counted on."""
        return tuple(copy for copy in copies if self.since_ns(copy) <= self.promised_ns)


def plead(plea: Plea) -> Judgement:
    """Return the ruling: the first objection, or else the clause that excuses the loss."""
    ruling = _wrong_log(plea) or _too_few(plea)
    if ruling is not None:
        return ruling
    if plea.election.cause is Cause.OPERATOR:
        told = f"an operator promoted {plea.election.node}, which did not hold it"
        return permitted(Permit.OPERATOR_PROMOTED_NON_HOLDER, told)
    if Permit.FAILOVER_SUFFIX in plea.contract.permits:
        return _after_a_failover(plea)
    return _without_holders(plea)


def _wrong_log(plea: Plea) -> Judgement | None:
    """Object that the winner, or a node that it heard, had the write. An operator hears only the winner."""
    election = plea.election
    asked = {election.node} if election.cause is Cause.OPERATOR else {election.node, *election.heard}
    before_ns = election.at_ns - plea.tolerance_ns
    holders = {
        copy.node: copy for copy in plea.owed if copy.node in asked and plea.since_ns(copy) < before_ns
    }
    if not holders:
        return None
    cut = [node for node, copy in holders.items() if copy.loss is Loss.TRUNCATED]
    mistake = f"; {names(cut)} had cut it off, though no election had left it out" if cut else ""
    if election.node in holders:
        return forbidden(
            f"{election.node} had the write when it became primary of epoch {election.epoch}{mistake}"
        )
    return forbidden(
        f"the election of {election.node} for epoch {election.epoch} heard {names(holders)}, "
        f"which had the write{mistake}"
    )


def _too_few(plea: Plea) -> Judgement | None:
    if plea.short:
        return forbidden(
            "it had fewer copies than promised when it was acknowledged, so nothing excuses its loss"
        )
    return None


def _after_a_failover(plea: Plea) -> Judgement:
    """Apply the clauses of a mode that promises nothing beyond the primary's own disk."""
    election, late_ns = plea.election, plea.write.call_ns - plea.election.at_ns
    if plea.contract.failover is not Failover.MANUAL and late_ns > plea.tolerance_ns:
        return forbidden(
            f"{plea.primary or 'a stale primary'} accepted it {seconds(late_ns)} after {election.node} "
            f"had become primary of epoch {election.epoch}"
        )
    if plea.precedent is not None:
        return plea.precedent
    own = [copy for copy in plea.gone if copy.node == plea.primary and copy.loss in DISK_GONE]
    if own and Permit.PRIMARY_DISK_LOST in plea.contract.permits:
        return permitted(
            Permit.PRIMARY_DISK_LOST, f"the disk of {plea.primary} was lost, and {_unheard(election)}"
        )
    if plea.primary in plea.deceived:
        return disks_deceived(plea.contract, {plea.primary})
    if election.node == plea.primary:
        return unproved(f"{election.node} became primary again without it, and never reported its own copy")
    return permitted(Permit.FAILOVER_SUFFIX, f"after a failover to {election.node}: {_unheard(election)}")


def _unheard(election: Elected) -> str:
    return (
        f"none of {names(election.heard)}, whose logs the election for epoch {election.epoch} heard, had it"
    )


def _without_holders(plea: Plea) -> Judgement:
    """Apply the clauses of the modes that promise copies on several nodes.

    Where memory counts, holders that lost power before their flush may leave fewer copies than an election is
    sure to meet. So if there are such, the primary's copy is not owed if it was out of reach; nor are others out
    of reach, made later or spared by luck, of an election that heard as many logs as it must. Disks that deceive
    are beyond any contract: an election that heard a node that had lost the write so could not know better.
    """
    owed, gone = plea.promised(plea.owed), plea.promised(plea.gone)
    unflushed = any(copy.disk_ns is None for copy in gone)
    heard = {plea.election.node, *plea.election.heard}
    if misled := plea.deceived & heard:
        return disks_deceived(plea.contract, misled)
    missed = {copy.node for copy in owed}
    if unflushed and Permit.UNFLUSHED_COPIES_LOST in plea.contract.permits:
        unheard = missed - heard
        missed -= unheard if _heard_enough(plea, heard) else unheard & {plea.primary}
    if missed:
        return forbidden(
            f"{names(missed)} still had it, and the election of {plea.election.node} did not hear of it"
        )
    if plea.precedent is not None:
        return plea.precedent
    if not gone and plea.deceived:
        return disks_deceived(plea.contract, plea.deceived)
    if not gone:
        return unproved("no node reported a copy of it")
    if all(copy.loss in DISK_GONE for copy in gone) and not owed:
        return disks_lost(plea.contract, gone)
    return permitted(Permit.UNFLUSHED_COPIES_LOST, TEXTS[Permit.UNFLUSHED_COPIES_LOST])


def _heard_enough(plea: Plea, heard: Collection[str]) -> bool:
    """Tell whether an election heard so many logs that it meets one of the promised copies."""
    return len(heard) > len(plea.contract.nodes) - plea.contract.copies


def disks_deceived(contract: Contract, nodes: Collection[str]) -> Judgement:
    """Return the ruling on a write that disks had said was durable and then lost, which is to lose these disks."""
    told = f"the disks of {names(nodes)} had said that it is durable, and lost it with the power"
    permit = next(permit for permit in _DISKS if permit in contract.permits)
    return permitted(permit, told)


def disks_lost(contract: Contract, gone: tuple[Copy, ...]) -> Judgement:
    """Return the ruling on a write of which every copy was on a disk that is lost."""
    for permit in _DISKS:
        if permit in contract.permits:
            return permitted(permit, f"{TEXTS[permit]} ({names({copy.node for copy in gone})})")
    return forbidden("its copies were on disks that are lost, which the contract does not excuse")
