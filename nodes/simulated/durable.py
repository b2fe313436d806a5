"""What the reference store's disks really hold, read from the simulated disks themselves.

A node's own reports say what it believes; one that acknowledges before its flush may believe wrongly. So in
simulation the reports of entries that are on disk come from here: an entry is reported at the instant at which a
power cut can no longer take it, and the node's own word for it is left out. Its word counts for what it cuts off:
it says so first, and an entry that becomes durable together with the mark that cuts it is none of its log.
"""

import json
import struct
import zlib
from collections.abc import Callable

from nodes.reference.records import FRAME, HEAD
from nodes.reference.wal import BASE, CUT, MAGIC, VALUE
from nodes.simulated.disk import Disk
from nodes.simulated.disk_file import Ranges

_SEGMENT_HEAD_BYTES = len(MAGIC) + 8
_SNAPSHOT_HEAD_BYTES = 8
_ENTRY = struct.Struct(FRAME.format + HEAD.format[1:])
_ENTRY_BYTES, _FRAME_BYTES, _HEAD_BYTES = _ENTRY.size, FRAME.size, HEAD.size
_STORED = b'{"event":"stored"'
_TRUNCATED = b'{"event":"truncated"'

Stretch = tuple[int, int, int]
"""Entries of one epoch: (epoch, first, last)."""

Tell = Callable[[Stretch], None]


class LogWatch:
    """Watches a disk and tells which entries have become durable on it, once each for as long as they are."""

    def __init__(self, disk: Disk, tell: Tell) -> None:
        self._disk = disk
        self._tell = tell
        self._read: dict[tuple[str, str], int] = {}
        self._disowned: list[Stretch] = []
        disk.watch(self._durable)

    def hears(self, printed: bytes) -> bool:
        """Take note of a line that the node prints; True if it is the node's word for what is told here."""
        if printed.startswith(_TRUNCATED):
            event = json.loads(printed)
            self._disowned.append((event["epoch"], event["first"], event["last"]))
        return printed.startswith(_STORED) and b'"medium":"disk"' in printed

    def _durable(self, path: str, ranges: Ranges) -> None:
        folder, _, name = path.rpartition("/")
        if name.endswith(".log") and folder.endswith("/log"):
            changed_from, _ = min(ranges, default=(0, 0))
            stretches = self._of_segment(path, changed_from)
        elif name == "snapshot":
            stretches = _of_snapshot(self._disk.durable_tail(path, 0))
        else:
            return
        for stretch in stretches:
            self._tell(stretch)

    def _of_segment(self, path: str, changed_from: int) -> list[Stretch]:
        """Return the entries of a segment that have not been told and count, one stretch for each epoch."""
        key = (self._disk.identity, path)
        begin = self._read.get(key, _SEGMENT_HEAD_BYTES)
        if changed_from < begin:  # written anew, as at recovery
            begin = _SEGMENT_HEAD_BYTES
        content, offset = self._disk.durable_tail(path, begin), 0
        stretches: list[Stretch] = []
        while (entry := _entry(content, offset)) is not None:
            index, epoch, end = entry
            if index and not (self._disowned and self._is_disowned(epoch, index)):
                _extend(stretches, epoch, index)
            elif not index and epoch in (CUT, BASE):
                self._disowned.clear()
                _cut(stretches, VALUE.unpack_from(content, offset + _ENTRY_BYTES)[0])
            offset = end
        self._read[key] = begin + offset
        return stretches

    def _is_disowned(self, epoch: int, index: int) -> bool:
        return any(of == epoch and first <= index <= last for of, first, last in self._disowned)


def _extend(stretches: list[Stretch], epoch: int, index: int) -> None:
    if stretches and stretches[-1][0] == epoch and stretches[-1][2] + 1 == index:
        stretches[-1] = (epoch, stretches[-1][1], index)
    else:
        stretches.append((epoch, index, index))


def _cut(stretches: list[Stretch], after: int) -> None:
    """Take away what a later mark of the same segment has cut off."""
    while stretches and stretches[-1][2] > after:
        epoch, first, _ = stretches.pop()
        if first <= after:
            stretches.append((epoch, first, after))


def line(stretch: Stretch, at_ns: int) -> bytes:
    """Return a stretch as the store itself reports one."""
    epoch, first, last = stretch
    return b'{"event":"stored","at":%d,"epoch":%d,"first":%d,"last":%d,"medium":"disk"}' % (
        at_ns, epoch, first, last
    )  # fmt: skip


def _entry(content: bytes, offset: int) -> tuple[int, int, int] | None:
    """Return index, epoch and end of the frame at `offset` (see `nodes.reference.records`); None if it is none."""
    if offset + _ENTRY_BYTES > len(content):
        return None
    length, crc, index, epoch = _ENTRY.unpack_from(content, offset)
    begin = offset + _FRAME_BYTES
    end: int = begin + length
    if length < _HEAD_BYTES or end > len(content) or zlib.crc32(content[begin:end]) != crc:
        return None
    return index, epoch, end


def _of_snapshot(content: bytes) -> list[Stretch]:
    """Return what a snapshot stands for: the entries up to its index, by the epochs in its head."""
    length = int.from_bytes(content[:4], "big")
    try:
        head = json.loads(content[_SNAPSHOT_HEAD_BYTES : _SNAPSHOT_HEAD_BYTES + length])
    except ValueError:
        return []
    return [tuple(row) for row in head.get("history", ())]
