"""A simulated disk: files in memory that lose in a power cut what nobody flushed, and that can be faulty.

Each process has a view of its own (`View`, with the methods of the store's `Files`). What survives is chosen
when the power is cut, by the source of choices that the disk was made with; see `disk_file` for contents and
`disk_names` for names. `disk_crash` goes through all that a power cut can leave.
"""

import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nodes.simulated.disk_choices import Choices
from nodes.simulated.disk_faults import Bite, Faults, Mishap
from nodes.simulated.disk_file import File, Ranges
from nodes.simulated.disk_names import Folder, Names
from nodes.simulated.disk_view import Step, View

Watcher = Callable[[str, Ranges], None]
"""Is told what has become durable: a file's durable path and the stretches that were written. A file is told of
once its name is durable, then as one stretch; no stretches at all mean that the path durably names no file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What a power cut took: changes of names, and sectors and lengths that are not as processes saw them."""

    names: int
    sectors: int


class Disk:
    """A disk, blank at first. `faults` may be changed at any time; `identity` tells it from its successor.

    The names of its choices tell files apart, but not disks: give each disk a source of its own.
    """

    def __init__(self, choices: Choices) -> None:
        self._choices = choices
        self.faults = Faults()
        self.names = Names()
        self.used_bytes = 0
        self.identity = self._new_identity()
        self._views: dict[str, list[View]] = {}
        self._watchers: list[Watcher] = []
        self._descriptors = 2

    # Processes

    def view(self, owner: str, *, step: Step | None = None) -> View:
        """Return the disk as the process `owner` sees it, until `release`; `step` hears of each change."""
        view = View(self, step)
        self._views.setdefault(owner, []).append(view)
        return view

    def release(self, owner: str) -> None:
        """The process is dead: close its files and free its locks. What it has written stays in the cache."""
        for view in self._views.pop(owner, ()):
            view.release()

    # Power and replacement

    def power_cut(self) -> Loss:
        """Forget what was not flushed, as far as the choices will have it; no process survives this."""
        self._release_all()
        changes = len(self.names.journal)
        kept = self._choices.below("names kept", changes + 1) if changes else 0
        self.names.lose_power(kept)
        sectors = sum(file.lose_power(self._choices) for file in self._all_files())
        self.used_bytes = sum(file.size for file in self._all_files())
        return Loss(names=changes - kept, sectors=sectors)

    def wipe(self) -> None:
        """Put a blank disk in its place. Faults, their counts and watchers stay: they are the machine's."""
        self._release_all()
        self.names = Names()
        self.used_bytes = 0
        self.identity = self._new_identity()

    def copy(self, choices: Choices) -> "Disk":
        """Return a disk in the same state, for which no process, no watcher and no fault exists."""
        other = Disk.__new__(Disk)
        other._choices = choices
        other.faults = Faults()
        other.names = self.names.copy()
        other.used_bytes = self.used_bytes
        other.identity = self.identity
        other._views, other._watchers, other._descriptors = {}, [], 2
        return other

    # For the machine and the harness

    def write_file(self, path: Path, data: bytes) -> None:
        """Put a durable file there, and the folders above it; other changes of names become durable too."""
        files = self.view("put")
        try:
            files.make_folder(path.parent)
            descriptor = files.open(path, create=True, truncate=True)
            files.write(descriptor, data, 0)
            files.sync(descriptor)
            files.sync_folder(path.parent)
        finally:
            self.release("put")

    def read_file(self, path: Path) -> bytes:
        """Return a file as processes see it."""
        file = self.names.existing(path)
        return file.read(file.size, 0)

    def contents(self) -> dict[str, bytes | None]:
        """Return all that processes see: contents by path, None for folders."""
        return {
            path: None if isinstance(node, Folder) else node.read(node.size, 0)
            for path, node in sorted(self.names.visible.items())
        }

    # For oracles

    def watch(self, watcher: Watcher) -> None:
        """Have `watcher` called whenever something becomes durable, except by a power cut."""
        self._watchers.append(watcher)

    def unwatch(self) -> None:
        """Tell nobody any more."""
        self._watchers.clear()

    def durable_bytes(self, path: Path) -> bytes | None:
        """Return what a power cut would leave of the file that durably has this name; None if there is none.

        A power cut may leave more: what is durable is what it can't take.
        """
        node = self.names.durable.get(str(path))
        return node.content() if isinstance(node, File) else None

    def durable_tail(self, path: str, start: int) -> bytes:
        """Return a file's durable bytes from `start` on, as far as anything was written; b"" if there is none."""
        node = self.names.durable.get(path)
        return node.written(start) if isinstance(node, File) else b""

    def durable_paths(self) -> list[Path]:
        """Return the files whose names are durable, sorted."""
        return [Path(path) for path, node in sorted(self.names.durable.items()) if isinstance(node, File)]

    def rot(self, path: Path) -> int | None:
        """Flip a bit of what is durable of a file; return in which byte, or None if it holds none.

        Processes see it too, unless the page cache has something newer there.
        """
        at = self.names.existing(path).rot(self._choices)
        if at is not None:
            self.faults.bites[Bite.BIT_ROT] += 1
        return at

    # For views

    def opened(self, file: File) -> int:
        """Return a new descriptor."""
        file.opened += 1
        self._descriptors += 1
        return self._descriptors

    def closed(self, file: File, descriptor: int) -> None:
        """A descriptor is gone, and the lock that it held."""
        file.opened -= 1
        if file.locked_by == descriptor:
            file.locked_by = None
        self.unlinked(file)

    def unlinked(self, file: File | None) -> None:
        """Free the space of a file that may have no name and no reader any more."""
        if file is not None and file.path is None and not file.opened:
            self.used_bytes -= file.size

    def reserve(self, size: int) -> None:
        """Take space; raises OSError (ENOSPC) if there is not enough."""
        capacity = self.faults.capacity_bytes
        if capacity is not None and self.used_bytes + size > capacity:
            self.faults.bites[Bite.NO_SPACE] += 1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.used_bytes += size

    def strike(self, file: File, data: bytes, offset: int) -> int | None:
        """Return where a write lands that may have a mishap; None is nowhere."""
        mishap = self.faults.next_write
        assert mishap is not None, "only a mishap strikes"
        landing = file.elsewhere(data, offset, self._choices) if mishap is Mishap.MISDIRECTED else None
        if not data or (mishap is Mishap.MISDIRECTED and landing is None):
            return offset
        self.faults.next_write = None
        self.faults.bites[mishap.value] += 1
        return landing

    def flush(self, file: File, count: int) -> None:
        """Make the first `count` unflushed changes of a file durable, unless a fault is in the way."""
        faults = self.faults
        if faults.sync_error:
            faults.sync_error = False
            faults.bites[Bite.SYNC_ERROR] += 1
            file.drop(count)
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if faults.lying:
            faults.bites[Bite.LYING_FLUSH] += 1
            return
        path = file.durable_path
        if self._watchers and path is not None:
            ranges = file.ranges(count)
            file.flush(count)
            self._tell(path, ranges)
        else:
            file.flush(count)

    def flush_names(self) -> None:
        """Make all changes of names durable, unless a fault is in the way."""
        if not self.names.journal:
            return
        if self.faults.lying:
            self.faults.bites[Bite.LYING_FLUSH] += 1
            return
        edits = self.names.commit(len(self.names.journal))
        if self._watchers:
            for path in dict.fromkeys(path for path, _ in edits):
                node = self.names.durable.get(path)
                if not isinstance(node, Folder):
                    self._tell(path, [(0, node.durable_size)] if node is not None else [])

    def stalled_ns(self) -> int:
        """Return how much longer than usual a flush takes that begins now; to be asked once for each."""
        if self.faults.stall_ns:
            self.faults.bites[Bite.STALL] += 1
        return self.faults.stall_ns

    def _tell(self, path: str, ranges: Sequence[tuple[int, int]]) -> None:
        for watcher in self._watchers:
            watcher(path, ranges)

    def _all_files(self) -> list[File]:
        return [node for _, node in sorted(self.names.visible.items()) if isinstance(node, File)]

    def _release_all(self) -> None:
        for owner in list(self._views):
            self.release(owner)

    def _new_identity(self) -> str:
        return f"simulated {self._choices.below('disk identity', 1 << 64):016x}"
