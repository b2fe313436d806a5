"""A node that follows a primary, or waits to hear of one.

The textbook flow: ask the primary for what comes after the own log's end, append, flush, acknowledge, apply.
"""

from collections import deque
from typing import TYPE_CHECKING

from nodes.reference import effects as fx
from nodes.reference import messages as ms
from nodes.reference.records import frames_in, position
from nodes.reference.roles import Quiet
from nodes.reference.settings import MS, Failover, Mode

if TYPE_CHECKING:
    from nodes.reference.node import Node

ASK_AGAIN_NS = 300 * MS
"""How long a request to the primary may stay without an answer before it is made again: so long, or a lease."""

PART_BYTES = 256 << 10
"""The size of the parts in which a snapshot is sent."""


class Replica(Quiet):
    """One period of following `primary` in one epoch; `primary` is None while none is known."""

    def __init__(self, node: "Node", primary: str | None, now: int, *, waits_for: str = "") -> None:
        super().__init__(node)
        self.primary = primary
        self.epoch = node.meta.promised
        self.waits_for = waits_for
        self.accepted = False
        self.fresh_ns: int | None = None
        self._stream = 0
        self._asked_ns = -1 << 62
        self._installing: int | None = None
        self._common = 0
        self._rest: list[bytes] | None = None
        self._acknowledged = (-1, -1)
        self._fresh_at: deque[tuple[int, int]] = deque(maxlen=1000)
        self._slow_flush = node.settings.mode is Mode.SEMI_SYNC_MEMORY
        self._flush_ns = now + node.settings.flush_every_ns
        pause = node.settings.election_ns
        self._stand_ns = max(now, node.heard_ns) + pause + node.rng.randrange(pause // 2)
        if waits_for:
            node.report("waiting", now, epoch=node.meta.promised, reason=waits_for)

    # Time

    def wake_at(self) -> int:
        """Return when something is due."""
        due = self._stand_ns
        if self._slow_flush and self.node.flushed < self.node.written:
            due = min(due, self._flush_ns)
        if self.node.delayed:
            due = min(due, self.node.delayed[0][0])
        return due

    def tick(self, now: int) -> None:
        """Flush what waits for it (`semi_sync_memory`), and stand for election when the primary is silent."""
        node = self.node
        if self._slow_flush and now >= self._flush_ns:
            self._flush_ns = now + node.settings.flush_every_ns
            node.flush()
        if now < self._stand_ns:
            return
        pause = node.settings.election_ns
        silent_for = now - node.heard_ns
        self._stand_ns = (
            now + pause if silent_for >= pause else node.heard_ns + pause + node.rng.randrange(pause // 2)
        )
        if silent_for < pause or node.reloading:
            return
        if hindrance := self._hindrance():
            self.waits_for = hindrance
            node.report("waiting", now, epoch=node.meta.promised, reason=hindrance)
        else:
            node.stand(now)

    def _hindrance(self) -> str:
        """Return what keeps this node from standing for election, whatever the others say; "" if nothing does."""
        node, settings = self.node, self.node.settings
        if settings.witness:
            return "waits for a primary: a witness is none"
        if not node.may_vote:
            return "waits for a primary that takes it in: its disk is new"
        if settings.failover is Failover.MANUAL and not settings.leads(node.name, node.meta.promised):
            return "waits for the last primary, or for an operator"
        if settings.third_site(node.name):
            return f"waits for one of the pair: {', '.join(settings.sync_set)}"
        return ""

    # Messages

    def received(self, message: ms.Message, blob: bytes, now: int) -> None:
        """Take in a message from the primary."""
        if isinstance(message, ms.Heartbeat):
            self._heartbeat(message, now)
            return
        if self.node.settings.witness or getattr(message, "stream", None) != self._stream:
            return
        match message:
            case ms.Append():
                self._append(message, blob, now)
            case ms.Accept():
                self._accept(message, now)
            case ms.Install():
                self._install(message, now)
            case ms.Part():
                self._part(message, blob, now)
            case ms.Rest():
                self._take_rest(message, blob, now)

    def disconnected(self, peer: str, now: int) -> None:
        """The stream is gone with its connection."""
        if peer == self.primary:
            self._stop()

    def _stop(self) -> None:
        self.accepted = False
        self._stream = 0
        self._installing = None
        self._asked_ns = -1 << 62

    def _heartbeat(self, message: ms.Heartbeat, now: int) -> None:
        if self.node.settings.witness:
            return
        if self.accepted and message.stream == self._stream:
            self._hear_commit(message.commit, message.echo, now)
        elif now - self._asked_ns >= max(ASK_AGAIN_NS, self.node.settings.lease_ns):
            self._follow(now)

    def _follow(self, now: int) -> None:
        node = self.node
        assert self.primary is not None, "a primary was heard"
        if node.reloading or not node.room:
            return
        self._asked_ns = now
        self._installing = None
        self.accepted = False
        self._stream = node.rng.randrange(1, 1 << 48)
        node.send(
            self.primary,
            ms.Follow(
                epoch=self.epoch,
                stream=self._stream,
                identity=node.meta.identity,
                base=node.snapshots.floor,
                last=node.log.last,
                flushed=node.flushed,
                ranges=[list(stretch) for stretch in node.log.ranges()],
            ),
        )

    def _accept(self, message: ms.Accept, now: int) -> None:
        node = self.node
        if self.accepted:
            return
        if not node.snapshots.floor <= message.common <= node.log.last:
            raise ms.ProtocolError(f"Accept after {message.common} is outside of this log")
        if message.common < node.log.last:
            node.cut(message.common, now)
        self.accepted = True
        self._acknowledged = (-1, -1)

    def _append(self, message: ms.Append, blob: bytes, now: int) -> None:
        node = self.node
        if not self.accepted:
            return
        if not node.room:
            self._stop()
            return
        if node.log.epoch_at(message.prev) != message.prev_epoch:
            self._stop()  # something was lost on the way: the next heartbeat starts the stream anew
            return
        for frame in frames_in(blob):
            if position(frame)[0] > node.log.last:
                node.log.append(frame)
        self._hear_commit(message.commit, message.echo, now)

    def _hear_commit(self, commit: int, echo: int, now: int) -> None:
        self.node.learn_commit(min(commit, self.node.log.last), now)
        if echo:
            self._fresh_at.append((commit, echo))

    # Snapshots from the primary

    def _install(self, message: ms.Install, now: int) -> None:
        self._installing, self._common, self._rest = message.index, message.common, None
        self._ask_part(0, now)

    def _ask_part(self, offset: int, now: int) -> None:
        assert self.primary is not None and self._installing is not None, "an Install came first"
        self._asked_ns = now
        self.node.send(
            self.primary,
            ms.AskPart(epoch=self.epoch, stream=self._stream, index=self._installing, offset=offset),
        )

    def _part(self, message: ms.Part, blob: bytes, now: int) -> None:
        if message.index != self._installing:
            return
        self.node.out.append(fx.WritePart(message.offset, blob))
        if message.end:
            self._rest = []
            self._install_if_whole(now)
        else:
            self._ask_part(message.offset + len(blob), now)

    def _take_rest(self, message: ms.Rest, blob: bytes, now: int) -> None:
        if message.index != self._installing or self._rest is None:
            return
        self._asked_ns = now
        for frame in frames_in(blob):
            if position(frame)[0] == self._installing + len(self._rest) + 1:
                self._rest.append(frame)
        self._install_if_whole(now)

    def _install_if_whole(self, now: int) -> None:
        assert self._installing is not None and self._rest is not None, "the snapshot has come"
        node, log = self.node, self.node.log
        if self._installing + len(self._rest) < self._common:
            return
        for epoch, first, last in log.stretches(self._common + 1, log.last):
            node.report("truncated", now, epoch=epoch, first=first, last=last)
        node.reloading = True
        node.generation += 1  # a flush that is under way says nothing about the log to come
        node.out.append(fx.InstallSnapshot(self._installing, tuple(self._rest)))
        self._installing = None

    def installed(self, now: int) -> None:
        """A snapshot is this node's own: ask at once for what follows, before the primary compacts that away."""
        self._stop()
        if self.primary is not None:
            self._follow(now)

    # After each batch

    def settle(self, now: int) -> None:
        """Write, flush, acknowledge, apply."""
        node = self.node
        if node.written < node.log.last:
            first = node.written + 1
            node.write()
            if self._slow_flush:
                node.report_stored(first, node.written, "memory", now)
        if node.flushed < node.written and not self._slow_flush:
            node.flush()
        node.apply_as_replica(now)
        while self._fresh_at and self._fresh_at[0][0] <= node.applied:
            self.fresh_ns = self._fresh_at.popleft()[1]
        mine = (node.flushed, node.written)
        if self.accepted and self.primary is not None and mine != self._acknowledged:
            if not self._slow_flush and mine[0] == self._acknowledged[0]:
                return
            self._acknowledged = mine
            node.send(
                self.primary,
                ms.Appended(
                    epoch=self.epoch, stream=self._stream, flushed=mine[0], written=mine[1], clock=now
                ),
            )
