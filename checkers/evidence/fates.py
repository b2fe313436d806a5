"""What became of each copy of a log entry: who had it since when, on which medium, and what destroyed it.

A copy is believed from its node's report on, and until something destroyed it: a wiped disk takes it, damage to
the disk makes it worthless, a power cut takes what was in memory only, and its node may have cut it off its log.
What a node says of its log after a restart changes nothing: a copy that was reported as flushed, and that no
fault destroyed, is owed.
"""

import enum
from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from checkers.evidence.case import Case
from checkers.evidence.incidents import Destruction
from checkers.evidence.reports import NEVER
from harness.events import Medium

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Loss(enum.StrEnum):
    """How a copy went."""

    WIPED = "wiped"
    """Its node's disk was lost."""
    DAMAGED = "damaged"
    """A fault that no contract covers has damaged its node's disk."""
    UNFLUSHED = "unflushed"
    """Its node lost power while the copy was in memory only."""
    TRUNCATED = "truncated"
    """Its node cut it off its log."""


class Copy(Struct, frozen=True, kw_only=True):
    """One node's copy of an entry. A time is None if it was not on that medium, or is not lost.

    `lost_ns` is the earliest moment at which it may have been gone; `episode` the fault that took it.
    """

    node: str
    memory_ns: int
    disk_ns: int | None
    loss: Loss | None = None
    lost_ns: int | None = None
    episode: int | None = None

    def since_ns(self, medium: Medium) -> int | None:
        """Return since when it was on `medium`; a copy on disk counts as one in memory, too."""
        return self.memory_ns if medium is Medium.MEMORY else self.disk_ns

    def lost_by(self, time_ns: int) -> bool:
        """Tell whether it may have been gone at a time."""
        return self.lost_ns is not None and self.lost_ns <= time_ns


class _Incident(Struct, frozen=True, kw_only=True):
    """Something that happened to those of a node's copies that were reported up to position `until`.

    It hit offsets `first` to `last`, `from_ns` at the earliest.
    """

    loss: Loss
    from_ns: int
    until: int
    first: int = 0
    last: int = NEVER
    episode: int | None = None


def fates(case: Case, epoch: int, offsets: "NDArray[np.int64]") -> list[tuple[Copy, ...]]:
    """Return the copies of each entry of `epoch` at `offsets` (sorted), by node and time.

    O(incidents * (reports + offsets)) for each node.
    """
    found: list[list[Copy]] = [[] for _ in range(len(offsets))]
    for node in case.reports.nodes:
        for index, copy in _of_node(case, node, epoch, offsets):
            found[index].append(copy)
    return [tuple(copies) for copies in found]


def _of_node(case: Case, node: str, epoch: int, offsets: "NDArray[np.int64]") -> Iterator[tuple[int, Copy]]:
    """Yield the node's copies with the index of their offset, one stretch between incidents at a time."""
    numbers = offsets.tolist()
    memory, disk = [NEVER] * len(numbers), [NEVER] * len(numbers)
    after = -1
    for incident in (*_incidents(case, node), None):
        until = NEVER if incident is None else incident.until
        stored = {
            medium: _first_stored(case, node, epoch, offsets, medium=medium, within=(after, until))
            for medium in Medium
        }
        after = until
        for index, offset in enumerate(numbers):
            disk[index] = min(disk[index], stored[Medium.DISK][index])
            memory[index] = min(memory[index], stored[Medium.MEMORY][index], disk[index])
            if memory[index] == NEVER:
                continue
            on_disk_ns = None if disk[index] == NEVER else disk[index]
            copy = Copy(node=node, memory_ns=memory[index], disk_ns=on_disk_ns)
            if incident is None:
                yield index, copy
            elif _destroys(incident, copy, offset):
                yield index, _lost(copy, incident)
                disk[index] = memory[index] = NEVER


def _incidents(case: Case, node: str) -> list[_Incident]:
    """Return what happened to a node's copies, in order: a cut comes before a fault at the same position."""
    found = [
        _Incident(loss=Loss.TRUNCATED, from_ns=cut.at_ns, until=position, first=cut.first, last=cut.last)
        for position, cut in case.reports.truncations(node)
    ]
    found += [
        _Incident(
            loss=_loss(gone),
            from_ns=gone.from_ns,
            until=case.reports.position(gone.until_ns),
            episode=gone.episode,
        )
        for gone in case.destructions
        if gone.node == node
    ]
    return sorted(found, key=lambda incident: incident.until)


def _loss(gone: Destruction) -> Loss:
    if gone.damage:
        return Loss.DAMAGED
    return Loss.WIPED if gone.disk else Loss.UNFLUSHED


def _first_stored(
    case: Case,
    node: str,
    epoch: int,
    offsets: "NDArray[np.int64]",
    *,
    medium: Medium,
    within: tuple[int, int],
) -> list[int]:
    """Return when the node first reported the entries, also as part of a later epoch that contains them.

    `within` are the positions of the reports to look at: after the first, and up to the second.
    """
    import numpy as np

    after, until = within
    first_ns = np.full(len(offsets), NEVER, dtype=np.int64)
    for later in case.reports.epochs(node, medium):
        reach = case.lineage.reach(later, epoch)
        if reach is not None and reach >= 0:
            stored = case.reports.first_stored(node, medium, later, offsets, after=after, until=until)
            first_ns = np.where(offsets <= reach, np.minimum(first_ns, stored), first_ns)
    return [int(time_ns) for time_ns in first_ns.tolist()]


def _destroys(incident: _Incident, copy: Copy, offset: int) -> bool:
    if incident.loss is Loss.UNFLUSHED:
        return copy.disk_ns is None
    return incident.first <= offset <= incident.last


def _lost(copy: Copy, incident: _Incident) -> Copy:
    return Copy(
        node=copy.node,
        memory_ns=copy.memory_ns,
        disk_ns=copy.disk_ns,
        loss=incident.loss,
        lost_ns=incident.from_ns,
        episode=incident.episode,
    )
