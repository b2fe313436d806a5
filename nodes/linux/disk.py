"""The disks of local machines: a real file system that can lose its power, or a plain folder.

`Ext4Disk` is an ext4 file system in a sparse image file, mounted only inside its machine. Its page cache and
its journal are the kernel's own, so what survives a power cut is what ext4 and the system under test made
durable, down to O_DSYNC, renames and the fsync of folders. It takes root. `DirectoryDisk` is what an
ordinary user gets: it can be wiped, but it can't forget what was not flushed.
"""

import asyncio
import os
import shlex
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from harness.draws import Draws
from harness.errors import AckedError, HarnessError, NodeError
from nodes.linux import kernel, remnants
from nodes.linux.extents import BLOCK, Blocks
from nodes.linux.programs import find, search_path

SIZE_BYTES = 256 << 20
"""How large a machine's own file system is; as much as it is filled is taken from the host's."""
_RELEASE_S = 20.0
_UUID_AT = 1024 + 0x68
"""Where an ext4 image has its UUID: in the superblock, which starts at 1024."""


class Disk(Protocol):
    """A machine's disk, as the harness handles it while the machine is off, or around that."""

    directory: Path
    """Where the machine has it; the same path for the harness, which may find it empty there."""

    def format(self) -> None:
        """Make a blank disk in place of whatever there was; the machine must be off. Blocks."""

    def mount_script(self) -> str:
        """Return the shell commands by which the machine mounts it."""

    def lose_power(self, root: Path) -> None:
        """Forget what was not flushed; `root` is the running machine's file system. Blocks."""

    async def released(self) -> None:
        """Wait, once the machine is off, until the kernel has let go of the disk."""

    def identity(self) -> str:
        """Return what tells this disk from its successor, read from the disk itself. Blocks."""


class Ext4Disk:
    """An ext4 file system in an image in `folder`, on `folder/disk` of its machine.

    A power cut takes what was not flushed. With `draws` it leaves some of it, now and then
    (`nodes.linux.remnants`).

    The kernel tells images by their paths. These are the same for machines that have roots of their own, but the
    kernel in common; so the image has a name that no other has.
    """

    def __init__(self, folder: Path, draws: Draws | None = None) -> None:
        self.directory = folder / "disk"
        self.image = folder / f"disk-{uuid.uuid4().hex[:8]}.img"
        self._draws = draws
        self._remnants: list[remnants.Sector] = []

    def format(self) -> None:
        """Make a blank file system of 256 MiB with a new UUID; takes some milliseconds."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.image.unlink(missing_ok=True)
        with self.image.open("xb") as image:
            image.truncate(SIZE_BYTES)
        # The image is sparse: its inode tables are zero already, and nothing need be discarded.
        options = "lazy_itable_init=1,lazy_journal_init=1,nodiscard"
        done = subprocess.run(
            [find("mkfs.ext4"), "-q", "-F", "-b", "4096", "-m", "0", "-E", options, str(self.image)],
            capture_output=True,
            check=False,
        )
        if done.returncode != 0:
            raise HarnessError(f"mkfs.ext4 {self.image}: {done.stderr.decode(errors='replace').strip()}")

    def mount_script(self) -> str:
        """Return the commands to mount the image; `loop` frees the device with the last mount of it.

        With `noauto_da_alloc` ext4 does no more than it must: else it flushes a file that is renamed over another.
        """
        image, directory = shlex.quote(str(self.image)), shlex.quote(str(self.directory))
        # lost+found is no part of a blank disk: some databases refuse a folder that is not empty.
        return (
            f"mount -t ext4 -o loop,noinit_itable,noauto_da_alloc {image} {directory}\n"
            f"rmdir {directory}/lost+found 2>/dev/null || true"
        )

    def lose_power(self, root: Path) -> None:
        """Cut the file system off from its image, the journal unflushed."""
        fd = os.open(f"{root}{self.directory}", os.O_RDONLY | os.O_DIRECTORY)
        try:
            device = os.fstat(fd).st_dev
            if device == self.directory.stat().st_dev:
                return  # it was not mounted yet: this is the host's file system, not to be touched
            image = _backing_file(Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}"))
            if image != str(self.image):
                raise HarnessError(f"what is mounted on {self.directory} is not {self.image}")
            if self._draws is not None:
                with self.beneath() as blocks:
                    unflushed = remnants.unflushed(Path(f"{root}{self.directory}"), blocks)
                self._remnants = remnants.drawn(unflushed, self._draws)
            kernel.stop_ext4(fd)
        finally:
            os.close(fd)

    async def released(self) -> None:
        """Wait until no loop device has the image: giving it up is the kernel's last step of an unmount."""
        deadline = time.monotonic() + _RELEASE_S
        while self._in_use():
            if time.monotonic() > deadline:
                raise NodeError(f"{self.image} is still in use {_RELEASE_S:g} s after the machine's end")
            await asyncio.sleep(0.001)
        if self._remnants:
            with self.beneath() as blocks:
                await asyncio.to_thread(remnants.put, self._remnants, blocks)
            self._remnants = []

    def _in_use(self) -> bool:
        return any(_backing_file(device) == str(self.image) for device in Path("/sys/block").glob("loop*"))

    def identity(self) -> str:
        """Return the file system's UUID."""
        with self.image.open("rb") as image:
            image.seek(_UUID_AT)
            return f"ext4 {uuid.UUID(bytes=image.read(16))}"

    @contextmanager
    def beneath(self) -> Iterator[Blocks]:
        """Give the image, to be read and changed beneath the file system."""
        fd = os.open(self.image, os.O_RDWR)
        try:
            yield _Image(fd)
        finally:
            os.close(fd)


class _Image:
    """An image file as blocks."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def read(self, physical: int) -> bytes:
        """Return a block."""
        return os.pread(self._fd, BLOCK, physical)

    def write(self, physical: int, content: bytes) -> None:
        """Replace a block."""
        os.pwrite(self._fd, content, physical)


class DirectoryDisk:
    """A plain folder, `folder/disk`, on the host's file system."""

    def __init__(self, folder: Path) -> None:
        self.directory = folder / "disk"
        self._birth = folder / "disk.birth"

    def format(self) -> None:
        """Put an empty folder in the place of the old one."""
        if self.directory.exists():
            shutil.rmtree(self.directory)
        self.directory.mkdir(parents=True)
        self._birth.write_text(uuid.uuid4().hex)

    def mount_script(self) -> str:
        """Return no command: the folder is there for the machine as it is for the harness."""
        return ""

    def lose_power(self, root: Path) -> None:
        """Keep everything: the page cache is the host's, which has not lost its power."""

    async def released(self) -> None:
        """Return at once: nothing was mounted."""

    def identity(self) -> str:
        """Return the folder's inode and a mark of its making, since inodes are used again."""
        return f"folder {self.directory.stat().st_ino} {self._birth.read_text()}"


def why_no_ext4(folder: Path) -> str | None:
    """Try an Ext4Disk in `folder`, in this process's mount namespace; return why it does not work, or None.

    Blocks for some 20 ms.
    """
    if os.geteuid() != 0 or Path("/proc/self/uid_map").read_text().split()[2] != str(2**32 - 1):
        return "an ordinary user can't mount a file system of his own: run as root"
    trial = Ext4Disk(folder / "trial")
    try:
        trial.format()
        done = subprocess.run(
            ["/bin/sh", "-e", "-c", f"{trial.mount_script()}\numount {shlex.quote(str(trial.directory))}"],
            capture_output=True,
            check=False,
            env={"PATH": search_path()},
        )
    except (AckedError, OSError) as error:
        return str(error)
    finally:
        shutil.rmtree(folder / "trial", ignore_errors=True)
    if done.returncode != 0:
        complaint = done.stderr.decode(errors="replace").strip()
        return f"loop devices don't work here ({complaint}): allow them, and load the modules loop and ext4"
    return None


def _backing_file(device: Path) -> str:
    """Return the path of the file behind a loop device, given its folder in /sys; empty if there is none."""
    try:
        return (device / "loop" / "backing_file").read_text().removesuffix("\n")
    except OSError:
        return ""  # it goes with the file; and reading it at that moment fails in other ways
