"""The promises of the modes, as pure functions: what an acknowledgement needs, and what an election must hear.

They belong together. A write that `protected` lets the primary acknowledge is held by some set of nodes; an
election that `obstacle` lets pass has heard the log of at least one node of every such set, and a voter grants
its vote only to a log at least as recent as its own. So the winner holds every acknowledged write (the
argument of Raft's leader completeness, Ongaro and Ousterhout 2014, with other quorums), unless the mode itself
(`async`) or lost disks take the holders away.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from nodes.reference.log import Mark
from nodes.reference.settings import Mode, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Who belongs to the cluster and who is in sync: small, and durable on a majority before it counts.

    `members` maps each name to the identity of its disk; a node that lost its disk has another identity and
    neither votes nor counts as a copy until it is in here again. `joining` is the one whose identity has just
    changed: it does not vote until it holds the record itself and a further one says that it has joined.
    `need` is how many of those that vote must hold the record, and how many elect a primary by it: a majority
    of the members, but for the one that joins, if it is new.
    `in_sync`, unless None, lists the nodes that hold every write acknowledged since the primary degraded: an
    election must hear one of them. Records are ordered by (epoch, seq).
    """

    epoch: int
    seq: int
    members: Mapping[str, str]
    in_sync: tuple[str, ...] | None = None
    joining: str | None = None
    need: int

    @property
    def version(self) -> tuple[int, int]:
        """What orders records."""
        return (self.epoch, self.seq)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ballot:
    """What a voter tells along with its vote: its identity, the end of its log, and its record."""

    identity: str
    log: Mark
    record: Record | None


def majority(count: int) -> int:
    """Return the smallest number that is more than half of `count`."""
    return count // 2 + 1


def protected(settings: Settings, me: str, own: int, confirmed: Mapping[str, int]) -> int:
    """Return the last index that has every copy its mode asks for.

    `own` is how far the primary `me` has flushed its own log; `confirmed` how far each replica has
    acknowledged (flushed; in `semi_sync_memory`: written). Replicas that do not count are left out of it.
    """
    others = sorted([confirmed.get(name, 0) for name in settings.data if name != me], reverse=True)
    match settings.mode:
        case Mode.ASYNC:
            return own
        case Mode.SEMI_SYNC | Mode.SEMI_SYNC_MEMORY:
            return min(own, others[settings.k - 1])
        case Mode.QUORUM:
            more = majority(len(settings.data)) - 1
            return min(own, others[more - 1]) if more else own
        case Mode.SYNC | Mode.HYBRID:
            return min([own, *(confirmed.get(name, 0) for name in settings.sync_set if name != me)])


def protected_degraded(in_sync: tuple[str, ...], me: str, own: int, confirmed: Mapping[str, int]) -> int:
    """Return the last index that all the nodes still in sync have."""
    return min([own, *(confirmed.get(name, 0) for name in in_sync if name != me)])


def newest(ballots: Mapping[str, Ballot]) -> Record | None:
    """Return the newest record among those that the voters hold."""
    records = [ballot.record for ballot in ballots.values() if ballot.record is not None]
    return max(records, key=lambda record: record.version, default=None)


def obstacle(settings: Settings, granted: Mapping[str, Ballot]) -> str | None:
    """Return what an election with these votes (the candidate's own among them) still lacks; None: it is won.

    It needs a majority of the members, and in the semi-sync modes the logs of all but `k`, and in `sync` and
    `hybrid` a log of the sync set, and after a degraded acknowledgement one of the nodes that were in sync.
    """
    record = newest(granted)
    if record is None:
        return "no voter knows of a cluster"
    voters = {
        name
        for name, ballot in granted.items()
        if record.members.get(name) == ballot.identity and name != record.joining
    }
    if len(voters) < record.need:
        return f"waits for a majority: has {_list(voters)}, needs {record.need} of {len(record.members)}"
    logs = voters & set(settings.data)
    data = set(settings.data) & set(record.members)
    if settings.mode in (Mode.SEMI_SYNC, Mode.SEMI_SYNC_MEMORY) and len(logs) < len(data) - settings.k:
        return (
            f"waits for more logs: has {_list(logs)}, needs {len(data) - settings.k} of {len(data)}, "
            f"because any {settings.k + 1} may hold an acknowledged write"
        )
    pair = set(settings.sync_set) & set(record.members)
    if settings.mode in (Mode.SYNC, Mode.HYBRID) and pair and not logs & pair:
        return f"waits for a log of the sync set: needs one of {_list(pair)}"
    if record.in_sync is not None and not voters.intersection(record.in_sync):
        return f"waits for a node that was in sync when writes were degraded: {_list(record.in_sync)}"
    return None


def _list(names: set[str] | tuple[str, ...]) -> str:
    return ", ".join(sorted(names)) or "none"
