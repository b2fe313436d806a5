"""The node that takes writes: it appends, replicates, waits for the copies that its mode asks for, and answers.

It acknowledges only while it holds its lease (where someone else could be elected) and only what stands behind
an entry of its own epoch: an inherited tail is protected by that entry, never by itself.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nodes.reference import effects as fx
from nodes.reference import messages as ms
from nodes.reference.feed import BATCH_BYTES, Feed
from nodes.reference.protection import Protection
from nodes.reference.records import MAX_PAYLOAD, encode
from nodes.reference.roles import Quiet
from nodes.reference.rules import Ballot, Record, newest
from nodes.reference.settings import Mode, Visibility
from nodes.reference.state import Command, Result
from nodes.reference.text import own_json

if TYPE_CHECKING:
    from nodes.reference.node import Node


@dataclass(slots=True)
class Waiting:
    """A write that waits for its copies."""

    index: int
    request: int
    since_ns: int
    command: Command
    result: Result | None = None


class Primary(Quiet):
    """One term of office, in one epoch of this node's own."""

    def __init__(
        self, node: "Node", epoch: int, record: Record, now: int, *, cause: str, heard: tuple[str, ...]
    ) -> None:
        super().__init__(node)
        self.epoch = epoch
        self.feeds = {peer: Feed() for peer in node.settings.peers}
        self._waiting: deque[Waiting] = deque()
        self._by_index: dict[int, Waiting] = {}
        self._beat_ns = self._since_ns = now
        self._lost_ns: int | None = None
        end = node.log.end
        node.save(promised=epoch)
        node.report(
            "elected",
            now,
            epoch=epoch,
            cause=cause,
            heard=list(heard),
            log_epoch=end.epoch,
            log_offset=end.index,
        )
        self.start = node.log.append(encode(node.log.last + 1, epoch, b""))
        self.protection = Protection(self, record, now)

    @classmethod
    def elected(
        cls, node: "Node", epoch: int, ballots: Mapping[str, Ballot], asked_ns: int, now: int
    ) -> "Primary":
        """Take office after an election. The votes date the first lease: from when they were asked for."""
        record = newest(ballots)
        assert record is not None, "an election is won with a record"
        cause = "election" if node.settings.leased else "operator"
        primary = cls(node, epoch, record, now, cause=cause, heard=tuple(sorted(ballots)))
        for peer, ballot in ballots.items():
            if peer != node.name:
                primary.feeds[peer].identity = ballot.identity
                primary.feeds[peer].lease_ns = asked_ns
        return primary

    # The lease

    def lease_until(self, now: int) -> int:
        """Return until when nobody else can be elected, as far as this node has heard."""
        electorate = self.protection.electorate
        heard = [feed.lease_ns for peer, feed in self.feeds.items() if electorate.get(peer) == feed.identity]
        if electorate.get(self.node.name) == self.node.meta.identity:
            heard.append(now)
        heard.sort(reverse=True)
        needed = self.protection.record.need
        return heard[needed - 1] + self.node.settings.lease_ns if len(heard) >= needed else -1

    def holds_lease(self, now: int) -> bool:
        """Tell whether this primary may acknowledge and answer reads now."""
        return not self.node.settings.leased or now < self.lease_until(now)

    # Requests

    def write(self, request: int, command: Command, now: int) -> None:
        """Take a checked command into the log; it is answered when its copies are there.

        One that is too large for the log is refused.
        """
        node = self.node
        payload = own_json(command)
        if len(payload) > MAX_PAYLOAD:
            error = f"the operation has {len(payload)} bytes; at most {MAX_PAYLOAD} are allowed"
            node.out.append(fx.Reply(request, {"ok": False, "sure": True, "error": error}))
            return
        index = node.log.append(encode(node.log.last + 1, self.epoch, payload))
        waiting = Waiting(index, request, now, command)
        self._waiting.append(waiting)
        self._by_index[index] = waiting

    def abandon(self, reason: str) -> None:
        """Answer all that wait: nobody knows what becomes of their writes."""
        for waiting in self._waiting:
            self.node.out.append(
                fx.Reply(
                    waiting.request, {"ok": False, "sure": False, "error": f"no longer primary: {reason}"}
                )
            )
        self._waiting.clear()
        self._by_index.clear()

    # Messages

    def received(self, peer: str, message: ms.Message, now: int) -> None:
        """Take in a member's answer."""
        feed = self.feeds[peer]
        match message:
            case ms.Appended(epoch=self.epoch, stream=stream) if stream == feed.stream:
                feed.acknowledged(message.flushed, message.written)
                feed.clock = max(feed.clock, message.clock)
            case ms.HeartbeatReply():
                self._heartbeat_reply(peer, feed, message, now)
            case ms.Follow(epoch=self.epoch):
                self._follow(peer, feed, message)
            case ms.AskPart(epoch=self.epoch):
                self.node.out.append(fx.ReadPart(peer, message.stream, message.index, message.offset))
            case ms.Recorded(epoch=self.epoch):
                self._recorded(peer, feed, message.identity, (message.record_epoch, message.record_seq), now)

    def _heartbeat_reply(self, peer: str, feed: Feed, message: ms.HeartbeatReply, now: int) -> None:
        self.node.highest = max(self.node.highest, message.promised)
        if message.promised > self.epoch:
            self.node.step_down(f"{peer} has promised epoch {message.promised}", now)
            return
        if message.epoch != self.epoch:
            return
        self._identify(feed, message.identity)
        feed.lease_ns = max(feed.lease_ns, message.at)
        feed.clock = max(feed.clock, message.clock)
        feed.applied = message.applied
        self._recorded(peer, feed, message.identity, (message.record_epoch, message.record_seq), now)

    def _recorded(self, peer: str, feed: Feed, identity: str, version: tuple[int, int], now: int) -> None:
        feed.record = version
        if version == self.protection.record.version:
            self.protection.confirmed(peer, identity, now)

    def _identify(self, feed: Feed, identity: str) -> None:
        if feed.identity != identity:
            feed.identity = identity
            feed.stop()
            feed.lease_ns = -1 << 62

    def _follow(self, peer: str, feed: Feed, message: ms.Follow) -> None:
        node = self.node
        self._identify(feed, message.identity)
        feed.stop()
        common = feed.common = node.log.common(ms.ranges_of(message.ranges))
        if common >= message.base and common >= node.log.base:
            feed.start(message.stream, common, message.flushed)
            node.send(peer, ms.Accept(epoch=self.epoch, stream=message.stream, common=common))
        elif index := node.snapshots.current:
            node.send(peer, ms.Install(epoch=self.epoch, stream=message.stream, index=index, common=common))
        else:
            node.snapshots.wanted = True  # the replica asks again soon

    def send_part(self, asked: fx.ReadPart, data: bytes, end: bool) -> None:
        """Pass on a part of the snapshot's file; behind the last one goes what the replica has beyond it."""
        node, peer, index = self.node, asked.to, asked.index
        if node.log.base > index:
            return  # another snapshot has taken its place meanwhile, and the log behind it is compacted away
        part = ms.Part(epoch=self.epoch, stream=asked.stream, index=index, offset=asked.offset, end=end)
        node.send(peer, part, data)
        sent, common = index, self.feeds[peer].common
        while end and sent < common:
            frames = node.log.slice(sent + 1, common, BATCH_BYTES)
            sent += len(frames)
            node.send(peer, ms.Rest(epoch=self.epoch, stream=asked.stream, index=index), b"".join(frames))

    def disconnected(self, peer: str, now: int) -> None:
        """The stream is gone with its connection."""
        self.feeds[peer].stop()
        self.feeds[peer].clock = 0  # it may come back with another

    # Time

    def wake_at(self) -> int:
        """Return when the next heartbeat is due."""
        return self._beat_ns

    def tick(self, now: int) -> None:
        """Send heartbeats; mind the lease, the members and the number of copies."""
        node = self.node
        if now < self._beat_ns:
            return
        self._beat_ns = now + node.settings.heartbeat_ns
        held = self.holds_lease(now)
        if held:
            self._lost_ns = None
        elif self._lost_ns is None:
            self._lost_ns = now
        elif now - self._lost_ns >= node.settings.election_ns:
            node.step_down("a majority is out of reach", now)
            return
        current = held and node.commit >= self.start
        for peer in self.feeds:
            self._beat(peer, now, current=current)
        self.protection.admit(now)
        self.protection.mind(self._blocked(now), now)

    def _blocked(self, now: int) -> int | None:
        """Return the first entry that has waited too long for its copies, the epoch's first included."""
        first, since_ns = self.start, self._since_ns
        if self.node.commit >= self.start:
            if not self._waiting:
                return None
            first, since_ns = self._waiting[0].index, self._waiting[0].since_ns
        late = now - since_ns >= self.node.settings.degrade_after_ns
        return first if late and first > self.node.commit else None

    def connected(self, peer: str, now: int) -> None:
        """Make oneself known at once."""
        self._beat(peer, now, current=self._current(now))

    def _beat(self, peer: str, now: int, *, current: bool) -> None:
        feed, record = self.feeds[peer], self.protection.record
        self.node.send(
            peer,
            ms.Heartbeat(
                epoch=self.epoch,
                at=now,
                commit=self.node.commit,
                stream=feed.stream,
                echo=feed.clock if current else 0,
                record_epoch=record.epoch,
                record_seq=record.seq,
            ),
        )
        self.protection.remind(peer)

    def _current(self, now: int) -> bool:
        """Tell whether the commit index is current now: then a replica's clock is sent back along with it."""
        return self.holds_lease(now) and self.node.commit >= self.start

    # After each batch

    def settle(self, now: int) -> None:
        """Write, start a flush, send, and acknowledge whatever has its copies."""
        node = self.node
        if node.written < node.log.last:
            node.write()
        if node.flushed < node.written:
            node.flush()
        if node.settings.visibility is Visibility.ON_APPLY:
            node.apply(node.log.last, now)
        waits = self._waiting or not node.applied == node.commit == node.log.last
        behind = [peer for peer, feed in self.feeds.items() if feed.stream and feed.sent < node.log.last]
        if not waits and not behind:
            return
        until = self.lease_until(now) if node.settings.leased else 0
        held = not until or now < until
        if waits and held:
            self._advance(now, until)
        for peer in behind:
            self._replicate(peer, self.feeds[peer], current=held and node.commit >= self.start)

    def confirmed(self) -> dict[str, int]:
        """Return how far each replica whose copy counts has confirmed, on the medium of the mode."""
        memory = self.node.settings.mode is Mode.SEMI_SYNC_MEMORY
        return {
            peer: feed.written if memory else feed.flushed
            for peer, feed in self.feeds.items()
            if feed.stream != 0 and self.protection.counts(peer, feed)
        }

    def _advance(self, now: int, until: int) -> None:
        """Acknowledge and apply what has its copies, while the lease lasts: `until`, or 0 for ever."""
        node = self.node
        confirmed = self.confirmed()
        full = self.protection.full(confirmed)
        upto = self.protection.acknowledgeable(full, confirmed)
        if upto >= self.start and upto > node.commit:
            node.commit = upto
        node.apply(node.commit, now)
        while self._waiting and self._waiting[0].index <= min(node.commit, node.applied):
            waiting = self._waiting.popleft()
            del self._by_index[waiting.index]
            node.out.append(fx.Reply(waiting.request, self._answer(waiting, waiting.index > full), until))

    def _answer(self, waiting: Waiting, degraded: bool) -> dict[str, Any]:
        where = {"epoch": self.epoch, "offset": waiting.index, "node": self.node.name}
        result = waiting.result
        assert result is not None, "what is applied has a result"
        if result.error is not None:
            return {"ok": False, "sure": not result.unknown, "error": result.error, **where}
        answer = {"ok": True, "value": result.value, **where}
        return answer | {"degraded": True} if degraded else answer

    def _replicate(self, peer: str, feed: Feed, *, current: bool) -> None:
        node = self.node
        limit = node.commit if node.settings.third_site(peer) else node.log.last
        if feed.sent < node.log.base:
            feed.stop()  # what it needs next is compacted away: it asks again and gets the snapshot
        while feed.open and feed.sent < limit:
            frames = node.log.slice(feed.sent + 1, limit, BATCH_BYTES)
            prev, epoch = feed.sent, node.log.epoch_at(feed.sent)
            assert epoch is not None, "the log's history knows every entry"
            blob = b"".join(frames)
            feed.sending(prev + len(frames), len(blob))
            node.send(
                peer,
                ms.Append(
                    epoch=self.epoch,
                    stream=feed.stream,
                    prev=prev,
                    prev_epoch=epoch,
                    commit=node.commit,
                    echo=feed.clock if current else 0,
                ),
                blob,
            )

    def command_at(self, index: int) -> Command | None:
        """Return the command at `index`; one that waits need not be decoded again."""
        waiting = self._by_index.get(index)
        return waiting.command if waiting else self.node.command_in_log(index)

    def applied(self, index: int, result: Result) -> None:
        """Keep the result for the one who waits for it."""
        if waiting := self._by_index.get(index):
            waiting.result = result
