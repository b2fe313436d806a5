"""The primary's care for the protection record: who is in sync, who is a member, and when to degrade.

A change is proposed to all, kept durably by each, and counts once `Record.need` of them have it (with
automatic failover a majority, so that every election meets one of them). Only then may anything be
acknowledged that relies on it: before the first degraded acknowledgement, the state is where an election sees
it.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from nodes.reference import messages as ms
from nodes.reference.feed import Feed
from nodes.reference.rules import Record, majority, protected, protected_degraded

if TYPE_CHECKING:
    from nodes.reference.primary import Primary

CATCH_UP_NS = 1_000_000_000
"""How long writes may wait, at the end of a degraded period, for the full number of copies."""


class Protection:
    """The record of one primary's time, and what follows from it for acknowledgements.

    `electorate` are the members with a vote, and their identities.
    """

    def __init__(self, primary: "Primary", record: Record, now: int) -> None:
        self._primary = primary
        self._node = primary.node
        self._confirmed: set[str] = set()
        self._degraded: tuple[str, ...] | None = None
        self._catching_until = 0
        self._rest_until = now
        self._seen_end = 0
        # An inherited record may have reached only a minority: it counts once this epoch's majority has it.
        self.record = replace(record, epoch=primary.epoch, seq=1)
        self.propose(self.record, now)

    # The record

    @property
    def stable(self) -> bool:
        """Whether the current record is where every election will see it."""
        if not self._node.settings.leased:
            return True
        return len(self._confirmed - {self.record.joining}) >= self.record.need

    def propose(self, record: Record, now: int) -> None:
        """Make `record` this node's own and ask the others to keep it."""
        self.record = record
        self.electorate = {name: who for name, who in record.members.items() if name != record.joining}
        self._node.save(record=record)
        me, identity = self._node.name, self._node.meta.identity
        self._confirmed = {me} if record.members.get(me) == identity else set()
        for peer in self._node.settings.peers:
            self.remind(peer)
        self._settle(now)

    def remind(self, peer: str) -> None:
        """Send the record to a member that does not have it yet."""
        if self._primary.feeds[peer].record < self.record.version:
            self._node.send(
                peer, ms.Propose(epoch=self._primary.epoch, record=ms.record_to_json(self.record) or {})
            )

    def confirmed(self, peer: str, identity: str, now: int) -> None:
        """A member has the current record on its disk."""
        if self.record.members.get(peer) == identity:
            self._confirmed.add(peer)
            self._settle(now)

    def counts(self, peer: str, feed: Feed) -> bool:
        """Tell whether a copy on `peer` counts: its disk is the one that the cluster knows of."""
        known = self.record.members.get(peer) == feed.identity
        return known and (self.record.joining != peer or self.stable)

    def _settle(self, now: int) -> None:
        """Act on a record that has just become stable."""
        if not self.stable:
            return
        node = self._node
        in_sync = self.record.in_sync
        if in_sync is not None and node.name in in_sync and self._degraded != in_sync:
            self._degraded = in_sync
            node.report("degraded", now, epoch=self._primary.epoch, in_sync=list(in_sync))
        elif in_sync is None and self._degraded is not None:
            self._degraded = None
            self._catching_until = 0
            node.report("restored", now, epoch=self._primary.epoch)
        if self.record.joining in self._confirmed:
            # Not before the new member holds the record: without it, it knows of no cluster and could not vote.
            need = majority(len(self.record.members))
            self.propose(replace(self.record, seq=self.record.seq + 1, joining=None, need=need), now)

    # Members

    def admit(self, now: int) -> None:
        """Begin to give a vote to a node with a new disk that has caught up, to one at a time.

        One whose disk is lost again while it joins may join with the next.
        """
        if not self.stable:
            return
        node, joining = self._node, self.record.joining
        for peer, feed in self._primary.feeds.items():
            if joining not in (None, peer) or not feed.identity:
                continue
            if self.record.members.get(peer) == feed.identity:
                continue
            caught_up = feed.stream != 0 and feed.flushed >= max(node.commit, self._primary.start)
            if peer in node.settings.data and not caught_up:
                continue
            members = {**self.record.members, peer: feed.identity}
            seq = self.record.seq + 1
            self.propose(replace(self.record, seq=seq, members=members, joining=peer), now)
            return

    # Copies

    def full(self, confirmed: Mapping[str, int]) -> int:
        """Return the last index with every copy that the mode asks for."""
        return protected(self._node.settings, self._node.name, self._node.flushed, confirmed)

    def acknowledgeable(self, full: int, confirmed: Mapping[str, int]) -> int:
        """Return the last index that may be acknowledged, degraded or not."""
        agreed = self._degraded is not None and self._degraded == self.record.in_sync and self.stable
        if self._degraded is None or not agreed or self._catching_until:
            return full
        return max(full, protected_degraded(self._degraded, self._node.name, self._node.flushed, confirmed))

    def mind(self, blocked: int | None, now: int) -> None:
        """Degrade when the entry `blocked` has waited too long; end a degraded period when all are back."""
        node = self._node
        if not node.settings.degrade_after_ns:
            return
        if blocked is not None and blocked <= node.flushed:
            self._degrade(blocked, now)
        elif self.record.in_sync is not None and now >= self._rest_until:
            self._restore(now)
        self._seen_end = node.log.last

    def _degrade(self, blocked: int, now: int) -> None:
        if self._catching_until and self.record.in_sync is not None:
            self._catching_until = 0  # not yet: go on with fewer copies, and try again later
            self._rest_until = now + CATCH_UP_NS
            return
        confirmed = self._primary.confirmed()
        name = self._node.name
        in_sync = (name, *sorted(peer for peer, upto in confirmed.items() if upto >= blocked))
        if self.record.in_sync != in_sync:
            self._catching_until = 0
            self._rest_until = now + CATCH_UP_NS
            self.propose(replace(self.record, seq=self.record.seq + 1, in_sync=in_sync), now)

    def _restore(self, now: int) -> None:
        node = self._node
        full = self.full(self._primary.confirmed())
        if not self._catching_until:
            if full >= max(self._seen_end, self._primary.start):
                self._catching_until = now + CATCH_UP_NS
        elif full >= node.commit and self.stable:
            self.propose(replace(self.record, seq=self.record.seq + 1, in_sync=None), now)
        elif now >= self._catching_until:
            self._catching_until = 0
            self._rest_until = now + CATCH_UP_NS
