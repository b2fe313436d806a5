"""A block device that is read and written directly, past its page cache."""

import mmap
import os
from pathlib import Path

from nodes.linux.extents import BLOCK


class Device:
    """The device (`nodes.linux.extents.Blocks`); to be closed by `with`."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_DIRECT)
        self._buffer = mmap.mmap(-1, BLOCK)  # aligned, as direct input and output must be

    def __enter__(self) -> "Device":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)
        self._buffer.close()

    def read(self, physical: int) -> bytes:
        """Return a block."""
        try:
            os.preadv(self._fd, [self._buffer], physical)
        except OSError:
            # The kernel tells the first reader of a write of its own that failed some time ago; only once.
            os.preadv(self._fd, [self._buffer], physical)
        return self._buffer[:]

    def write(self, physical: int, content: bytes) -> None:
        """Replace a block."""
        self._buffer[:] = content
        os.pwritev(self._fd, [self._buffer], physical)
