"""The log in memory: the entries after the last snapshot, as frames, and the history of epochs from the start.

The file system's copy is `wal`; this one answers what the node asks at every step. Its size is bounded by the
snapshots (see `Settings.snapshot_bytes`); the history has one item an epoch.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nodes.reference.records import position

Range = tuple[int, int, int]
"""A stretch of the log written in one epoch: (epoch, first index, last index)."""


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """The end of a log, ordered by how recent it is: the last entry's epoch first, then its index."""

    epoch: int
    index: int


class Log:
    """Entries `base + 1` to `last`; everything up to `base` is in a snapshot.

    `history` holds the stretches up to `base`, as `ranges` gives them.
    """

    def __init__(self, *, base: int = 0, history: Sequence[Range] = (), frames: Iterable[bytes] = ()) -> None:
        assert (history[-1][2] if history else 0) == base, "the history must end where the entries begin"
        self.base = base
        self.last = base
        self.size_bytes = 0
        self._frames: list[bytes] = []
        self._epochs = [epoch for epoch, _, _ in history]
        self._starts = [start for _, start, _ in history]
        for frame in frames:
            self.append(frame)

    @property
    def end(self) -> Mark:
        """The last entry's epoch and index."""
        return Mark(self._epochs[-1] if self._epochs else 0, self.last)

    def append(self, frame: bytes) -> int:
        """Append an entry and return its index; its epoch never goes backwards."""
        index, epoch = position(frame)
        newest = self._epochs[-1] if self._epochs else 0
        assert index == self.last + 1, "an entry must follow the last one"
        assert epoch >= newest, "epochs in a log never go backwards"
        if epoch > newest:
            self._epochs.append(epoch)
            self._starts.append(index)
        self._frames.append(frame)
        self.last = index
        self.size_bytes += len(frame)
        return index

    def frame(self, index: int) -> bytes:
        """Return the entry at `index`, which must be behind `base`."""
        assert self.base < index <= self.last, "the entry must be in the log"
        return self._frames[index - self.base - 1]

    def epoch_at(self, index: int) -> int | None:
        """Return the epoch of the entry at `index` (0 at index 0), or None if it is not there yet."""
        if index == 0:
            return 0
        if index > self.last:
            return None
        return self._epochs[bisect_right(self._starts, index) - 1]

    def ranges(self) -> list[Range]:
        """Return the whole history as stretches of one epoch each, oldest first."""
        stops = [start - 1 for start in self._starts[1:]] + [self.last]
        return list(zip(self._epochs, self._starts, stops, strict=False))

    def stretches(self, first: int, last: int) -> list[Range]:
        """Return the stretches of one epoch each that make up the entries `first` to `last`."""
        if self._starts and self._starts[-1] <= first <= last <= self.last:
            return [(self._epochs[-1], first, last)]
        return [
            (epoch, max(start, first), min(stop, last))
            for epoch, start, stop in self.ranges()
            if stop >= first and start <= last
        ]

    def common(self, ranges: Sequence[Range]) -> int:
        """Return the last index up to which a log with these `ranges` equals this one.

        An epoch has one primary, and a log takes an entry only behind its right predecessor, so the same
        index and epoch mean the same history before it (Ongaro and Ousterhout 2014, log matching).
        """
        mine = {epoch: stop for epoch, _, stop in self.ranges()}
        return next((min(stop, mine[epoch]) for epoch, _, stop in reversed(ranges) if epoch in mine), 0)

    def after(self, index: int) -> list[bytes]:
        """Return all entries behind `index`, which must not be before `base`."""
        return self._frames[index - self.base :]

    def slice(self, first: int, last: int, limit_bytes: int) -> list[bytes]:
        """Return the entries from `first` to `last`, but not more than `limit_bytes` (and at least one)."""
        chosen: list[bytes] = []
        size = 0
        for frame in self._frames[first - self.base - 1 : last - self.base]:
            size += len(frame)
            if chosen and size > limit_bytes:
                break
            chosen.append(frame)
        return chosen

    def cut(self, after: int) -> list[bytes]:
        """Remove and return all entries behind index `after`, which must not be before `base`."""
        assert self.base <= after <= self.last, "only entries behind the snapshot can be cut"
        removed = self.after(after)
        del self._frames[after - self.base :]
        keep = bisect_right(self._starts, after)
        del self._starts[keep:], self._epochs[keep:]
        self.last = after
        self.size_bytes -= sum(map(len, removed))
        return removed

    def compact(self, upto: int) -> None:
        """Forget the entries up to `upto`: a snapshot has them. The history stays."""
        assert self.base <= upto <= self.last, "only what is in the log can be compacted"
        dropped = self._frames[: upto - self.base]
        del self._frames[: upto - self.base]
        self.size_bytes -= sum(map(len, dropped))
        self.base = upto
