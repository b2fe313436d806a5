"""The programs of the host that machines of kind local are made with, and where to get those it lacks."""

import asyncio
import os
import shutil

from harness.errors import HarnessError, MissingError

PACKAGES = {
    "ip": "iproute2",
    "nft": "nftables",
    "unshare": "util-linux",
    "mount": "mount",
    "mkfs.ext4": "e2fsprogs",
}
"""Debian's package for each program."""

NEEDED = ("ip", "nft", "unshare", "mount")
"""Those without which there is no local cluster."""


_FEED_S = 20.0
"""How long one of them may take; they take milliseconds."""


def search_path() -> str:
    """Return PATH with the folders of system programs, which an ordinary user's often lacks."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])


def find(program: str) -> str:
    """Return the path of a program; raises MissingError that names the package to install."""
    found = shutil.which(program, path=search_path())
    if found is None:
        raise MissingError(
            f"{program} is not installed: apt-get install {PACKAGES[program]} (or your system's package)"
        )
    return found


async def feed(text: str, program: str, *arguments: str) -> str:
    """Run a program on `text` as its standard input and return what it printed.

    Raises HarnessError when it fails: the harness wrote the text.
    """
    # One that is given nothing gets no pipe: it may have ended before anything could be written to it.
    process = await asyncio.create_subprocess_exec(
        find(program),
        *arguments,
        stdin=asyncio.subprocess.PIPE if text else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_FEED_S):
            stdout, stderr = await process.communicate(text.encode() or None)
    except TimeoutError as error:
        process.kill()
        raise HarnessError(f"{program} {' '.join(arguments)} took more than {_FEED_S:g} s") from error
    if process.returncode != 0:
        complaint = stderr.decode(errors="replace").strip()
        raise HarnessError(f"{program} {' '.join(arguments)} failed: {complaint}\nIts input was:\n{text}")
    return stdout.decode()


def readable(content: bytes) -> int:
    """Return a descriptor from which `content` can be read; no pipe, because nobody has to feed it."""
    fd = os.memfd_create("stdin", os.MFD_CLOEXEC)
    with open(fd, "wb", closefd=False) as file:
        file.write(content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd
