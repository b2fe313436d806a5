"""The log on disk: a sequence of segments that are only ever appended to.

A segment has a head (magic, the index that came next when it was made) and frames (see `records`), in
preallocated space, so that zeros mark the end and a full disk shows when a segment is made, not in the middle of
a write. Beside entries there are frames of the file's own, with index 0:

- *flushed n*, before each write: entries up to n were durable then. What is damaged before such a mark is no torn
  write of the last moment, and the log is refused.
- *cut n*: the entries behind n do not count; the log goes on with n + 1. It is written twice, each time flushed
  with all before it: what is damaged before such a mark was no torn write either.
- *base n*, at the start of a segment: a snapshot holds everything up to n; older segments do not count.

At recovery the end of the log is where the last segment has no whole frame any more. A torn tail was never
durable, hence never acknowledged, and is removed, unless a mark or the small `flushed` file proves that it was.
"""

import errno
import itertools
import struct
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nodes.reference.files import Files, read_whole, write_new
from nodes.reference.records import FRAME, HEAD, DamageError, encode, frame_at, position

MAGIC = b"ackedlog"
_SEGMENT = struct.Struct(">8sQ")
VALUE = struct.Struct(">Q")
"""The payload of a frame of the file's own: its n."""

_FLUSHED = 1
CUT = 2
"""The epoch of a frame of the file's own that says *cut n*."""

BASE = 3
"""The epoch of one that says *base n*."""

_MARK_BYTES = FRAME.size + HEAD.size + VALUE.size


class RefusedError(Exception):
    """The log on disk has lost or damaged entries that were durable; going on would hide that."""


@dataclass(slots=True)
class Found:
    """The entries that a log on disk holds: `frames`, the first of which has index `first`."""

    first: int
    frames: list[bytes]

    @property
    def last(self) -> int:
        """The index of the last entry, `first - 1` if there is none."""
        return self.first + len(self.frames) - 1


class Wal:
    """The open log. `write`, `cut` and `reset` belong to one thread; `sync` may be called by another."""

    def __init__(self, folder: Path, *, files: Files, segment_bytes: int) -> None:
        """Open, or make, the log in `folder` and read what is there into `found`.

        Raises RefusedError if durable entries are damaged or missing.
        """
        self._folder = folder
        self._spare = folder / "spare"
        self._size = segment_bytes
        self._files = files
        files.make_folder(folder)
        files.make_folder(folder.parent / "cut")
        # Names are relied upon from now on, but a process that was killed may not have flushed what it renamed.
        files.sync_folder(folder)
        files.sync_folder(folder.parent)
        self._hint = files.open(folder.parent / "flushed", create=True)
        self._segments: list[tuple[Path, int]] = []
        self._current = -1
        self._retired: list[int] = []
        self._making_spare = threading.Lock()
        self._has_spare = self._find_spare()
        self._offset = 0
        self._flushed = 0
        self.base_number: int | None = None
        """The number of the segment, among those found, that began a log anew; None if none did."""
        self.found = self._recover()
        self._flushed = self.found.last

    # Writing

    @property
    def remaining_bytes(self) -> int:
        """How much still fits into the current segment."""
        return self._size - self._offset

    @property
    def has_spare(self) -> bool:
        """Whether the next segment is there already."""
        return self._has_spare

    def prepare_spare(self) -> None:
        """Make the next segment's file ahead of its use, in any thread; raises OSError if the disk is full."""
        with self._making_spare:
            if not self.has_spare:
                self._make_spare(self._size)

    def _find_spare(self) -> bool:
        """Tell whether there is a spare to begin with; one that a crash has left half begun is removed."""
        if not self._files.exists(self._spare):
            return False
        blank = not read_whole(self._files, self._spare).rstrip(b"\0")
        if not blank:
            self._files.unlink(self._spare)
        return blank

    def prepare_reset(self, frames: Sequence[bytes]) -> None:
        """Make sure that there is room for `frames` in the next segment's file; raises OSError if there is not."""
        with self._making_spare:
            if not self.has_spare or _reset_bytes(frames) > self._size:
                self._make_spare(max(self._size, _reset_bytes(frames)))

    def _make_spare(self, size: int) -> None:
        files, making = self._files, self._folder / "spare.new"
        descriptor = files.open(making, create=True, truncate=True)
        try:
            files.allocate(descriptor, size)
            files.sync(descriptor)
        except OSError:
            files.unlink(making)
            raise
        finally:
            files.close(descriptor)
        files.rename(making, self._spare)
        self._has_spare = True

    def write(self, frames: tuple[bytes, ...]) -> None:
        """Append frames; they are in the page cache when this returns."""
        chunk = [_mark(_FLUSHED, self._flushed)]
        size = _MARK_BYTES
        for frame in frames:
            if self._offset + size + len(frame) > self._size:
                self._put(b"".join(chunk))
                self._rotate(position(frame)[0])
                chunk, size = [_mark(_FLUSHED, self._flushed)], _MARK_BYTES
            chunk.append(frame)
            size += len(frame)
        self._put(b"".join(chunk))

    def _put(self, data: bytes) -> None:
        self._files.write(self._current, data, self._offset)
        self._offset += len(data)

    @property
    def unsynced(self) -> int:
        """The descriptor to `fdatasync` (in any thread) to make everything written so far durable.

        It stays open until `synced` is called. If the flush fails, nothing is known any more: stop the node.
        """
        return self._current

    def synced(self, upto: int) -> None:
        """Note that entries up to `upto` are durable; raises OSError if that can't be written down.

        On a full disk it need not be: a hint that was lost with the power takes room again, and the entries are
        as durable without it.
        """
        while self._retired:
            self._files.close(self._retired.pop())
        self._hint_at(upto)

    def _hint_at(self, upto: int) -> None:
        self._flushed = upto
        try:
            self._files.write(self._hint, VALUE.pack(upto), 0)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise

    def cut(self, after: int, frames: tuple[bytes, ...]) -> None:
        """Remove the entries behind `after` durably; `frames`, the removed ones, are kept in `cut/`."""
        self._keep_aside(frames)
        self._lower_hint(after)
        if self._offset + 2 * _MARK_BYTES > self._size:
            self._rotate(after + 1, first=_mark(CUT, after))
            return
        self._files.sync_data(self._current)
        for _ in range(2):  # the second shows, if the first is damaged, that it was there
            self._put(_mark(CUT, after))
            self._files.sync_data(self._current)

    @property
    def next_number(self) -> int:
        """The number of the segment that is begun next."""
        return _number(self._segments[-1][0]) + 1

    def reset(self, base: int, frames: Sequence[bytes] = ()) -> None:
        """Start anew behind `base`, which a snapshot holds, with `frames`; the old segments are kept in `cut/`.

        The new log is there, as a whole, as soon as its segment has its name. `prepare_reset` comes first.
        """
        old = list(self._segments)
        self._lower_hint(base + len(frames))
        self._begin(base + 1, number=self.next_number, first=b"".join((_mark(BASE, base), *frames)))
        self._hint_at(base + len(frames))
        self._segments = self._segments[-1:]
        self._set_aside([path for path, _ in old])

    def _set_aside(self, paths: list[Path]) -> None:
        aside = self._folder.parent / "cut"
        for path in paths:
            self._files.rename(path, self._free_name(aside / f"replaced-{path.name}"))
        self._files.sync_folder(aside)
        self._files.sync_folder(self._folder)

    def compact(self, upto: int) -> None:
        """Remove the segments that hold nothing behind `upto`."""
        while len(self._segments) > 1 and self._segments[1][1] - 1 <= upto:
            self._files.unlink(self._segments.pop(0)[0])
        self._files.sync_folder(self._folder)

    def close(self) -> None:
        """Close the files."""
        self._files.close(self._hint)
        for descriptor in (*self._retired, self._current):
            self._files.close(descriptor)

    def _lower_hint(self, upto: int) -> None:
        self._flushed = min(self._flushed, upto)
        self._files.write(self._hint, VALUE.pack(self._flushed), 0)
        self._files.sync_data(self._hint)

    def _keep_aside(self, frames: tuple[bytes, ...]) -> None:
        if not frames:
            return
        first, epoch = position(frames[0])
        folder = self._folder.parent / "cut"
        path = self._free_name(folder / f"epoch-{epoch}-{first}-{first + len(frames) - 1}.log")
        write_new(self._files, path, b"".join(frames))
        self._files.sync_folder(folder)

    def _rotate(self, following: int, *, first: bytes = b"") -> None:
        """Go on in a new segment; everything in the old ones is durable from now on."""
        self._files.sync_data(self._current)
        self._begin(following, number=self.next_number, first=first)

    def _begin(self, following: int, *, number: int, first: bytes = b"") -> None:
        self.prepare_spare()
        if self._current >= 0:
            self._retired.append(self._current)  # a flush in another thread may be using it
        path = self._folder / f"{number:08}.log"
        self._current = self._files.open(self._spare)
        head = _SEGMENT.pack(MAGIC, following) + first
        self._files.write(self._current, head, 0)
        self._offset = len(head)
        self._files.sync_data(self._current)
        self._files.rename(self._spare, path)
        self._files.sync_folder(self._folder)
        self._has_spare = False
        self._segments.append((path, following))

    # Recovery

    def _recover(self) -> Found:
        paths = [self._folder / name for name in self._files.names(self._folder) if name.endswith(".log")]
        if not paths:
            self._begin(1, number=1)
            return Found(1, [])
        bases = [place for place, path in enumerate(paths) if self._first_mark(path) == BASE]
        self.base_number = _number(paths[bases[-1]]) if bases else None
        if bases and bases[-1]:
            self._set_aside(paths[: bases[-1]])
            paths = paths[bases[-1] :]
        found: Found | None = None
        for path in paths:
            found = self._read(path, found, last=path == paths[-1])
        assert found is not None, "there is a segment"
        return found

    def _read(self, path: Path, found: Found | None, *, last: bool) -> Found:
        data = read_whole(self._files, path)
        if len(data) < _SEGMENT.size or not data.startswith(MAGIC):
            raise RefusedError(f"{path.name} is no segment of a log")
        _, following = _SEGMENT.unpack_from(data)
        found = found or Found(following, [])
        if found.last + 1 != following and self._first_mark(path) != CUT:
            raise RefusedError(
                f"{path.name} begins at entry {following}, but the log before it ends at {found.last}"
            )
        self._segments.append((path, following))
        offset = _SEGMENT.size
        try:
            while (frame := frame_at(data, offset)) is not None:
                offset += len(frame)
                self._take(frame, found, path)
            flaw = "the log stops"
        except DamageError as damage:
            flaw = str(damage)
            if not last:
                raise RefusedError(f"{path.name}: {flaw}, in the middle of the log") from damage
        if last:
            self._end(path, data, offset, found, flaw)
        return found

    @staticmethod
    def _take(frame: bytes, found: Found, path: Path) -> None:
        index, kind = position(frame)
        if index == 0:
            (value,) = VALUE.unpack_from(frame, FRAME.size + HEAD.size)
            if kind == CUT:
                if value < found.first:
                    found.first = value + 1
                del found.frames[max(0, value - found.first + 1) :]
            return
        if index != found.last + 1:
            raise RefusedError(f"{path.name}: entry {index} follows entry {found.last}")
        found.frames.append(frame)

    def _end(self, path: Path, data: bytes, offset: int, found: Found, flaw: str) -> None:
        """Make `offset` the end of the log, if nothing proves that it went on durably."""
        proven = max((*self._hinted(), *_marks(data, offset, _FLUSHED)), default=0)
        if proven > found.last:
            raise RefusedError(
                f"{path.name}: {flaw} behind entry {found.last}, but entries up to {proven} were durable"
            )
        if (cut := min(_marks(data, offset, CUT), default=found.last)) < found.last:
            raise RefusedError(
                f"{path.name}: {flaw} behind entry {found.last}, but those behind {cut} had been cut off"
            )
        self._current = self._files.open(path)
        self._offset = offset
        # Written anew, so that what was read from the page cache is surely on the disk: after a failed flush
        # the kernel may show bytes that it will never write.
        rubbish = max(0, len(data.rstrip(b"\0")) - offset)
        self._files.write(self._current, data[:offset] + bytes(rubbish), 0)
        self._files.sync(self._current)

    def _hinted(self) -> tuple[int, ...]:
        raw = self._files.read(self._hint, VALUE.size, 0)
        return VALUE.unpack(raw) if len(raw) == VALUE.size else ()

    def _first_mark(self, path: Path) -> int | None:
        """Return the kind of the mark that a segment begins with, if it does."""
        descriptor = self._files.open(path)
        try:
            data = self._files.read(descriptor, _MARK_BYTES, _SEGMENT.size)
        finally:
            self._files.close(descriptor)
        try:
            frame = frame_at(data, 0)
        except DamageError:
            return None
        index, kind = position(frame) if frame is not None else (None, None)
        return kind if index == 0 else None

    def _free_name(self, path: Path) -> Path:
        candidates = (path.with_name(f"{path.name}.{number}") for number in itertools.count(1))
        return next(name for name in itertools.chain((path,), candidates) if not self._files.exists(name))


def _mark(kind: int, value: int) -> bytes:
    return encode(0, kind, VALUE.pack(value))


def _reset_bytes(frames: Sequence[bytes]) -> int:
    """Return how large a segment must be that begins with `frames`, and a mark on either side."""
    return _SEGMENT.size + 2 * _MARK_BYTES + sum(map(len, frames))


def _number(path: Path) -> int:
    return int(path.stem)


def _marks(data: bytes, offset: int, kind: int) -> list[int]:
    """Return the values of the whole marks of a kind that stand behind `offset`."""
    values: list[int] = []
    pattern = HEAD.pack(0, kind)
    at = data.find(pattern, offset)
    while at >= 0:
        try:
            frame = frame_at(data, at - FRAME.size)
        except DamageError:
            frame = None
        if frame is not None and len(frame) == _MARK_BYTES:
            values += VALUE.unpack_from(frame, FRAME.size + HEAD.size)
        at = data.find(pattern, at + 1)
    return values
