"""The store's storage at work on a simulated disk, with a note at each step of what it has promised until then."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from nodes.reference.effects import Meta
from nodes.reference.node import Recovered
from nodes.reference.records import encode, position
from nodes.reference.rules import Record
from nodes.reference.settings import Member, Settings
from nodes.reference.snapshot import SnapshotWriter
from nodes.reference.storage import Storage
from nodes.simulated.disk import Disk
from nodes.simulated.disk_choices import Same

HOME = Path("/data")
SETTINGS = Settings(name="n1", members=(Member(name="n1", host="-", port=1),), segment_bytes=2048)
ROWS = [["value", "k", 1]]


@dataclass(frozen=True, kw_only=True)
class Version:
    """What may be found: a snapshot, and the entries (by index) up to `floor` at least."""

    snapshot: int = 0
    entries: dict[int, bytes]
    floor: int = 0

    def holds(self, found: Recovered) -> bool:
        """Tell whether this is what was found."""
        log = found.log
        return (
            found.snapshot == self.snapshot
            and log.base <= found.snapshot
            and max(self.floor, self.snapshot) <= log.last
            and all(
                log.frame(index) == self.entries.get(index) for index in range(log.base + 1, log.last + 1)
            )
        )

    def __str__(self) -> str:
        return f"snapshot {self.snapshot}, entries {min(self.entries, default=0)} to {self.floor} or more"


@dataclass(frozen=True, kw_only=True)
class Promise:
    """What the store may find at its next start: one of these logs, and one of these metas (None: any)."""

    versions: tuple[Version, ...]
    metas: tuple[Meta | None, ...]
    aside: tuple[bytes, ...] = ()
    """What must lie in `cut/`."""

    def broken_by(self, disk: Disk, storage: Storage) -> str | None:
        """Tell how what was found breaks it."""
        found = storage.recovered
        if not any(version.holds(found) for version in self.versions):
            what = f"snapshot {found.snapshot}, entries {found.log.base + 1} to {found.log.last}"
            return f"found {what}; promised {' or '.join(map(str, self.versions))}"
        if None not in self.metas and found.meta not in self.metas:
            return f"found {found.meta}; promised one of {self.metas}"
        kept = [
            content or b"" for path, content in disk.contents().items() if path.startswith(f"{HOME}/cut/")
        ]
        if not all(any(entries in content for content in kept) for entries in self.aside):
            return "entries that were cut are not kept aside"
        return None


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A moment at which the machine may lose its power: where, the disk then, and what was promised."""

    where: str
    disk: Disk
    promise: Promise


BLANK = Promise(versions=(Version(entries={}),), metas=(None,))


class Life:
    """A store from its start to its end on `disk`; `moments` has one before each change, and the end."""

    def __init__(self, disk: Disk, promise: Promise = BLANK, *, epoch: int = 101) -> None:
        self.disk = disk
        self.promise = promise
        self.moments: list[Moment] = []
        self._epoch = epoch
        self._doing = "start"
        self.files = disk.view("store", step=self._step)
        self.storage = Storage(HOME, SETTINGS, files=self.files, identity=f"disk of {epoch}")
        found = self.storage.recovered
        self._last = found.log.last
        kept = {index: found.log.frame(index) for index in range(found.log.base + 1, found.log.last + 1)}
        # What is read at a start is made durable by it: the node may count on it from now on.
        version = Version(snapshot=found.snapshot, entries=kept, floor=found.log.last)
        self.promise = replace(promise, versions=(version,), metas=(found.meta,))

    def _step(self, name: str, path: Path | None) -> None:
        self._note(f"{self._doing}, before {name} {path}")

    def _note(self, where: str) -> None:
        self.moments.append(Moment(where=where, disk=self.disk.copy(Same(last=False)), promise=self.promise))

    @contextmanager
    def _turning(self, doing: str, version: Version) -> Iterator[None]:
        """Have what is there and `version` both allowed, and then only that."""
        self._doing = doing
        before = self.promise
        self.promise = replace(before, versions=(*before.versions, version))
        yield
        self.promise = replace(self.promise, versions=(version,))

    @property
    def _version(self) -> Version:
        (version,) = self.promise.versions
        return version

    # What the server does

    def write(self, count: int, *, size: int = 60) -> None:
        """Append entries."""
        self._doing = f"write of {count}"
        frames = self._frames(self._last, count, size)
        entries = self._version.entries | {position(frame)[0]: frame for frame in frames}
        self._last += count
        # A rotation in the middle makes durable what went before; that is more than was promised.
        self.promise = replace(self.promise, versions=(replace(self._version, entries=entries),))
        self.storage.wal.write(frames)

    def _frames(self, after: int, count: int, size: int = 60) -> tuple[bytes, ...]:
        return tuple(
            encode(index, self._epoch, bytes([index % 250 + 1]) * size)
            for index in range(after + 1, after + 1 + count)
        )

    def flush(self, during: Callable[[], None] = lambda: None) -> None:
        """Flush what was written, while something else goes on."""
        self._doing, upto = "flush", self._last
        flush = self.files.begin_sync(self.storage.wal.unsynced)
        during()
        self._doing = "end of flush"
        self.files.end_sync(flush)
        self.promise = replace(self.promise, versions=(replace(self._version, floor=upto),))
        self.storage.wal.synced(upto)

    def append(self, *counts: int) -> None:
        """Write and flush, once for each count."""
        for count in counts:
            self.write(count)
            self.flush()

    def spare(self) -> None:
        self._doing = "spare"
        self.storage.wal.prepare_spare()

    def cut(self, back: int) -> None:
        """Cut entries off the end of the log, as a replica does that meets a new primary."""
        before = self._version
        after = max(self._last - back, before.snapshot)
        removed = tuple(before.entries[index] for index in range(after + 1, self._last + 1))
        left = {index: frame for index, frame in before.entries.items() if index <= after}
        with self._turning(f"cut after {after}", replace(before, entries=left, floor=after)):
            self.storage.wal.cut(after, removed)
        self.promise = replace(self.promise, aside=(*self.promise.aside, b"".join(removed)))
        self._last = after
        self._epoch += 100

    def save_meta(self, promised: int) -> None:
        self._doing = f"meta {promised}"
        before = self.promise.metas
        record = Record(
            epoch=promised,
            seq=1,
            members={f"n{number}": f"disk {promised}" * 20 for number in range(9)},
            need=5,
        )  # larger than a sector
        meta = replace(self.storage.recovered.meta, promised=promised, record=record)
        self.promise = replace(self.promise, metas=(*before, meta))
        self.storage.save_meta(meta)
        self.promise = replace(self.promise, metas=(meta,))

    def snapshot(self, back: int) -> None:
        """Write a snapshot of the state that misses the last entries."""
        index = self._last - back
        history = self._history(index)
        with self._turning(f"snapshot {index}", replace(self._version, snapshot=index)):
            self.storage.begin_snapshot(index, history)
            self.storage.snapshot_rows(ROWS)
            self.storage.finish_snapshot()

    def compact(self, back: int) -> None:
        """Forget the log but for the last entries, which must reach to before the snapshot."""
        self._doing = f"compaction to {self._last - back}"
        self.storage.wal.compact(self._last - back)

    def install(self, ahead: int, *, rest: int = 0) -> None:
        """Take another node's snapshot, so much longer than the log here, in the place of all that is here.

        `rest` is how many entries behind the snapshot come with it.
        """
        index = self._last + ahead
        self._epoch += 100
        for number, part in enumerate(self._parts(index)):
            self._doing = f"part {number}"
            self.storage.write_part(number * 50, part)
        frames = self._frames(index, rest)
        entries = {position(frame)[0]: frame for frame in frames}
        new = Version(snapshot=index, entries=entries, floor=index + rest)
        with self._turning(f"installation of {index} and {rest} more", new):
            self.storage.install(index, frames)
        self._last = index + rest

    def _parts(self, index: int) -> Sequence[bytes]:
        """Return what another node would send."""
        files = Disk(Same(last=True)).view("other")
        files.make_folder(HOME)
        writer = SnapshotWriter(HOME, index, [(self._epoch, 1, index)], files=files)
        writer.rows(ROWS)
        writer.finish()
        descriptor = files.open(HOME / "snapshot")
        data = files.read(descriptor, files.size(descriptor), 0)
        return [data[at : at + 50] for at in range(0, len(data), 50)]

    def _history(self, index: int) -> list[tuple[int, int, int]]:
        stretches: dict[int, list[int]] = {}
        for place, frame in sorted(self._version.entries.items()):
            if place <= index:
                stretches.setdefault(position(frame)[1], []).append(place)
        history = [(epoch, places[0], places[-1]) for epoch, places in stretches.items()]
        return [(history[0][0], 1, history[0][2]), *history[1:]]

    def stop(self) -> None:
        self._doing = "stop"
        self.storage.close()
        self._note("the end")
