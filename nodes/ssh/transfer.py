"""Copies files to and from a machine through its agent, in pieces.

A copy that fails leaves no part of a file behind, so that nobody takes it for the whole. What a machine says about
paths is not trusted: nothing is written outside the folder that was asked for.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from harness.errors import FolderError, HarnessError, NodeError
from harness.tasks import together
from nodes.ssh.link import Link

_PIECE_BYTES = 1 << 20

_FILES_AT_ONCE = 8
"""A node may keep thousands of small files, each of which takes a way there and back."""


async def put(link: Link, parcel: str, local: Path, remote: str) -> None:
    """Copy a file to `remote`, flushed there; `parcel` is a name that no other copy has."""
    try:
        with local.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            while piece := file.read(_PIECE_BYTES):
                await link.ask("bring", parcel=parcel, body=piece)
        await link.ask("put", parcel=parcel, remote=remote, mode=mode)
    except OSError as error:
        raise HarnessError(f"{local}: can't be read: {error.strerror or error}") from error
    except NodeError:
        with suppress(NodeError):  # the machine is gone: the first error says so
            await link.ask("drop", parcel=parcel)
        raise


async def get(link: Link, remote: str, local: Path) -> None:
    """Copy a file, or a folder with all in it; sockets, pipes and devices are left out.

    Raises FolderError when `local` can't be written, and NodeError when `remote` can't be read.
    """
    files: list[tuple[str, Path, dict[str, Any]]] = []
    for entry in (await link.ask("list", remote=remote)).value:
        parts: list[str] = entry["path"]
        if any(part in ("", ".", "..") or "/" in part for part in parts):
            raise NodeError(f"{remote} has an entry called {parts}, which is not taken")
        target = local.joinpath(*parts)
        with _writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            _refuse_links(local, target)
            if entry["kind"] == "folder":
                target.mkdir(exist_ok=True)
            elif entry["kind"] == "link":
                target.unlink(missing_ok=True)
                target.symlink_to(entry["aim"])
            else:
                files.append(("/".join([remote.rstrip("/"), *parts]), target, entry))
    await _get_files(link, files)


async def _get_files(link: Link, files: Iterable[tuple[str, Path, dict[str, Any]]]) -> None:
    left = iter(files)

    async def some() -> None:
        for remote, local, entry in left:
            await _get_file(link, remote, local, entry)

    await together(some() for _ in range(_FILES_AT_ONCE))


async def _get_file(link: Link, remote: str, local: Path, entry: dict[str, Any]) -> None:
    at, end, finished = 0, False, False
    file = _created(local)
    try:
        with file:
            while not end:
                answered = await link.ask("read", remote=remote, at=at)
                if answered.value is None:  # a live system's files come and go
                    return
                at += len(answered.body)
                with _writing(local):
                    file.write(answered.body)
                end = answered.value == "end"
            _finish(file, local, entry)
        finished = True
    finally:
        if not finished:
            _remove(local)


def _created(local: Path) -> BinaryIO:
    with _writing(local):
        local.unlink(missing_ok=True)
        return local.open("xb")


def _finish(file: BinaryIO, local: Path, entry: dict[str, Any]) -> None:
    with _writing(local):
        file.flush()
        os.fchmod(file.fileno(), stat.S_IMODE(entry["mode"]))
        os.utime(file.fileno(), ns=(entry["modified_ns"], entry["modified_ns"]))


def _remove(local: Path) -> None:
    with suppress(OSError):
        local.unlink()


def _refuse_links(local: Path, target: Path) -> None:
    """Raise NodeError where a folder on the way is a link that the machine had made here."""
    for folder in target.parents:
        if folder == local.parent:
            return
        if folder.is_symlink() and folder != local:
            raise NodeError(f"{folder} is a link: nothing is written through it")


@contextmanager
def _writing(local: Path) -> Iterator[None]:
    """Turn a failure to write on the harness's side into a FolderError."""
    try:
        yield
    except OSError as error:
        raise FolderError(f"{local}: can't be written: {error.strerror or error}") from error
