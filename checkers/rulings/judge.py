"""Whether the loss of an acknowledged write is excused by the contract, from what the nodes reported.

The questions are asked in this order, and the first answer stands:

0. Had a node forgotten an epoch that it had begun? Then the numbers of epochs tell nothing from there on.
1. Did a later entry of the same epoch survive? Then the log has a hole, which no contract permits.
2. Which election left the write out of the surviving history? If none did, only lost disks excuse it.
3. Had the winner, or a node that it heard, the write on the medium that the contract counts on? Then the
   wrong log was chosen. An operator may choose a node that lacks the write, but not make it forget one.
4. Had the write fewer copies than promised when it was acknowledged? Then nothing that follows excuses it.
5. Which clause of the contract covers what became of the copies? (`checkers.rulings.clauses`)

A copy that its node cut off its log counts as gone only if an election before that had left the write out,
and was excused in doing so; otherwise it is still owed. An acknowledgement marked as degraded promised only
the copies that it had, until an acknowledgement with full copies, of an entry at the same or a later offset
of the same history, covers it.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from checkers.evidence.case import Case
from checkers.evidence.fates import Copy, Loss
from checkers.evidence.holders import Copies
from checkers.evidence.incidents import FOREVER, suspects
from checkers.evidence.ledger import Write
from checkers.rulings.clauses import DISK_GONE, Plea, disks_deceived, disks_lost, plead
from checkers.rulings.ruling import Judgement, Ruling, forbidden, unproved
from checkers.words import names
from harness.contract import Permit
from harness.events import Elected

_ABOUT_COPIES = (Permit.HOLDERS_DISKS_LOST, Permit.PRIMARY_DISK_LOST, Permit.UNFLUSHED_COPIES_LOST)


class Judge:
    """Rules on the lost writes of one run, and makes what all rulings share once."""

    def __init__(self, case: Case, copies: Copies) -> None:
        self._case = case
        self._short = copies.short
        ledger = case.ledger
        self._survived = ledger.last_offsets(copies.judged & case.survived)
        self._full = ledger.last_offsets(copies.judged & ~ledger.degraded)

    def rule(self, write: Write, copies: Sequence[Copy]) -> Judgement:
        """Rule on the loss of an acknowledged write whose log entry is known."""
        assert write.epoch is not None and write.offset is not None, "only traced writes are judged here"
        judgement = self._loss(write, tuple(copies), write.epoch, write.offset)
        return replace(judgement, copies=tuple(copies), episodes=self._episodes(write, copies, judgement))

    def _loss(self, write: Write, copies: tuple[Copy, ...], epoch: int, offset: int) -> Judgement:
        lineage, survivor_epoch = self._case.lineage, self._case.survivor_epoch
        if max(epoch, survivor_epoch or 0) >= lineage.reliable_below:
            forgetful = names({after.node for _, after in lineage.forgotten})
            return unproved(
                f"{forgetful} had forgotten an epoch: their numbers don't tell what came after what"
            )
        later = self._survived.get(epoch, -1)
        if later > offset:
            return forbidden(f"a hole in the log: offset {later} of epoch {epoch} survived")
        if survivor_epoch is None:
            return unproved("the election of the surviving primary was not reported")
        contained = lineage.contains(survivor_epoch, epoch, offset)
        if contained is None:
            return unproved("an election before the surviving primary's was not reported")
        if contained:
            must = f"no election left it out: the log of epoch {survivor_epoch} must contain it"
            return self._unelected(write, copies, must)
        election = lineage.dropped_by(survivor_epoch, epoch, offset)
        if election is None:
            older = f"it was acknowledged in epoch {epoch}, after epoch {survivor_epoch} survived"
            return self._unelected(write, copies, older)
        return self._left_out(write, copies, election)

    def _unelected(self, write: Write, copies: tuple[Copy, ...], objection: str) -> Judgement:
        """Rule on a write that no election left out: only lost disks excuse what `objection` says."""
        counted = self._counted(copies)
        if counted and not self._short[write.row] and all(copy.loss in DISK_GONE for copy in counted):
            return disks_lost(self._case.contract, counted)
        deceived = self._case.deceived(since_ns=write.call_ns)
        if not counted and deceived and not self._short[write.row]:
            return disks_deceived(self._case.contract, deceived)
        return forbidden(objection)

    def _left_out(self, write: Write, copies: tuple[Copy, ...], election: Elected) -> Judgement:
        """Rule on a write at an election whose winner lacked it, and at earlier ones that cost it copies."""
        owed, gone, precedent = [], [], None
        for copy in self._counted(copies):
            if not copy.lost_by(election.at_ns + self._case.tolerance_ns):
                owed.append(copy)
            elif copy.loss is not Loss.TRUNCATED:
                gone.append(copy)
            elif (earlier := self._reason_to_cut(write, copy, election)) is None:
                owed.append(copy)
            else:
                precedent = self._left_out(write, copies, earlier)
                if precedent.ruling is not Ruling.PERMITTED:
                    return precedent
        plea = Plea(
            contract=self._case.contract,
            write=write,
            primary=self._case.primary_of(write),
            election=election,
            owed=tuple(owed),
            gone=tuple(gone),
            promised_ns=self._promised_ns(write),
            short=bool(self._short[write.row]),
            precedent=precedent,
            deceived=self._case.deceived(
                since_ns=write.call_ns, until_ns=election.at_ns + self._case.tolerance_ns
            ),
            tolerance_ns=self._case.tolerance_ns,
        )
        judgement = plead(plea)
        return judgement if judgement is precedent else replace(judgement, election=election)

    def _counted(self, copies: tuple[Copy, ...]) -> tuple[Copy, ...]:
        medium = self._case.contract.medium
        return tuple(copy for copy in copies if copy.since_ns(medium) is not None)

    def _reason_to_cut(self, write: Write, copy: Copy, before: Elected) -> Elected | None:
        """Return the latest election, earlier than `before`, for whose sake the copy was rightly cut off."""
        assert write.epoch is not None and write.offset is not None and copy.lost_ns is not None
        until_ns = copy.lost_ns + self._case.tolerance_ns
        earlier = [
            election
            for election in self._case.lineage.drops(write.epoch, write.offset)
            if election.at_ns <= until_ns and election.at_ns < before.at_ns
        ]
        return max(earlier, key=lambda election: election.at_ns, default=None)

    def _promised_ns(self, write: Write) -> int:
        """Return until when copies had to be made to count: any time, or the return if it was degraded."""
        if not (write.degraded and self._case.contract.degrades) or self._covered(write):
            return FOREVER
        return (write.call_ns if write.return_ns is None else write.return_ns) + self._case.tolerance_ns

    def _covered(self, write: Write) -> bool:
        assert write.epoch is not None and write.offset is not None
        return any(
            last >= write.offset
            if epoch == write.epoch
            else self._case.lineage.contains(epoch, write.epoch, write.offset)
            for epoch, last in self._full.items()
            if epoch >= write.epoch
        )

    def _episodes(self, write: Write, copies: Sequence[Copy], judgement: Judgement) -> tuple[int, ...]:
        """Return the faults that explain the loss: those that took copies, and what cost the primary its office.

        First comes the one that the clause is about, the latest if there are several.
        """
        until_ns = FOREVER if judgement.election is None else judgement.election.at_ns
        lost = {copy.episode for copy in copies if copy.lost_by(until_ns)}
        took = [episode for episode in self._case.run.episodes if episode.id in lost]
        took.sort(key=lambda episode: episode.from_ns, reverse=True)
        cost = suspects(
            self._case.run.episodes,
            node=self._case.primary_of(write),
            since_ns=write.call_ns,
            until_ns=until_ns,
        )
        ordered = (*took, *cost) if judgement.permit in _ABOUT_COPIES else (*cost, *took)
        return tuple(dict.fromkeys(episode.id for episode in ordered))
