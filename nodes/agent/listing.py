"""What a file or a folder consists of, as a list that can be sent."""

import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any


def listing(path: Path) -> list[dict[str, Any]]:
    """Return an entry for `path` and, if it is a folder, for all in it; folders come before what they hold.

    An entry has `path` (below the one asked for, in parts), `kind` (`folder`, `file`, `link`), `mode`,
    `modified_ns`, and a link its `aim`. Sockets, pipes and devices are left out. Raises OSError.
    """
    mode = path.stat().st_mode
    if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
        raise OSError(f"{path.name} is neither a file nor a folder")
    return list(_entries(path, ()))


def _entries(path: Path, parts: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    found = path.lstat() if parts else path.stat()
    entry = {"path": parts, "mode": stat.S_IMODE(found.st_mode), "modified_ns": found.st_mtime_ns}
    if stat.S_ISLNK(found.st_mode):
        yield {**entry, "kind": "link", "aim": str(path.readlink())}
    elif stat.S_ISREG(found.st_mode):
        yield {**entry, "kind": "file"}
    elif stat.S_ISDIR(found.st_mode):
        yield {**entry, "kind": "folder"}
        for inner in sorted(path.iterdir()):
            with suppress(FileNotFoundError):  # a live system's files come and go
                yield from _entries(inner, (*parts, inner.name))
