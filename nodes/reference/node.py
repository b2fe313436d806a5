"""One member of the cluster as a state machine: events come in as method calls, effects go out of `drain`.

The node does no I/O, reads no clock (but for the time of day, at an operator's promotion) and holds no global.
Its surroundings call a method for each event, with the monotonic time in nanoseconds; when there is nothing more
to tell for now they call `drain` once and carry out the effects in order. So the many requests of one moment share
one write, one flush and one message.

What all roles have in common is here: the log, the state, votes, and epochs. The three roles are in `primary`,
`replica` (which is also what a node is that knows no primary) and `candidate`.
"""

import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nodes.reference import effects as fx
from nodes.reference import messages as ms
from nodes.reference.candidate import Candidate
from nodes.reference.log import Log, Range
from nodes.reference.primary import Primary
from nodes.reference.records import command
from nodes.reference.replica import Replica
from nodes.reference.requests import Requests
from nodes.reference.roles import Role
from nodes.reference.rules import Ballot, Record
from nodes.reference.settings import Failover, Mode, Settings
from nodes.reference.snapshots import Snapshots
from nodes.reference.state import Command, Result, State


@dataclass(slots=True, kw_only=True)
class Recovered:
    """What a node finds on its disk when it starts."""

    meta: fx.Meta
    log: Log = field(default_factory=Log)
    state: State = field(default_factory=State)
    snapshot: int = 0


@dataclass(slots=True)
class Contact:
    """What is known of another member: its disk's identity, and whether a connection to it is up."""

    identity: str = ""
    blank: bool = False
    connected: bool = False


class Node:
    """A member of the cluster. See the module for how to drive it."""

    def __init__(
        self,
        settings: Settings,
        found: Recovered,
        *,
        now: int,
        rng: random.Random,
        wall_ns: Callable[[], int],
    ) -> None:
        self.settings = settings
        self.name = settings.name
        self.rng = rng
        self.wall_ns = wall_ns
        self.meta = found.meta
        self.log = found.log
        self.written = self.flushed = found.log.last
        self.state = found.state
        self.applied = self.commit = found.snapshot
        self.snapshots = Snapshots(self, found.snapshot)
        self.requests = Requests(self)
        self.contacts = {name: Contact() for name in settings.peers}
        self.highest = found.meta.promised
        self.room = True
        self.heard_ns = now
        self.heard_of: str | None = None
        self.generation = 0
        self.flushing = False
        self.reloading = False
        self.out: list[fx.Effect] = []
        self.role: Role = Replica(self, None, now)
        self.delayed: deque[tuple[int, int]] = deque()
        """When the replica may apply, and up to where; the first is due first."""
        self._due_commit = self.commit
        self.report(
            "started",
            now,
            identity=self.meta.identity,
            log_epoch=self.log.end.epoch,
            log_offset=self.log.last,
            applied=self.applied,
        )
        self.report_stored(self.log.base + 1, self.log.last, "disk", now)

    # What the surroundings call

    def drain(self, now: int) -> list[fx.Effect]:
        """Bring everything up to date after a batch of events and return what is to be done, in order."""
        self.role.settle(now)
        self.snapshots.settle(now)
        done, self.out = self.out, []
        return done

    def wake_at(self) -> int:
        """Return when `tick` should be called next, if nothing happens before."""
        return 0 if self.snapshots.busy else self.role.wake_at()

    def tick(self, now: int) -> None:
        """Do what is due."""
        self.role.tick(now)

    def connected(self, peer: str, hello: ms.Hello, now: int) -> None:
        """A connection to `peer` is up and it has introduced itself."""
        self.contacts[peer] = Contact(hello.identity, hello.blank, connected=True)
        self.role.connected(peer, now)

    def disconnected(self, peer: str, now: int) -> None:
        """The connection to `peer` is gone."""
        self.contacts[peer].connected = False
        self.role.disconnected(peer, now)

    def received(self, peer: str, message: ms.Message, blob: bytes, now: int) -> None:
        """Take in a message; raises ProtocolError or DamageError if a peer could not have meant it."""
        match message:
            case ms.Order():
                obeys = self._obeys(peer, message.epoch, now)
                if isinstance(message, ms.Heartbeat):
                    self.send(peer, self._heartbeat_reply(message, now))
                if obeys:
                    self._ordered(peer, message, blob, now)
            case ms.Answer():
                if isinstance(self.role, Primary):
                    self.role.received(peer, message, now)
            case ms.AskVote():
                self._asked_for_vote(peer, message, now)
            case ms.VoteReply(promised=promised):
                self.highest = max(self.highest, promised)
                if isinstance(self.role, Candidate):
                    self.role.answered(peer, message, now)
            case ms.StepDown(epoch=epoch):
                if isinstance(self.role, Primary) and self.role.epoch == epoch:
                    self.step_down("an operator asked for another primary", now)
            case ms.Hello():
                raise ms.ProtocolError("a second Hello")

    def request(self, number: int, body: dict[str, Any], now: int) -> None:
        """Take in a client's request; its answer is the Reply with the same number, now or later."""
        self.requests.take(number, body, now)

    def flushed_to(self, upto: int, generation: int, now: int) -> None:
        """A Flush is complete."""
        self.flushing = False
        if generation != self.generation or upto <= self.flushed:
            return
        self.report_stored(self.flushed + 1, upto, "disk", now)
        self.flushed = upto

    def has_room(self, room: bool) -> None:
        """The disk has become full, or has room again."""
        self.room = room

    def reloaded(self, state: State, now: int) -> None:
        """A Reload is complete: the state is that of the snapshot; the log is applied to it again."""
        self.state = state
        self.applied = self.snapshots.current
        self.reloading = False

    def snapshot_saved(self, index: int) -> None:
        """The snapshot up to `index` is durable and current."""
        self.snapshots.saved(index)

    def snapshot_failed(self, now: int) -> None:
        """The snapshot in the making could not be saved."""
        self.snapshots.failed(now)

    def part_read(self, asked: fx.ReadPart, data: bytes, end: bool) -> None:
        """A ReadPart is complete; `data` is empty if that snapshot is no longer current."""
        if isinstance(self.role, Primary) and data:
            self.role.send_part(asked, data, end)

    def installed(
        self, state: State, index: int, history: Sequence[Range], frames: Sequence[bytes], now: int
    ) -> None:
        """Another node's snapshot is now this node's own; the log starts anew behind it, with `frames`."""
        self.log = Log(base=index, history=history, frames=frames)
        self.generation += 1
        self.written = self.flushed = self.log.last
        self.applied = self.commit = index
        self.state = state
        self.reloading = False
        self.snapshots.forget(index)
        self.report_stored(1, self.log.last, "disk", now)
        self.report_applied(now)
        if isinstance(self.role, Replica):
            self.role.installed(now)

    def install_failed(self) -> None:
        """The received snapshot was not sound; this node's own log and state are untouched."""
        self.reloading = False

    # What the roles share

    @property
    def record(self) -> Record | None:
        """The protection record that this node holds."""
        return self.meta.record

    @property
    def may_vote(self) -> bool:
        """Whether this node's disk is one that the cluster counts on."""
        return self.record is not None and self.record.members.get(self.name) == self.meta.identity

    @property
    def promised_until_ns(self) -> int:
        """Until when this node keeps its vote for the primary that it last heard: its lease, and a margin."""
        return self.heard_ns + self.settings.lease_ns * 11 // 10

    def report(self, event: str, now: int, **details: Any) -> None:
        """Report something that has happened."""
        self.out.append(fx.Report({"event": event, "at": now, **details}))

    def report_stored(self, first: int, last: int, medium: str, now: int) -> None:
        """Report that entries are now on this node's disk or in its memory."""
        for epoch, start, stop in self.log.stretches(first, last):
            self.report("stored", now, epoch=epoch, first=start, last=stop, medium=medium)

    def report_applied(self, now: int) -> None:
        """Report what is readable here, where that is made to lag; else it is what is known to be protected."""
        if self.settings.apply_delay_ns:
            self.report("applied", now, offset=self.applied)

    def send(self, peer: str, message: ms.Message, blob: bytes = b"") -> None:
        """Send a message, if there is a connection."""
        if self.contacts[peer].connected:
            self.out.append(fx.Send(peer, message, blob))

    def save(self, **changes: Any) -> None:
        """Change what must never be forgotten."""
        self.meta = replace(self.meta, **changes)
        self.highest = max(self.highest, self.meta.promised)
        self.out.append(fx.SaveMeta(self.meta))

    def ballot(self) -> Ballot:
        """Return what this node tells along with its vote."""
        return Ballot(identity=self.meta.identity, log=self.log.end, record=self.record)

    def write(self) -> None:
        """Hand the entries that are new in the log to its file."""
        if self.written < self.log.last:
            self.out.append(fx.Write(tuple(self.log.after(self.written))))
            self.written = self.log.last

    def flush(self) -> None:
        """Start a flush of what was written, unless one is under way (it serves all that wait then)."""
        if not self.flushing and self.flushed < self.written:
            self.flushing = True
            self.out.append(fx.Flush(self.written, self.generation))

    def learn_commit(self, commit: int, now: int) -> None:
        """Take over, as a replica, how far the primary's log is protected."""
        if commit > self.commit:
            self.commit = commit
            self.delayed.append((now + self.settings.apply_delay_ns, commit))

    def apply_as_replica(self, now: int) -> None:
        """Make readable what is protected and in this node's own log."""
        while self.delayed and self.delayed[0][0] <= now:
            self._due_commit = self.delayed.popleft()[1]
        if self._due_commit <= self.applied:
            return
        own = self.written if self.settings.mode is Mode.SEMI_SYNC_MEMORY else self.flushed
        self.apply(min(self._due_commit, self.commit, own), now)

    def apply(self, upto: int, now: int) -> None:
        """Apply entries to the state, in order."""
        if self.reloading or upto <= self.applied:
            return
        role = self.role
        for index in range(self.applied + 1, upto + 1):
            command = role.command_at(index)
            result = Result() if command is None else self.state.apply(command)
            role.applied(index, result)
        self.applied = upto
        self.report_applied(now)

    def command_in_log(self, index: int) -> Command | None:
        """Return the command of an entry, from its frame."""
        return command(self.log.frame(index))

    def cut(self, after: int, now: int) -> None:
        """Remove a suffix that is not in the primary's log; it is kept aside and reported."""
        assert after >= self.snapshots.floor, "what a snapshot holds can't be cut"
        for epoch, first, last in self.log.stretches(after + 1, self.log.last):
            self.report("truncated", now, epoch=epoch, first=first, last=last)
        frames = tuple(self.log.cut(after))
        self.generation += 1
        self.written = min(self.written, after)
        self.flushed = min(self.flushed, after)
        self.commit = min(self.commit, after)
        self.out.append(fx.Cut(after, frames))
        if self.applied > after:
            self.reload()

    def reload(self) -> None:
        """Go back to the state of the last snapshot and apply the log from there."""
        self.applied = self.snapshots.current
        if self.applied == 0:
            self.state = State(sessions=self.settings.sessions)
        else:
            self.reloading = True
            self.out.append(fx.Reload())

    # Epochs and roles

    def become(self, role: Role) -> None:
        """Change the role."""
        self.role = role

    def stand(self, now: int) -> None:
        """Ask the others for their votes."""
        candidate = Candidate(self, now)
        self.become(candidate)
        candidate.begin(now)

    def step_down(self, reason: str, now: int) -> None:
        """Cease to be primary; the requests that wait get an unknown outcome."""
        assert isinstance(self.role, Primary), "only a primary can step down"
        self.report("stepped_down", now, epoch=self.role.epoch, reason=reason)
        self.role.abandon(reason)
        self.become(Replica(self, None, now))

    def _obeys(self, peer: str, epoch: int, now: int) -> bool:
        """Tell whether to take orders from a primary, and if so become its replica."""
        if not self.settings.leads(peer, epoch):
            raise ms.ProtocolError(f"epoch {epoch} is not one of {peer}'s")
        if epoch < self.meta.promised:
            return False
        if epoch > self.meta.promised:
            if isinstance(self.role, Primary):
                self.step_down(f"{peer} is primary of epoch {epoch}", now)
            self.save(promised=epoch)
        if not isinstance(self.role, Replica) or self.role.primary != peer or self.role.epoch != epoch:
            self.become(Replica(self, peer, now))
        self.heard_ns, self.heard_of = now, peer
        return True

    def _ordered(self, peer: str, message: Any, blob: bytes, now: int) -> None:
        assert isinstance(self.role, Replica), "who obeys is a replica"
        if isinstance(message, ms.Propose):
            self._keep_record(peer, message)
        else:
            self.role.received(message, blob, now)

    def _keep_record(self, peer: str, message: ms.Propose) -> None:
        record = ms.record_from_json(message.record)
        if record is None:
            raise ms.ProtocolError("Propose without a record")
        if self.record is None or record.version > self.record.version:
            self.save(record=record)
        if self.record == record:
            self.send(
                peer,
                ms.Recorded(
                    epoch=message.epoch,
                    record_epoch=record.epoch,
                    record_seq=record.seq,
                    identity=self.meta.identity,
                ),
            )

    def _heartbeat_reply(self, message: ms.Heartbeat, now: int) -> ms.HeartbeatReply:
        version = self.record.version if self.record else (0, 0)
        return ms.HeartbeatReply(
            epoch=message.epoch,
            promised=self.meta.promised,
            at=message.at,
            identity=self.meta.identity,
            clock=now,
            applied=self.applied,
            record_epoch=version[0],
            record_seq=version[1],
        )

    def _asked_for_vote(self, peer: str, message: ms.AskVote, now: int) -> None:
        self.highest = max(self.highest, message.epoch if not message.trial else 0)
        refusal = self._refusal(peer, message, now)
        if refusal is None and not message.trial:
            if isinstance(self.role, Primary):
                self.step_down(f"voted for {peer} in epoch {message.epoch}", now)
            self.save(promised=message.epoch)
            self.heard_ns, self.heard_of = now, peer
            self.become(Replica(self, None, now))
        self.send(
            peer,
            ms.VoteReply(
                epoch=message.epoch,
                trial=message.trial,
                granted=refusal is None,
                reason=refusal or "",
                promised=self.meta.promised,
                identity=self.meta.identity,
                log_epoch=self.log.end.epoch,
                log_index=self.log.last,
                record=ms.record_to_json(self.record),
            ),
        )

    def _refusal(self, peer: str, message: ms.AskVote, now: int) -> str | None:
        """Return why not to vote for `peer`; None: it gets the vote."""
        if not self.may_vote:
            return "has no vote: its disk is new"
        if message.epoch <= self.meta.promised:
            return f"has promised epoch {self.meta.promised}"
        if not self.settings.leads(peer, message.epoch):
            return f"epoch {message.epoch} is not one of {peer}'s"
        if self.settings.failover is Failover.MANUAL:
            # The last primary goes on after a restart if nobody was promoted since, whatever the voter's log
            # has beyond its own: nothing was acknowledged that the primary had not flushed.
            return None if self.settings.leads(peer, self.meta.promised) else "leaves it to an operator"
        if isinstance(self.role, Primary) and now < self.role.lease_until(now):
            return "is the primary itself"
        if now < self.promised_until_ns and self.heard_of != peer:
            return f"heard of {self.heard_of or 'the start of its own process'} just now"
        if ms.mark_of(message) < self.log.end:
            return "has a more recent log"
        return None
