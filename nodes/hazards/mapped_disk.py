"""A disk that can be made to fail: an ext4 file system on a block device, by way of the device-mapper.

All its calls block. What is wrong with it is over when the machine has lost its power: then it holds what was
flushed, and the memory in which a lying disk kept its writes is gone, too.
"""

import asyncio
import errno
import os
import shlex
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from harness.errors import HarnessError, NodeError
from nodes.hazards import mapper, witness
from nodes.hazards.damage import Watch
from nodes.hazards.device import Device
from nodes.hazards.memory import Memory
from nodes.hazards.programs import call
from nodes.hazards.write_cache import WriteCache
from nodes.hazards.write_log import Replayed
from nodes.linux import kernel

_FILLER = ".acked-filler"
_PROBE = ".acked-probe"
_RELEASE_S = 20.0
_MERGE_S = 60.0

ONCE = frozenset({"flush error", "lost write", "misdirected write"})
"""The faults that strike once, when a watch finds that they have."""
TABLES = ONCE | {"lying flush", "slow", "detached", "write cache"}
"""Those that the device has by its table: one at a time, and slowness alone adds up."""


class Broken(NamedTuple):
    """A fault in force, and what had been counted of it when it began."""

    fault: str
    amount: int
    before: int = 0
    watch: Watch | None = None


class MappedDisk:
    """A machine's disk on `device`, which is mounted on `folder/disk` of its machine (`nodes.linux.disk.Disk`)."""

    def __init__(self, folder: Path, device: str) -> None:
        self.directory = folder / "disk"
        self._device = device
        self._memory = Memory(folder / "memory")
        self._cache = WriteCache(folder, device)
        self.replayed = Replayed(0, 0, 0)
        """What became of the last write cache when the power was lost."""
        self._sectors = 0
        self._journal = mapper.Range(0, 0)
        self._broken: dict[str, Broken] = {}
        self._bites: Counter[str] = Counter()

    def format(self) -> None:
        """Make a blank file system with a new UUID."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._forget()
        self._connect()
        # Tables of inodes are zeroed when they are used; only the journal must not have anything of old.
        options = "lazy_itable_init=1,lazy_journal_init=0,nodiscard"
        call("mkfs.ext4", "-q", "-F", "-b", "4096", "-m", "0", "-E", options, str(mapper.PATH))

    def mount_script(self) -> str:
        """Return the commands to mount it."""
        self._connect()
        self._journal = mapper.journal(str(mapper.PATH))
        directory = shlex.quote(str(self.directory))
        return (
            f"mkdir -p {directory}\nmount -t ext4 -o noatime,noinit_itable {mapper.PATH} {directory}\n"
            f"rmdir {directory}/lost+found 2>/dev/null || true"
        )

    def lose_power(self, root: Path) -> None:
        """Cut the file system off from its device, the journal unflushed; its faults are over."""
        fd = os.open(f"{root}{self.directory}", os.O_RDONLY | os.O_DIRECTORY)
        try:
            if os.fstat(fd).st_dev == self.directory.stat().st_dev:
                return  # it was not mounted yet: this is the host's file system, not to be touched
            kernel.stop_ext4(fd)
        finally:
            os.close(fd)

    async def released(self) -> None:
        """Wait until nothing has the device open; then forget all faults, as a machine without power does."""
        await asyncio.to_thread(self._await_release)
        # Only now: so that a lying disk's writes are gone when nobody can miss them any more.
        if self._cache.there:
            lost = max(each.amount for each in self._broken.values() if each.fault == "write cache")
            self.replayed = await asyncio.to_thread(self._cache.lose, self._sectors, flushes=lost)
        await asyncio.to_thread(self._forget)

    def identity(self) -> str:
        """Return the file system's UUID."""
        return "ext4 " + call("blkid", "--probe", "-o", "value", "-s", "UUID", str(mapper.PATH)).strip()

    def beneath(self) -> Device:
        """Return the device, to be read and changed beneath the file system, and to be closed."""
        return Device(mapper.PATH)

    def remove(self) -> None:
        """Let go of the device, at the end. Safe to call twice."""
        self._forget()
        mapper.remove()

    def break_disk(self, root: Path, key: str, fault: str, amount: int) -> None:
        """Let the disk have a fault from now on; `root` is the running machine's file system. NodeError."""
        others = {each.fault for each in self._broken.values()} & TABLES
        if fault in TABLES and others - ({"slow"} if fault == "slow" else set()):
            raise NodeError(f"a disk with the fault {min(others)!r} can't have {fault!r} at the same time")
        folder = f"{root}{self.directory}"
        made = Broken(fault, amount)
        match fault:
            case "full":
                if not any(each.fault == "full" for each in self._broken.values()):
                    witness.begin(errno.ENOSPC)
            case "slow":
                made = made._replace(before=mapper.written(self._device)[1])
            case "detached":
                witness.begin(errno.EIO)
                mapper.exchange(mapper.gone(self._sectors))
            case "write cache":
                self._cache.begin(self._sectors)
            case "lying flush":
                mapper.exchange(mapper.lying(self._device, self._sectors, self._memory.make()))
                made = made._replace(before=_kept())
            case _:
                sound = mapper.linear(self._device, self._sectors)
                made = made._replace(watch=Watch(fault, sound, self._device, folder))
        self._broken[key] = made
        self._apply(folder)
        if made.watch is not None:
            made.watch.start()

    def mend_disk(self, root: Path, key: str) -> bool:
        """End the fault of a key, and tell whether no other key keeps the same. Safe to call twice."""
        made = self._broken.pop(key, None)
        if made is None:
            return True
        self._bites[made.fault] += self._count(made)
        if made.watch is not None:
            made.watch.end()
        alone = all(each.fault != made.fault for each in self._broken.values())
        if alone and made.fault == "lying flush":
            self._confess()
        if alone and made.fault == "full":
            witness.end(errno.ENOSPC)
        self._apply(f"{root}{self.directory}")
        return alone

    def bites(self) -> dict[str, int]:
        """Return how often each fault has made a difference up to now; probes do not count."""
        counts = Counter(self._bites)
        for made in self._broken.values():
            counts[made.fault] += self._count(made)
        return dict(counts)

    def probe(self, root: Path) -> dict[str, Any]:
        """Write, flush and remove a small file (`harness.machine.DiskProbe`).

        A fault that waits for its first victim is left alone: then the disk is not touched.
        """
        faults = {each.fault for each in self._broken.values()}
        told: dict[str, Any] = {"error": "", "took_ns": 0, "durable": "lying flush" not in faults}
        if faults & ONCE:
            return told
        path = Path(f"{root}{self.directory}", _PROBE)
        begun = time.monotonic_ns()
        try:
            with path.open("wb", buffering=0) as file:
                file.write(b"\0" * 4096)
                begun = time.monotonic_ns()
                os.fsync(file.fileno())
                told["took_ns"] = time.monotonic_ns() - begun
        except OSError as error:
            told.update(error=error.strerror or str(error), took_ns=time.monotonic_ns() - begun)
        with suppress(OSError):
            path.unlink()
        return told

    def _await_release(self) -> None:
        end = time.monotonic() + _RELEASE_S
        while mapper.exists() and mapper.opened():
            if time.monotonic() > end:
                raise NodeError(f"{mapper.PATH} is still in use {_RELEASE_S:g} s after the machine's end")
            time.sleep(0.01)

    def _connect(self) -> None:
        self._sectors = mapper.sectors_of(self._device)
        sound = mapper.linear(self._device, self._sectors)
        if mapper.exists():
            mapper.exchange(sound)  # an agent that was killed may have left another one
        else:
            mapper.create(sound)
        self._cache.forget(self._sectors)

    def _apply(self, folder: str) -> None:
        """Make the device and the file system what the faults in force ask for."""
        faults = {each.fault for each in self._broken.values()}
        slow_ns = sum(each.amount for each in self._broken.values() if each.fault == "slow")
        if "flush error" in faults:
            mapper.exchange(mapper.failing(self._device, self._sectors, self._journal))
        elif faults & {"lost write", "misdirected write"}:
            mapper.exchange(mapper.dropping(self._device, self._sectors, self._journal))
        elif slow_ns:
            mapper.exchange(mapper.slow(self._device, self._sectors, max(1, slow_ns // 1_000_000)))
        elif not faults & {"lying flush", "detached", "write cache"}:
            mapper.exchange(mapper.linear(self._device, self._sectors))
        if "detached" in faults:
            return  # nothing can be done on the file system
        full = [each.amount for each in self._broken.values() if each.fault == "full"]
        _fill(Path(folder, _FILLER), min(full, default=None))

    def _confess(self) -> None:
        """Write to the device what a lying disk has kept."""
        mapper.exchange(mapper.confessing(self._device, self._sectors, self._memory.device))
        end = time.monotonic() + _MERGE_S
        while _kept():
            if time.monotonic() > end:
                raise NodeError(f"what the disk had kept is not written after {_MERGE_S:g} s")
            time.sleep(0.02)
        mapper.exchange(mapper.linear(self._device, self._sectors))
        self._memory.forget()

    def _forget(self) -> None:
        """Be sound again; nothing has the file system mounted."""
        for made in self._broken.values():
            self._bites[made.fault] += self._count(made)
            if made.watch is not None:
                made.watch.end()
        faults = {each.fault for each in self._broken.values()}
        for fault, error in (("full", errno.ENOSPC), ("detached", errno.EIO)):
            if fault in faults:
                witness.end(error)
        self._broken.clear()
        self._cache.forget(self._sectors)
        if mapper.exists() and self._sectors:
            mapper.exchange(mapper.linear(self._device, self._sectors))
        self._memory.forget()

    def _count(self, made: Broken) -> int:
        """Return how often a fault in force has made a difference."""
        match made.fault:
            case "lying flush":
                return max(0, _kept() - made.before)
            case "slow":
                return mapper.written(self._device)[1] - made.before
            case "full":
                return witness.count(errno.ENOSPC, without=(os.getpid(), *_threads()))
            case "detached":
                return witness.count(errno.EIO, without=(os.getpid(), *_threads()))
            case "write cache":
                return self._cache.logged() if self._cache.there else 0
        return made.watch.struck if made.watch is not None else 0


def _kept() -> int:
    """Return how many sectors of data a lying disk keeps."""
    kept, for_itself = mapper.kept_sectors(mapper.status())
    return kept - for_itself


def _threads() -> set[int]:
    """Return our own threads, as the kernel counts processes."""
    return {thread.native_id for thread in threading.enumerate() if thread.native_id is not None}


def _fill(filler: Path, free_bytes: int | None) -> None:
    """Leave room for so much and no more, by a file that takes the rest; None for all there is."""
    filler.unlink(missing_ok=True)
    if free_bytes is None:
        return
    with filler.open("wb") as file:
        room = os.fstatvfs(file.fileno())
        size = room.f_bavail * room.f_frsize - free_bytes
        # What a file needs for its own blocks is not known beforehand: a little less, until it fits.
        while size > 0:
            try:
                os.posix_fallocate(file.fileno(), 0, size)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise HarnessError(f"{filler}: {error.strerror}") from error
                size -= room.f_frsize
            else:
                return
