"""Packs source code to be sent to a machine that does not see the harness's files.

Along with it goes what this Python compiles it to: where the same Python runs it nothing is compiled, which on a
slow machine takes longer than all else that a node does when it starts. Another Python passes it over.
"""

import hashlib
import importlib.util
import io
import py_compile
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple


class Package(NamedTuple):
    """Source code as a zip file; `name` tells it from that of other sources, or of another Python."""

    name: str
    data: bytes


def pack(root: Path, wanted: Iterable[str], more: Mapping[str, bytes] | None = None) -> Package:
    """Pack the Python files `wanted` below `root`, those of the folders among them, and `more`, by their paths.

    The same sources have the same name.
    """
    sources = {str(path.relative_to(root)): path.read_bytes() for path in sorted(_files(root, wanted))}
    sources.update(more or {})
    digest = hashlib.sha256(importlib.util.MAGIC_NUMBER)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sources.items():
            digest.update(b"%d %s %d " % (len(name), name.encode(), len(content)) + content)
            archive.writestr(_entry(name), content)
            archive.writestr(_entry(importlib.util.cache_from_source(name)), _compiled(name, content))
    return Package(digest.hexdigest()[:16], buffer.getvalue())


def _compiled(name: str, source: bytes) -> bytes:
    """Return what Python keeps of a module beside its source; it is not compared with the source again."""
    with tempfile.TemporaryDirectory() as folder:
        file, kept = Path(folder, "source.py"), Path(folder, "kept.pyc")
        file.write_bytes(source)
        py_compile.compile(
            str(file),
            cfile=str(kept),
            dfile=name,
            doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
        return kept.read_bytes()


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
