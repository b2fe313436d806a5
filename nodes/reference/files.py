"""What the store asks of a file system: a handful of calls, so that its disk code runs on simulated disks too.

Descriptors are small integers, as in POSIX. Nothing is durable before it was synced: the content of a file by
`sync` or `sync_data`, a new or changed name by `sync_folder`. Every method raises OSError as the system would.
"""

import fcntl
import os
from pathlib import Path
from typing import Protocol


class Files(Protocol):
    """A file system."""

    def open(self, path: Path, *, create: bool = False, truncate: bool = False) -> int:
        """Open a file to read and write; without `create` it must exist."""

    def close(self, descriptor: int) -> None:
        """Close a file."""

    def read(self, descriptor: int, size: int, offset: int) -> bytes:
        """Read up to `size` bytes at `offset`; fewer only at the end of the file."""

    def write(self, descriptor: int, data: bytes, offset: int) -> None:
        """Write all of `data` at `offset`, into the page cache."""

    def size(self, descriptor: int) -> int:
        """Return the file's length in bytes."""

    def allocate(self, descriptor: int, size: int) -> None:
        """Make the file `size` bytes long, zeros where nothing was written, with its space on disk reserved."""

    def sync(self, descriptor: int) -> None:
        """Make content and length durable."""

    def sync_data(self, descriptor: int) -> None:
        """Make the content durable, and the length where that is needed to read it."""

    def rename(self, old: Path, new: Path) -> None:
        """Rename a file, over another one if need be; at any time one of the two has the new name."""

    def unlink(self, path: Path) -> None:
        """Remove a file's name."""

    def exists(self, path: Path) -> bool:
        """Tell whether there is such a file or folder."""

    def names(self, folder: Path) -> list[str]:
        """Return the names in a folder, sorted."""

    def make_folder(self, folder: Path) -> None:
        """Make a folder, and those above it, unless they are there."""

    def sync_folder(self, folder: Path) -> None:
        """Make the names in a folder durable."""

    def lock(self, path: Path) -> int:
        """Open a file and lock it until it is closed; raises BlockingIOError if another process has done so."""


class HostFiles:
    """The files of the host that this process runs on."""

    def open(self, path: Path, *, create: bool = False, truncate: bool = False) -> int:
        """Open a file to read and write."""
        flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0) | (os.O_TRUNC if truncate else 0)
        return os.open(path, flags, 0o644)

    def close(self, descriptor: int) -> None:
        """Close a file."""
        os.close(descriptor)

    def read(self, descriptor: int, size: int, offset: int) -> bytes:
        """Read at an offset."""
        parts = []
        while size and (part := os.pread(descriptor, size, offset)):
            parts.append(part)
            size, offset = size - len(part), offset + len(part)
        return b"".join(parts)

    def write(self, descriptor: int, data: bytes, offset: int) -> None:
        """Write at an offset."""
        view = memoryview(data)
        while view:
            count = os.pwrite(descriptor, view, offset)
            view, offset = view[count:], offset + count

    def size(self, descriptor: int) -> int:
        """Return a file's length."""
        return os.fstat(descriptor).st_size

    def allocate(self, descriptor: int, size: int) -> None:
        """Reserve space."""
        os.posix_fallocate(descriptor, 0, size)

    def sync(self, descriptor: int) -> None:
        """Flush a file."""
        os.fsync(descriptor)

    def sync_data(self, descriptor: int) -> None:
        """Flush a file's content."""
        os.fdatasync(descriptor)

    def rename(self, old: Path, new: Path) -> None:
        """Rename a file."""
        old.rename(new)

    def unlink(self, path: Path) -> None:
        """Remove a name."""
        path.unlink()

    def exists(self, path: Path) -> bool:
        """Tell whether something has this name."""
        return path.exists()

    def names(self, folder: Path) -> list[str]:
        """List a folder."""
        return sorted(path.name for path in folder.iterdir())

    def make_folder(self, folder: Path) -> None:
        """Make a folder."""
        folder.mkdir(parents=True, exist_ok=True)

    def sync_folder(self, folder: Path) -> None:
        """Flush a folder."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def lock(self, path: Path) -> int:
        """Lock a file."""
        descriptor = self.open(path, create=True)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor


def write_new(files: Files, path: Path, data: bytes) -> None:
    """Write a file and make its content durable; its name is not yet."""
    descriptor = files.open(path, create=True, truncate=True)
    try:
        files.write(descriptor, data, 0)
        files.sync(descriptor)
    finally:
        files.close(descriptor)


def read_whole(files: Files, path: Path) -> bytes:
    """Return all that a file holds."""
    descriptor = files.open(path)
    try:
        return files.read(descriptor, files.size(descriptor), 0)
    finally:
        files.close(descriptor)
