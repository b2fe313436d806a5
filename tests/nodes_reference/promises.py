"""What a mode promises, watched from outside a cluster of the little world: it knows what is on which disk.

Not computed with the store's own rules, so that a mistake there shows.
"""

from collections import defaultdict
from typing import Any

from nodes.reference.effects import Meta
from nodes.reference.log import Range
from nodes.reference.records import position
from nodes.reference.settings import Mode, Settings, Visibility

Place = tuple[int, int]
"""An entry of the log: (epoch, index)."""


class Promises:
    """Which disks ever held an entry or a record durably, and whether an acknowledgement was right."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._flushed: defaultdict[Place, set[str]] = defaultdict(set)
        self._written: defaultdict[Place, set[str]] = defaultdict(set)
        self._recorded: defaultdict[tuple[int, tuple[str, ...] | None], set[str]] = defaultdict(set)
        self._names: dict[str, str] = {}
        self._newest = 0
        self._with_fewer: tuple[Place, tuple[int, int]] | None = None

    # What happens on the disks

    def kept(self, name: str, meta: Meta) -> None:
        """A node's facts are durable."""
        self._names[meta.identity] = name
        record = meta.record
        if record is None:
            return
        self._recorded[record.epoch, record.in_sync].add(meta.identity)
        if self._with_fewer and record.in_sync is None and record.version > self._with_fewer[1]:
            place, self._with_fewer = self._with_fewer[0], None
            holders = {self._names[one] for one in self._flushed[place]}
            assert self._enough(None, holders, holders), (
                f"no longer degraded, but {place} is only at {holders}"
            )

    def written(self, identity: str, frames: list[bytes] | tuple[bytes, ...]) -> None:
        """Frames are in a page cache."""
        for frame in frames:
            index, epoch = position(frame)
            self._written[epoch, index].add(identity)

    def flushed(self, identity: str, frames: list[bytes]) -> None:
        """Frames are on a disk."""
        self.written(identity, frames)
        for frame in frames:
            index, epoch = position(frame)
            self._flushed[epoch, index].add(identity)

    def installed(self, identity: str, history: list[Range]) -> None:
        """Everything in these stretches is on a disk."""
        for epoch, first, last in history:
            for index in range(first, last + 1):
                self._flushed[epoch, index].add(identity)
                self._written[epoch, index].add(identity)

    # What follows

    def acknowledged(self, name: str, meta: Meta, answer: dict[str, Any]) -> None:
        """A primary answers that a write is done."""
        record, place = meta.record, (answer["epoch"], answer["offset"])
        assert record is not None, "a primary has a record"
        members = {identity: who for who, identity in record.members.items()}
        flushed = {members[one] for one in self._flushed[place] if one in members}
        written = {members[one] for one in self._written[place] if one in members}
        if answer.get("degraded"):
            in_sync = record.in_sync
            assert self._settings.degrade_after_ns, "degraded, but never may be"
            assert in_sync is not None, "degraded, but by the record it is not"
            assert {name, *in_sync} <= flushed, f"{in_sync} should hold {place}, but {flushed} do"
            self._with_fewer = place, record.version
            keepers = self._recorded[record.epoch, in_sync]
            assert not self._settings.leased or len(keepers) > len(record.members) // 2, (
                f"degraded, but only {keepers} keep the record"
            )
        else:
            assert self._enough(name, flushed, written), (
                f"{name} acknowledged {place}: on disk at {flushed}, in memory at {written}"
            )
        if self._settings.leased:
            assert answer["epoch"] >= self._newest, f"{name} acknowledged {place} after epoch {self._newest}"
            self._newest = answer["epoch"]

    def shown(self, name: str, place: Place) -> None:
        """A node makes an entry readable."""
        if self._settings.visibility is Visibility.ON_ACK and not self._settings.degrade_after_ns:
            flushed = {self._names[identity] for identity in self._flushed[place]}
            written = {self._names[identity] for identity in self._written[place]}
            assert self._enough(None, flushed, written), f"{name} shows {place}, which is only at {flushed}"

    def _enough(self, primary: str | None, flushed: set[str], written: set[str]) -> bool:
        settings = self._settings
        if primary is not None and primary not in flushed:
            return False
        match settings.mode:
            case Mode.ASYNC:
                return len(flushed) >= 1
            case Mode.SEMI_SYNC:
                return len(flushed) >= 1 + settings.k
            case Mode.SEMI_SYNC_MEMORY:
                return len(flushed) >= 1 and len(written) >= 1 + settings.k
            case Mode.QUORUM:
                return 2 * len(flushed) > len(settings.data)
            case Mode.SYNC | Mode.HYBRID:
                return set(settings.sync_set) <= flushed
