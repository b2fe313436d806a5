"""Files of JSON lines that grew while a run went on, read again: histories, episodes, evidence.

Only the last line can be incomplete, if the harness was killed: it is left out.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from harness.errors import DamagedError

TOGETHER_BYTES = 1 << 14
"""About how much of a file is decoded at once. More is slower: the garbage collector visits all that is held."""

T = TypeVar("T", bound=Struct)


def read(path: Path, kind: type[T], *, passed: int = 0) -> Iterator[tuple[int, T]]:
    """Yield the number of each line, from 1, with what it says; the first `passed` lines are left out.

    Any damage but a last line that was cut off raises DamagedError with file and line.
    """
    all_of_them: msgspec.json.Decoder[list[T]] = msgspec.json.Decoder(list[kind])  # type: ignore[valid-type]
    number = passed + 1
    try:
        with path.open("rb") as file:
            for _ in range(passed):
                file.readline()
            while lines := file.readlines(TOGETHER_BYTES):
                if not lines[-1].endswith(b"\n"):
                    del lines[-1]
                try:
                    found = all_of_them.decode(b"[" + b",".join(lines) + b"]")
                except (msgspec.DecodeError, UnicodeDecodeError):
                    found = []
                if len(found) == len(lines):
                    yield from enumerate(found, number)
                else:
                    yield from _one_by_one(path, kind, lines, number)
                number += len(lines)
    except OSError as error:
        raise DamagedError(f"{path}: {error.strerror or error}") from error


def _one_by_one(path: Path, kind: type[T], lines: Sequence[bytes], first: int) -> Iterator[tuple[int, T]]:
    """Yield what there is up to the damage, and raise."""
    decode = msgspec.json.Decoder(kind).decode
    for number, line in enumerate(lines, first):
        try:
            yield number, decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DamagedError(f"{path}:{number}: damaged line: {error}") from error
