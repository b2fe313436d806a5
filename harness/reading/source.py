"""A history's file as pieces of text: decompressed, cut where its format allows, and counted in lines.

gzip, xz and bzip2 are read with the standard library, Zstandard with the package `zstandard` (the extra `zstd`).
What kind it is tells the file's beginning, not its name.
"""

import bz2
import gzip
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Protocol

import numpy as np
from msgspec import Struct

from harness.errors import DamagedError, MissingError, UsageError
from harness.reading.piece import Cut

BLOCK_BYTES = 2**20
"""About how long a piece is."""


class Reader(Protocol):
    """What bytes come from."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes; none at the end."""


def _zstd(raw: IO[bytes]) -> Reader:
    try:
        import zstandard
    except ImportError:
        raise MissingError("a file compressed with Zstandard needs: pip install 'acked[zstd]'") from None
    return zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)


_OPENERS: "tuple[tuple[bytes, Callable[[IO[bytes]], Reader]], ...]" = (
    (b"\x1f\x8b", lambda raw: gzip.GzipFile(fileobj=raw)),
    (b"\xfd7zXZ\x00", lzma.LZMAFile),
    (b"BZh", bz2.BZ2File),
    (b"\x28\xb5\x2f\xfd", _zstd),
)
_BOUNDARY = re.compile(rb"\}[\s,]*(?=[{#])")
_SEARCHED = 2**16
_HEAD_BYTES = 2**16
_CUT_SHORT = (EOFError, lzma.LZMAError, zlib.error)


class Piece(Struct, frozen=True, kw_only=True):
    """A part of the text; `line` is the number of its first line, from 1 on."""

    data: bytes
    line: int
    last: bool


class Source:
    """An open history file. Raises UsageError when it can't be opened."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._raw = path.open("rb")
        except OSError as error:
            raise UsageError(f"{path}: can't be read: {error.strerror or error}") from error
        self.size_bytes = path.stat().st_size
        self.cut_short = False
        self._read_bytes = 0
        magic = self._raw.read(8)
        self._raw.seek(0)
        opener = next((opener for begins, opener in _OPENERS if magic.startswith(begins)), None)
        self._file: Reader = opener(self._raw) if opener else self._raw
        self._head = b""

    def __enter__(self) -> "Source":
        return self

    def __exit__(self, *_: object) -> None:
        self._raw.close()

    @property
    def done_bytes(self) -> int:
        """How far the file has been read, as it is on the disk."""
        return self._raw.tell()

    @property
    def text_bytes(self) -> float:
        """How long the text is, guessed from what has been read of it where it is compressed."""
        return self._read_bytes * self.size_bytes / max(self.done_bytes, 1)

    def head(self) -> bytes:
        """Return the beginning of the text, which `pieces` yields again."""
        if not self._head:
            while len(self._head) < _HEAD_BYTES and (more := self._read(_HEAD_BYTES)):
                self._head += more
        return self._head

    def pieces(self, cut: Cut, *, skip: int = 0) -> Iterator[Piece]:
        """Yield the text piece by piece; the first `skip` bytes, which `head` showed, count only as lines.

        A compressed file that ends too early, as a live one does, ends there, and `cut_short` is True. Raises
        DamagedError for one that can't be decompressed.
        """
        line = 1 + self.head().count(b"\n", 0, skip)
        kept = b""
        for block in self._blocks(skip):
            kept += block
            at = _cut(kept, cut)
            if at:
                data, kept = kept[:at], kept[at:]
                yield Piece(data=data, line=line, last=False)
                line += lines_in(data)
        yield Piece(data=kept, line=line, last=True)

    def _blocks(self, skip: int) -> Iterator[bytes]:
        for first in range(skip, len(self._head), BLOCK_BYTES):
            yield self._head[first : first + BLOCK_BYTES]
        while block := self._read(BLOCK_BYTES):
            yield block

    def _read(self, size: int) -> bytes:
        try:
            block = self._file.read(size)
        except _CUT_SHORT as error:
            self.cut_short = True
            if isinstance(error, EOFError):
                return b""
            raise DamagedError(f"{self.path}: can't be decompressed: {error}") from error
        except OSError as error:
            raise DamagedError(f"{self.path}: can't be read: {error}") from error
        self._read_bytes += len(block)
        return block


def lines_in(text: bytes) -> int:
    """Return how many lines end in a text: `bytes.count` takes five times as long where they are short."""
    return int(np.count_nonzero(np.frombuffer(text, np.uint8) == ord("\n")))


def last_boundary(text: bytes, cut: Cut) -> int:
    """Return where the last line or operation of a text begins, which may be incomplete."""
    if cut is Cut.LINES or not _BOUNDARY.search(text):
        return text.rstrip(b"\n").rfind(b"\n") + 1 if cut is Cut.LINES else 0
    return _cut(text, cut)


def _cut(text: bytes, cut: Cut) -> int:
    """Return where to cut, 0 for nowhere yet."""
    if cut is Cut.LINES:
        return text.rfind(b"\n") + 1
    searched = _SEARCHED
    while True:
        found = [match.end() for match in _BOUNDARY.finditer(text, max(0, len(text) - searched))]
        if found or searched >= len(text):
            return found[-1] if found else 0
        searched *= 8
