"""Does operations on a real ext4 file system, cuts its power, and tells what is left.

    python on_ext4.py FOLDER < tasks > found

A program of its own, because it moves into its own mount namespace: what it mounts is nobody else's, and gone
when it ends. Input and output are Python literals: a list of (flag of the shutdown, operations), and one of
contents.
"""

import ast
import asyncio
import ctypes
import fcntl
import os
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from disk_spec import Contents, Operation, carry_out

from nodes.linux import kernel
from nodes.linux.disk import Ext4Disk
from nodes.reference.files import HostFiles

SHUTDOWN = 0x8004_587D
SYNC_FILE_RANGE_ALL = 7
"""Write the dirty pages of a stretch and wait for them, without any metadata."""

_libc = ctypes.CDLL(None, use_errno=True)


def write_back(path: Path, offset: int, size: int) -> None:
    """Have some of a file's pages written, as the kernel does whenever it likes."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        asked = (ctypes.c_long(offset), ctypes.c_long(size), SYNC_FILE_RANGE_ALL)
        assert _libc.sync_file_range(descriptor, *asked) == 0, os.strerror(ctypes.get_errno())
    finally:
        os.close(descriptor)


def shell(script: str) -> None:
    done = subprocess.run(["/bin/sh", "-e", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def left(folder: Path) -> Contents:
    """Return what is in a folder."""
    return {
        f"/{path.relative_to(folder)}": path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def mount(disk: Ext4Disk) -> None:
    shell(disk.mount_script())


def unmount(disk: Ext4Disk) -> None:
    shell(f"umount {disk.directory}")
    asyncio.run(disk.released())


def survive(disk: Ext4Disk, folder: Path, flag: int, operations: Sequence[Operation]) -> Contents:
    """Do the operations in a new folder, shut the file system down in this way, and return what is left.

    The file system is mounted before and after.
    """
    files = HostFiles()
    files.make_folder(folder)
    files.sync_folder(folder)
    for operation in operations:
        if operation[0] == "writeback":
            write_back(Path(f"{folder}{operation[1]}"), *operation[2:])
        else:
            carry_out(files, operation, root=str(folder))
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.ioctl(descriptor, SHUTDOWN, struct.pack("I", flag))
    os.close(descriptor)
    unmount(disk)
    mount(disk)
    return left(folder)


def main() -> None:
    kernel.unshare(kernel.CLONE_NEWNS)
    kernel.mount("none", "/", "none", flags=kernel.MS_REC | kernel.MS_PRIVATE)
    disk = Ext4Disk(Path(sys.argv[1]))
    disk.format()
    tasks = ast.literal_eval(sys.stdin.read())
    mount(disk)
    found = [
        survive(disk, disk.directory / str(number), flag, operations)
        for number, (flag, operations) in enumerate(tasks)
    ]
    unmount(disk)
    print(repr(found))


if __name__ == "__main__":
    main()
