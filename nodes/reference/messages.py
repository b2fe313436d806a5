"""What nodes say to each other, as values; `encode` and `decode` are the only ways on and off the wire.

A message is a JSON header and a blob of bytes (entries or a part of a snapshot; usually empty). Messages may be
lost, doubled or late: every one carries its sender's epoch, and those of a stream the stream's number.
"""

import types
from collections.abc import Callable
from dataclasses import fields
from operator import attrgetter
from typing import Any, Union, get_args, get_origin, get_type_hints

from nodes.reference.fixed import fixed_by_name
from nodes.reference.log import Mark
from nodes.reference.rules import Record
from nodes.reference.text import own_json


class ProtocolError(Exception):
    """What came in is not a message."""


@fixed_by_name
class Order:
    """What a primary says to its replicas, in its epoch."""

    epoch: int


@fixed_by_name
class Answer:
    """What is said to a primary, in its epoch."""

    epoch: int


@fixed_by_name
class Hello:
    """The first words on a connection: who I am, and whether I belong to a cluster yet."""

    name: str
    identity: str
    blank: bool


@fixed_by_name
class AskVote:
    """Asks for a vote in `epoch`; with `trial`, only whether it would be given."""

    epoch: int
    log_epoch: int
    log_index: int
    trial: bool


@fixed_by_name
class VoteReply:
    """The answer to AskVote; `promised` is the newest epoch that the voter knows."""

    epoch: int
    trial: bool
    granted: bool
    reason: str
    promised: int
    identity: str
    log_epoch: int
    log_index: int
    record: dict[str, Any] | None


@fixed_by_name
class Heartbeat(Order):
    """The primary lives. `at` comes back in the answer and dates the lease.

    `stream` is the stream that the primary feeds to this replica (0: none); `echo` the latest `clock` of the
    replica that the primary had seen when it read `commit`.
    """

    at: int
    commit: int
    stream: int
    echo: int
    record_epoch: int
    record_seq: int


@fixed_by_name
class HeartbeatReply(Answer):
    """The answer to a Heartbeat; a `promised` above the primary's epoch tells it that it is deposed."""

    promised: int
    at: int
    identity: str
    clock: int
    applied: int
    record_epoch: int
    record_seq: int


@fixed_by_name
class Follow(Answer):
    """A replica asks to be fed what comes after its own log, which has these stretches."""

    stream: int
    identity: str
    base: int
    last: int
    flushed: int
    ranges: list[list[int]]


@fixed_by_name
class Accept(Order):
    """The stream starts after `common`: cut off what you have beyond it."""

    stream: int
    common: int


@fixed_by_name
class Install(Order):
    """Too far behind, or too different: take the snapshot up to `index` first.

    Only the entries up to `common` of the replica's own log are in the primary's. Those of them that are behind
    the snapshot follow as `Rest`, so that the replica need not give up, even for a moment, what it has.
    """

    stream: int
    index: int
    common: int


@fixed_by_name
class AskPart(Answer):
    """A replica asks for the part of the snapshot at `offset` bytes."""

    stream: int
    index: int
    offset: int


@fixed_by_name
class Part(Order):
    """A part of the snapshot's file (the blob); `end` marks the last."""

    stream: int
    index: int
    offset: int
    end: bool


@fixed_by_name
class Rest(Order):
    """Entries behind the snapshot up to `index` that the replica has (the blob), in order; others may follow."""

    stream: int
    index: int


@fixed_by_name
class Append(Order):
    """Entries (the blob's frames) that follow (`prev`, `prev_epoch`)."""

    stream: int
    prev: int
    prev_epoch: int
    commit: int
    echo: int


@fixed_by_name
class Appended(Answer):
    """A replica's acknowledgement: its log is on disk up to `flushed`, in its page cache up to `written`."""

    stream: int
    flushed: int
    written: int
    clock: int


@fixed_by_name
class Propose(Order):
    """The primary asks to keep a protection record durably."""

    record: dict[str, Any]


@fixed_by_name
class Recorded(Answer):
    """The record of this version is durable here."""

    record_epoch: int
    record_seq: int
    identity: str


@fixed_by_name
class StepDown:
    """An operator wants another primary: make way, if you are the primary of `epoch`."""

    epoch: int


Message = (
    Hello
    | AskVote
    | VoteReply
    | Heartbeat
    | HeartbeatReply
    | Follow
    | Accept
    | Install
    | AskPart
    | Part
    | Rest
    | Append
    | Appended
    | Propose
    | Recorded
    | StepDown
)


class _Kind:
    """What is looked up once for a kind of message: its class, and the names and types of its fields."""

    def __init__(self, made: type[Any]) -> None:
        hints = get_type_hints(made)
        self.made = made
        self.shape = {field.name: _allowed(hints[field.name]) for field in fields(made)}
        self.usual = [kinds[0] for kinds in self.shape.values()]
        """The types of the fields, in their order, in most messages."""
        self.template: str | None = None
        """The JSON of a kind that has numbers only: it is the fastest to write."""
        if set(self.usual) == {int} and len(self.shape) > 1:
            numbers = ",".join(f'"{name}":%d' for name in self.shape)
            self.template = f'{{"is":"{made.__name__}",{numbers}}}'
            self.values: Callable[[Any], tuple[int, ...]] = attrgetter(*self.shape)


def _allowed(hint: Any) -> tuple[type, ...]:
    if get_origin(hint) in (Union, types.UnionType):
        return tuple(kind for part in get_args(hint) for kind in _allowed(part))
    return (get_origin(hint) or hint,)


_KINDS = {made.__name__: _Kind(made) for made in get_args(Message)}


def encode(message: Message) -> bytes:
    """Return the JSON header of a message."""
    name = type(message).__name__
    kind = _KINDS[name]
    if kind.template is not None:
        return (kind.template % kind.values(message)).encode()
    header: dict[str, Any] = {"is": name}
    for field in kind.shape:
        header[field] = getattr(message, field)
    return own_json(header)


def decode(header: dict[str, Any]) -> Message:
    """Return the message of a header; raises ProtocolError unless every field is there with its type."""
    name = header.pop("is", None)
    kind = _KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise ProtocolError(f"no kind of message: {name!r}")
    try:
        message: Message = kind.made(**header)
    except TypeError as error:
        raise ProtocolError(f"{name} with fields {', '.join(sorted(header))}") from error
    if list(map(type, header.values())) != kind.usual:
        for field, value in header.items():
            if type(value) not in kind.shape[field]:
                raise ProtocolError(f"{name}.{field} is {type(value).__name__}")
    return message


def ranges_of(rows: list[list[int]]) -> list[tuple[int, int, int]]:
    """Check and return the stretches in a Follow."""
    if not all(isinstance(row, list) and len(row) == 3 and all(type(n) is int for n in row) for row in rows):
        raise ProtocolError("Follow.ranges must be triples of numbers")
    return [(row[0], row[1], row[2]) for row in rows]


def record_to_json(record: Record | None) -> dict[str, Any] | None:
    """Return a record as JSON can carry it."""
    if record is None:
        return None
    return {
        "epoch": record.epoch,
        "seq": record.seq,
        "members": dict(record.members),
        "in_sync": None if record.in_sync is None else list(record.in_sync),
        "joining": record.joining,
        "need": record.need,
    }


def record_from_json(data: dict[str, Any] | None) -> Record | None:
    """Return the record; raises ProtocolError if the data is not one."""
    match data:
        case None:
            return None
        case {
            "epoch": int(epoch),
            "seq": int(seq),
            "members": dict(members),
            "in_sync": list() | None as in_sync,
            "joining": str() | None as joining,
            "need": int(need),
        } if all(isinstance(identity, str) for identity in members.values()):
            return Record(
                epoch=epoch,
                seq=seq,
                members=members,
                in_sync=None if in_sync is None else tuple(map(str, in_sync)),
                joining=joining,
                need=need,
            )
    raise ProtocolError("not a protection record")


def mark_of(message: AskVote | VoteReply) -> Mark:
    """Return the end of the sender's log."""
    return Mark(message.log_epoch, message.log_index)
