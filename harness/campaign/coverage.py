"""Which states of the cluster a run has been through: what a search is steered by, and reports.

A feature is a short text, such as `stepped down, longest; 2 epochs, logs of 1 behind by few; during partition`. It
says what a node reported, in which rough state the cluster was then, and which faults were acting. Two runs with
the same features have seen much the same; a run with a new one is worth varying.
"""

import re
from collections.abc import Iterable, Sequence

from harness.episode import Episode
from harness.events import (
    Applied,
    Damaged,
    Degraded,
    Elected,
    NodeEvent,
    Restored,
    Started,
    SteppedDown,
    Stored,
    Truncated,
    Waiting,
)

_MANY = 4
_NUMBERED = re.compile(r"\w*\d\w*")


class _Cluster:
    """What the reports so far say about the cluster."""

    def __init__(self) -> None:
        self._ends: dict[str, tuple[int, int]] = {}
        self._epochs: set[int] = set()
        self._primaries: set[str] = set()
        self._degraded = False

    def stored(self, event: Stored) -> None:
        """Take note that a log has grown."""
        end = (event.epoch, event.last)
        if end > self._ends.get(event.node, (0, 0)):
            self._ends[event.node] = end

    def take(self, event: NodeEvent) -> str:
        """Take note of a report that is not everyday; return what kind of thing it is."""
        match event:
            case Elected(node=node, epoch=epoch, cause=cause, heard=heard):
                rivals = len(self._primaries - {node})
                self._epochs.add(epoch)
                self._primaries.add(node)
                return f"elected by {cause}, {len(heard)} logs, {rivals} rivals, {self._rank(node)}"
            case SteppedDown(node=node):
                self._primaries.discard(node)
                return f"stepped down, {self._rank(node)}"
            case Truncated(node=node, first=first, last=last):
                self._ends[node] = min(self._ends.get(node, (0, 0)), (event.epoch, first - 1))
                return f"cut {_rough(last - first + 1)}"
            case Started(node=node, log_epoch=epoch, log_offset=last):
                known = self._ends.get(node, (0, 0))
                self._primaries.discard(node)
                self._ends[node] = (epoch, last)
                lost = "shorter" if (epoch, last) < known else "whole"
                return f"started {'blank' if not last else lost}, {self._rank(node)}"
            case Degraded(in_sync=in_sync):
                self._degraded = True
                return f"degraded to {len(in_sync)}"
            case Restored():
                self._degraded = False
                return "restored"
            case Waiting(reason=reason):
                return f"waits, {_NUMBERED.sub('#', reason.removeprefix('waits '))}"
            case Damaged():
                return "damaged"
        return type(event).__name__.lower()

    def shape(self) -> str:
        """Return the rough state of the cluster."""
        ends = sorted(self._ends.values(), reverse=True)
        epochs = len({epoch for epoch, _ in ends})
        behind = _rough(ends[0][1] - ends[-1][1]) if ends else "0"
        state = f"{min(len(self._epochs), _MANY)} epochs, logs of {epochs} behind by {behind}"
        return state + (", degraded" if self._degraded else "")

    def _rank(self, node: str) -> str:
        """Say how a node's log compares with the others'."""
        mine = self._ends.get(node, (0, 0))
        longer = sum(end > mine for name, end in self._ends.items() if name != node)
        return f"behind {longer}" if longer else "longest"


def features(events: Iterable[NodeEvent], episodes: Sequence[Episode]) -> tuple[str, ...]:
    """Return what a run has been through, sorted. `events` are sorted by time."""
    cluster = _Cluster()
    found: set[str] = set()
    for event in events:
        if isinstance(event, Stored):
            cluster.stored(event)
        elif not isinstance(event, Applied):
            before, kind = cluster.shape(), cluster.take(event)
            acting = "+".join(sorted({e.fault for e in episodes if _acts(e, event.at_ns)})) or "nothing"
            found.add(f"{kind}; {before}; during {acting}")
    return tuple(sorted(found))


def _acts(episode: Episode, at_ns: int) -> bool:
    return episode.from_ns <= at_ns and (episode.until_ns is None or at_ns <= episode.until_ns)


def _rough(count: int) -> str:
    """Return a number's order of magnitude."""
    return "0" if count <= 0 else "1" if count == 1 else "few" if count < 10 else "many"
