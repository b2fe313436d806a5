"""One node of the store alone, told by hand what the others say."""

import random
from typing import Any

from nodes.reference import effects as fx
from nodes.reference import messages as ms
from nodes.reference.log import Log, Mark
from nodes.reference.node import Node, Recovered
from nodes.reference.primary import Primary
from nodes.reference.records import encode
from nodes.reference.rules import Ballot, Record, majority
from nodes.reference.settings import MS, Member, Settings

S = 1000 * MS


def record_of(*names: str, **changes: Any) -> Record:
    """A record in which every member's disk has the member's name."""
    facts: dict[str, Any] = {"epoch": 101, "seq": 1, "need": majority(len(names))}
    return Record(**(facts | {"members": {name: name for name in names}} | changes))


def entries(first: int, *epochs: int) -> list[bytes]:
    """The frames of entries with these epochs."""
    return [
        encode(index, epoch, b'{"op":"append","key":"k","element":%d}' % index)
        for index, epoch in enumerate(epochs, first)
    ]


class Lone:
    """A node, and what it wants done."""

    def __init__(
        self,
        name: str,
        *epochs: int,
        count: int = 3,
        now: int = 0,
        wall_ns: int = 0,
        meta: fx.Meta | None = None,
        **changes: Any,
    ) -> None:
        names = [f"n{number}" for number in range(1, count + 1)]
        members = tuple(Member(name=one, host="-", port=1) for one in names)
        self.record = record_of(*names)
        meta = meta or fx.Meta(identity=name, promised=max(epochs, default=0), record=self.record)
        self.node = Node(
            Settings(name=name, members=members, **changes),
            Recovered(meta=meta, log=Log(frames=entries(1, *epochs))),
            now=now,
            rng=random.Random(1),
            wall_ns=lambda: wall_ns,
        )
        self.done: list[fx.Effect] = []
        for peer in self.node.settings.peers:
            self.node.connected(peer, ms.Hello(name=peer, identity=peer, blank=False), now)
        self.drain(now)

    def drain(self, now: int) -> list[fx.Effect]:
        """Let it act; return what is to be done now."""
        self.done = self.node.drain(now)
        return self.done

    def hear(self, peer: str, message: ms.Message, now: int, blob: bytes = b"") -> list[fx.Effect]:
        """Let it hear a message and act."""
        self.node.received(peer, message, blob, now)
        return self.drain(now)

    def flushed(self, now: int) -> list[fx.Effect]:
        """End the flush that was asked for last."""
        self.node.flushed_to(self.node.written, self.node.generation, now)
        return self.drain(now)

    def sent(self, kind: type[Any], to: str | None = None) -> list[Any]:
        """Return the messages of a kind that are to be sent now."""
        return [
            one.message
            for one in self.done
            if isinstance(one, fx.Send) and isinstance(one.message, kind) and to in (None, one.to)
        ]

    def saved(self) -> list[fx.Meta]:
        """Return what is to be made durable before anything is sent."""
        first = next((i for i, one in enumerate(self.done) if isinstance(one, fx.Send)), len(self.done))
        return [one.meta for one in self.done[:first] if isinstance(one, fx.SaveMeta)]

    def elect(self, epoch: int, now: int, *, asked_ns: int | None = None, voters: str = "n2") -> Primary:
        """Make it the primary by an election that is over."""
        ballots = {
            name: Ballot(identity=name, log=Mark(0, 0), record=self.node.record)
            for name in (self.node.name, *voters.split())
        }
        primary = Primary.elected(self.node, epoch, ballots, now if asked_ns is None else asked_ns, now)
        self.node.become(primary)
        self.drain(now)
        self.flushed(now)
        return primary

    def follow(
        self,
        peer: str,
        upto: int,
        now: int,
        *,
        identity: str = "",
        flushed: int | None = None,
        base: int = 0,
    ) -> int:
        """Let a replica with a snapshot up to `base` ask for what follows entry `upto`; return its stream."""
        stream = 7
        self.hear(
            peer,
            ms.Follow(
                epoch=self.node.meta.promised,
                stream=stream,
                identity=identity or peer,
                base=base,
                last=upto,
                flushed=upto if flushed is None else flushed,
                ranges=[list(row) for row in self.node.log.stretches(1, upto)],
            ),
            now,
        )
        return stream

    def confirm(self, peer: str, upto: int, now: int, *, stream: int = 7, epoch: int | None = None) -> None:
        """Let a replica confirm that it has flushed everything up to an entry."""
        epoch = self.node.meta.promised if epoch is None else epoch
        self.hear(peer, ms.Appended(epoch=epoch, stream=stream, flushed=upto, written=upto, clock=1), now)

    def answers(self) -> dict[int, dict[str, Any]]:
        """Return the answers that go out now, by request."""
        return {one.request: one.body for one in self.done if isinstance(one, fx.Reply)}


def beat(epoch: int, *, commit: int = 0, stream: int = 0, echo: int = 0, at: int = 1) -> ms.Heartbeat:
    """A primary's heartbeat."""
    return ms.Heartbeat(
        epoch=epoch, at=at, commit=commit, stream=stream, echo=echo, record_epoch=0, record_seq=0
    )


def beat_reply(epoch: int, at: int, record: Record, *, identity: str, promised: int = 0) -> ms.HeartbeatReply:
    """A replica's answer to a heartbeat that was sent at `at`."""
    return ms.HeartbeatReply(
        epoch=epoch,
        promised=promised or epoch,
        at=at,
        identity=identity,
        clock=1,
        applied=0,
        record_epoch=record.epoch,
        record_seq=record.seq,
    )
