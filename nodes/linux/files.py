"""Copies files between the harness and a machine's file system, as seen through its PID 1.

A copy that fails leaves no part of a file behind, so that nobody takes it for the whole.
"""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.errors import FolderError

_CHUNK_BYTES = 1 << 20


def put(local: Path, target: Path) -> None:
    """Copy a file to `target` and flush it there, with the folders that had to be made.

    Flushed, because what the harness brings must not be what a later power cut takes away. The copy keeps
    the permissions. After an OSError everything is as it was.
    """
    made = [folder for folder in [target.parent, *target.parent.parents] if not folder.exists()]
    part = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(local, part)
        _flush(part)
        part.replace(target)
        for folder in [target.parent, *(folder.parent for folder in made)]:
            _flush(folder)
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)
            for folder in made:
                folder.rmdir()
        raise


def get(source: Path, local: Path) -> None:
    """Copy a file, or a folder with all in it; sockets, pipes and devices are left out.

    Raises FolderError when `local` can't be written, and OSError when `source` can't be read.
    """
    mode = source.stat().st_mode
    if stat.S_ISDIR(mode):
        _get_folder(source, local)
    elif stat.S_ISREG(mode):
        with _writing(local):
            local.parent.mkdir(parents=True, exist_ok=True)
        _get_file(source, local)
    else:
        raise OSError(f"{source.name} is neither a file nor a folder")


def _get_folder(source: Path, local: Path) -> None:
    with _writing(local):
        local.mkdir(parents=True, exist_ok=True)
    for entry in sorted(source.iterdir()):
        with suppress(FileNotFoundError):  # a live system's files come and go
            mode = entry.lstat().st_mode
            if stat.S_ISLNK(mode):
                aim = entry.readlink()
                with _writing(local / entry.name):
                    (local / entry.name).unlink(missing_ok=True)
                    (local / entry.name).symlink_to(aim)
            elif stat.S_ISDIR(mode):
                _get_folder(entry, local / entry.name)
            elif stat.S_ISREG(mode):
                _get_file(entry, local / entry.name)


def _get_file(source: Path, local: Path) -> None:
    with source.open("rb") as reader:
        with _writing(local):
            writer = local.open("wb")
        try:
            with writer:
                while chunk := reader.read(_CHUNK_BYTES):
                    with _writing(local):
                        writer.write(chunk)
                        writer.flush()
                found = os.fstat(reader.fileno())
                os.fchmod(writer.fileno(), stat.S_IMODE(found.st_mode))
                os.utime(writer.fileno(), ns=(found.st_atime_ns, found.st_mtime_ns))
        except (OSError, FolderError):
            with suppress(OSError):
                local.unlink()
            raise


@contextmanager
def _writing(local: Path) -> Iterator[None]:
    """Turn a failure to write on the harness's side into a FolderError."""
    try:
        yield
    except OSError as error:
        raise FolderError(f"{local}: can't be written: {error.strerror or error}") from error


def _flush(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
