"""A node that asks for votes: first on trial, so as not to disturb a living primary, then in earnest."""

from typing import TYPE_CHECKING

from nodes.reference import messages as ms
from nodes.reference.primary import Primary
from nodes.reference.replica import Replica
from nodes.reference.roles import Quiet
from nodes.reference.rules import Ballot, obstacle

if TYPE_CHECKING:
    from nodes.reference.node import Node


class Candidate(Quiet):
    """One candidacy for one epoch; it ends in a primary, or in another try after a random pause."""

    def __init__(self, node: "Node", now: int) -> None:
        super().__init__(node)
        self.epoch = node.settings.epoch_after(node.highest)
        self._trial = True
        self._granted: dict[str, Ballot] = {}
        self._refused: dict[str, str] = {}
        self._until = (
            now + node.settings.election_ns // 2 + node.rng.randrange(node.settings.election_ns // 2)
        )
        self._asked_ns = now

    def begin(self, now: int) -> None:
        """Ask for the votes; a node that is the whole cluster has won with its own."""
        self._ask(now)
        self._count(now)

    def wake_at(self) -> int:
        """Return when this candidacy is given up."""
        return self._until

    def tick(self, now: int) -> None:
        """Give up when nothing came of it, and say why."""
        if now < self._until:
            return
        refusals = "; ".join(f"{name} {why}" for name, why in sorted(self._refused.items()))
        lacks = obstacle(self.node.settings, self._granted) or "lost the vote"
        reason = f"{lacks} ({refusals})" if refusals else lacks
        self.node.become(Replica(self.node, None, now, waits_for=reason))

    def connected(self, peer: str, now: int) -> None:
        """Ask a node that has only now become reachable."""
        self._ask_one(peer)

    def answered(self, peer: str, reply: ms.VoteReply, now: int) -> None:
        """Count a vote."""
        if reply.epoch != self.epoch or reply.trial is not self._trial:
            return
        if not reply.granted:
            self._refused[peer] = reply.reason
            return
        self._granted[peer] = Ballot(
            identity=reply.identity, log=ms.mark_of(reply), record=ms.record_from_json(reply.record)
        )
        self._refused.pop(peer, None)
        self._count(now)

    def _count(self, now: int) -> None:
        node = self.node
        if obstacle(node.settings, self._granted) is not None or self._is_bound(now):
            return
        if self._trial:
            self._trial = False
            node.save(promised=self.epoch)
            self.begin(now)
        else:
            node.become(Primary.elected(node, self.epoch, self._granted, self._asked_ns, now))

    def _is_bound(self, now: int) -> bool:
        """Tell whether this node's own vote is still promised to a primary that has not stepped down."""
        node = self.node
        return node.settings.leased and now < node.promised_until_ns and node.heard_of not in self._granted

    def _ask(self, now: int) -> None:
        self._asked_ns = now
        self._granted = {self.node.name: self.node.ballot()}
        self._refused = {}
        for peer in self.node.settings.peers:
            self._ask_one(peer)

    def _ask_one(self, peer: str) -> None:
        end = self.node.log.end
        self.node.send(
            peer,
            ms.AskVote(
                epoch=self.epoch,
                log_epoch=end.epoch,
                log_index=end.index,
                trial=self._trial,
            ),
        )
