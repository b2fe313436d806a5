"""What a run's reports show of the system's behaviour: failovers, refusals, cut logs, and what crashes hit."""

from collections.abc import Iterator
from itertools import pairwise

from msgspec import Struct

from checkers.evidence.incidents import CUTS_POWER, WIPES
from checkers.evidence.lineage import Lineage
from checkers.expected.answers import Answer, broken, met, not_shown
from checkers.words import at, names
from harness.checker import RecordedRun
from harness.events import (
    Applied,
    Cause,
    Elected,
    Medium,
    NodeEvent,
    Started,
    Stored,
    Truncated,
    Waiting,
)
from harness.operation import Outcome

_CRASHES = ("kill", *CUTS_POWER, WIPES)


class Position(Struct, kw_only=True):
    """How far a node was, by its reports: the last offset in memory, on disk, and in its readable state."""

    memory: int = 0
    disk: int = 0
    applied: int = 0


def takeovers(run: RecordedRun) -> list[Elected]:
    """Return the elections that another node won than the one before."""
    elections = sorted(Lineage.of(run.events).elections.values(), key=lambda election: election.epoch)
    return [
        new for old, new in pairwise(elections) if new.cause is not Cause.BOOTSTRAP and new.node != old.node
    ]


def failover(run: RecordedRun, *, expected: bool) -> Answer:
    """Answer whether another node took over as the primary."""
    seen = None
    if run.reports:
        for election in takeovers(run)[:1]:
            seen = f"{election.node} became primary of epoch {election.epoch} at {at(election.at_ns)}"
    else:
        wrote = (op for op in run.history if op.outcome is Outcome.OK and run.workload.writes(op))
        nodes = {op.node for op in wrote if op.node is not None}
        seen = f"{names(nodes)} acknowledged writes" if len(nodes) > 1 else None
    if expected:
        return met(seen) if seen else not_shown("no other node became the primary")
    return broken(seen) if seen else met("no other node became the primary")


def refused(run: RecordedRun) -> Answer:
    """Answer whether, during a fault, a node without a primary must not become one itself."""
    for event in run.events:
        if isinstance(event, Waiting) and _during_a_fault(run, event.at_ns):
            return met(f"{event.node} did not become primary: {event.reason}", f"at {at(event.at_ns)}")
    return not_shown("no node reported that it waits before it may become primary")


def truncated(run: RecordedRun) -> Answer:
    """Answer whether a node cut a divergent suffix off its log."""
    for event in run.events:
        if isinstance(event, Truncated):
            what = f"offsets {event.first} to {event.last} of epoch {event.epoch}"
            return met(f"{event.node} cut {what} off its log at {at(event.at_ns)}")
    return not_shown("no node reported that it cut its log")


def unapplied(run: RecordedRun) -> Answer:
    """Answer whether a node crashed with entries in its log that its readable state did not include yet."""
    if not any(isinstance(event, Applied) for event in run.events):
        return not_shown("no node reported what it had applied")
    for node, time_ns, position in crashes(run, _CRASHES):
        if position.memory > position.applied:
            behind = f"its log reached offset {position.memory}, its state {position.applied}"
            return met(f"{node} crashed at {at(time_ns)}: {behind}")
    return not_shown("no node crashed with entries that it had not applied")


def unflushed(run: RecordedRun) -> Answer:
    """Answer whether a node lost power with entries in memory that were not on its disk yet."""
    for node, time_ns, position in crashes(run, CUTS_POWER):
        if position.memory > position.disk:
            behind = f"offset {position.memory} in memory, {position.disk} on disk"
            return met(f"{node} lost power at {at(time_ns)}: {behind}")
    return not_shown("no node lost power with entries in memory only")


def crashes(run: RecordedRun, faults: tuple[str, ...]) -> Iterator[tuple[str, int, Position]]:
    """Yield each node that one of these faults crashed, when, and how far the node was."""
    for episode in run.episodes:
        if episode.fault in faults and episode.injected_ns is not None:
            for node in episode.targets:
                yield node, episode.from_ns, position_at(run, node, episode.injected_ns)


def position_at(run: RecordedRun, node: str, time_ns: int) -> Position:
    """Return how far a node was, by what it had reported by then. O(events)."""
    position = Position()
    for event in run.events:
        if event.at_ns > time_ns:
            break
        if event.node == node:
            _advance(position, event)
    return position


def _advance(position: Position, event: NodeEvent) -> None:
    match event:
        case Started():
            position.memory = position.disk = event.log_offset
            position.applied = event.applied
        case Stored():
            position.memory = max(position.memory, event.last)
            if event.medium is Medium.DISK:
                position.disk = max(position.disk, event.last)
        case Truncated():
            position.memory = min(position.memory, event.first - 1)
            position.disk = min(position.disk, event.first - 1)
        case Applied():
            position.applied = event.offset
        case _:
            pass


def _during_a_fault(run: RecordedRun, time_ns: int) -> bool:
    return any(
        episode.from_ns <= time_ns and (episode.until_ns is None or time_ns <= episode.until_ns)
        for episode in run.episodes
    )
