"""The disk as one process sees it: the methods of the store's `Files`, on descriptors of its own."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from nodes.simulated.disk_file import File
from nodes.simulated.disk_names import failure

if TYPE_CHECKING:
    from nodes.simulated.disk import Disk

Step = Callable[[str, Path | None], None]
"""Is told of each call that changes something, before it does: the method's name, and the path, if there is one.
What it raises ends the call, as if the process had died there."""


class Flush(Struct, frozen=True):
    """A flush that has begun: it makes durable what was written to the file before."""

    file: File
    upto: int


class View:
    """Files as `nodes.reference.files` describes them. Once its owner is released, every call fails with EBADF.

    A flush takes time in the simulation: `begin_sync` and `end_sync` are the steps of `sync`; in between goes by
    what `Disk.stalled_ns` says, and whatever else the machine wants.
    """

    def __init__(self, disk: "Disk", step: Step | None) -> None:
        self._disk = disk
        self._step = step
        self._files: dict[int, File] = {}
        self._alive = True

    # Descriptors

    def open(self, path: Path, *, create: bool = False, truncate: bool = False) -> int:
        """Open a file to read and write."""
        self._begin("open", path, quiet=not (create or truncate))
        file = self._disk.names.file(path) if create else self._disk.names.existing(path)
        if file is None:
            file = File()
            self._disk.names.link(path, file)
        elif truncate and file.size:
            self._disk.used_bytes -= file.size
            file.truncate()
        return self._descriptor(file)

    def close(self, descriptor: int) -> None:
        """Close a file; a process that is dead has done so already."""
        if self._alive:
            file = self._file(descriptor)
            del self._files[descriptor]
            self._disk.closed(file, descriptor)

    def lock(self, path: Path) -> int:
        """Open a file and lock it until it is closed."""
        self._begin("lock", path)
        file = self._disk.names.file(path)
        if file is None:
            file = File()
            self._disk.names.link(path, file)
        if file.locked_by is not None:
            raise BlockingIOError(errno.EWOULDBLOCK, os.strerror(errno.EWOULDBLOCK), str(path))
        file.locked_by = descriptor = self._descriptor(file)
        return descriptor

    # Content

    def read(self, descriptor: int, size: int, offset: int) -> bytes:
        """Read what is in the page cache."""
        return self._file(descriptor).read(size, offset)

    def write(self, descriptor: int, data: bytes, offset: int) -> None:
        """Write into the page cache."""
        file = self._file(descriptor)
        if self._step is not None:
            self._step("write", file.path)
        disk, end = self._disk, offset + len(data)
        if end > file.size:
            if not data:
                return
            disk.reserve(end - file.size)
        landing: int | None = offset
        if disk.faults.next_write is not None:
            landing = disk.strike(file, data, offset)
        file.write(data, offset, landing=landing)

    def size(self, descriptor: int) -> int:
        """Return a file's length."""
        return self._file(descriptor).size

    def allocate(self, descriptor: int, size: int) -> None:
        """Make a file longer; does nothing to one that is long enough."""
        file = self._file(descriptor)
        if self._step is not None:
            self._step("allocate", file.path)
        if size > file.size:
            self._disk.reserve(size - file.size)
            file.allocate(size)

    # Flushes

    def sync(self, descriptor: int) -> None:
        """Flush a file's content and length."""
        self._sync("sync", descriptor)

    def sync_data(self, descriptor: int) -> None:
        """Flush a file's content and length: there is no other metadata here."""
        self._sync("sync_data", descriptor)

    def _sync(self, name: str, descriptor: int) -> None:
        file = self._file(descriptor)
        if self._step is not None:
            self._step(name, file.path)
        if file.unflushed:
            self._disk.flush(file, len(file.unflushed))

    def begin_sync(self, descriptor: int) -> Flush:
        """Begin to flush a file: what is written from now on need not become durable by it."""
        file = self._file(descriptor)
        if self._step is not None:
            self._step("sync", file.path)
        return Flush(file, file.base + len(file.unflushed))

    def end_sync(self, flush: Flush) -> None:
        """End a flush: what was written before it began is durable. Raises OSError if that failed.

        After a power cut, and where another flush was quicker, nothing is left to do.
        """
        count = flush.upto - flush.file.base
        if count > 0:
            self._disk.flush(flush.file, count)

    # Names

    def rename(self, old: Path, new: Path) -> None:
        """Rename a file."""
        self._begin("rename", old)
        self._disk.unlinked(self._disk.names.rename(old, new))

    def unlink(self, path: Path) -> None:
        """Remove a file's name."""
        self._begin("unlink", path)
        self._disk.unlinked(self._disk.names.unlink(path))

    def exists(self, path: Path) -> bool:
        """Tell whether something has this name."""
        self._begin("exists", path, quiet=True)
        return str(path) in self._disk.names.visible

    def names(self, folder: Path) -> list[str]:
        """List a folder."""
        self._begin("names", folder, quiet=True)
        return self._disk.names.children(folder)

    def make_folder(self, folder: Path) -> None:
        """Make a folder."""
        self._begin("make_folder", folder)
        self._disk.names.make_folder(folder)

    def sync_folder(self, folder: Path) -> None:
        """Make all changes of names up to now durable."""
        self._begin("sync_folder", folder)
        self._disk.names.expect_folder(folder)
        self._disk.flush_names()

    # Behind the scenes

    def release(self) -> None:
        """The process is dead: its files are closed, its locks free."""
        self._alive = False
        for descriptor, file in self._files.items():
            self._disk.closed(file, descriptor)
        self._files.clear()

    def _begin(self, name: str, path: Path, *, quiet: bool = False) -> None:
        if not self._alive:
            raise failure(errno.EBADF, path)
        if self._step is not None and not quiet:
            self._step(name, path)

    def _descriptor(self, file: File) -> int:
        descriptor = self._disk.opened(file)
        self._files[descriptor] = file
        return descriptor

    def _file(self, descriptor: int) -> File:
        try:
            return self._files[descriptor]
        except KeyError:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF)) from None
