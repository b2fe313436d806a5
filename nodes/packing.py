"""Packs source code to be sent to a machine that does not see the harness's files."""

import hashlib
import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple


class Package(NamedTuple):
    """Source code as a zip file; `name` tells it from every other."""

    name: str
    data: bytes


def pack(root: Path, wanted: Iterable[str], more: Mapping[str, bytes] | None = None) -> Package:
    """Pack the Python files `wanted` below `root`, those of the folders among them, and `more`, by their paths.

    The same sources give the same bytes.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(_files(root, wanted)):
            archive.writestr(_entry(str(path.relative_to(root))), path.read_bytes())
        for name, content in (more or {}).items():
            archive.writestr(_entry(name), content)
    data = buffer.getvalue()
    return Package(hashlib.sha256(data).hexdigest()[:16], data)


def _entry(name: str) -> zipfile.ZipInfo:
    # A fixed date: the package's name must depend on nothing but the content.
    entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    return entry


def _files(root: Path, wanted: Iterable[str]) -> Iterator[Path]:
    for name in wanted:
        path = root / name
        if path.is_dir():
            yield from path.rglob("*.py")
        else:
            yield path
