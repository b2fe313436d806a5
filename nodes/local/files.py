"""Copies files between the harness and a machine's file system, as seen through its PID 1."""

import os
import shutil
import stat
from pathlib import Path


def put(local: Path, target: Path) -> None:
    """Copy a file to `target` and flush it there, with the folders that had to be made.

    Flushed, because what the harness brings must not be what a later power cut takes away. The copy keeps
    the permissions.
    """
    made = [folder for folder in [target.parent, *target.parent.parents] if not folder.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(local, target)
    for path in [target, target.parent, *(folder.parent for folder in made)]:
        fd = os.open(path, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def get(source: Path, local: Path) -> None:
    """Copy a file, or a folder with all in it; sockets, pipes and devices are left out."""
    local.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, local, symlinks=True, ignore=_special, dirs_exist_ok=True)
    else:
        shutil.copy2(source, local)


def _special(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if not _can_be_copied(Path(folder) / name)]


def _can_be_copied(path: Path) -> bool:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return False  # a live system's files come and go
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)
