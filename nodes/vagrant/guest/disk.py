"""The disk for the system's data: an ext4 file system on a device whose behaviour can be exchanged.

What is wrong with it is kept in memory (`/run`), so that it is over when the machine has lost its power: then
all is as it was flushed, and the memory in which a lying disk kept its writes is gone, too.
"""

import errno
import json
import os
import signal
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from nodes.vagrant.guest import damage, mapper, witness
from nodes.vagrant.guest.mapper import Range
from nodes.vagrant.guest.programs import call

_STATE = Path("/run/acked-disk.json")
_FILLER = ".acked-filler"
_PROBE = ".acked-probe"
_MEMORY = Path("/run/acked-memory")
"""Where a lying disk keeps what it should have written."""
_MEMORY_MIB = 48
_MERGE_S = 60.0


@dataclass(kw_only=True)
class Broken:
    """A fault that the disk has: when it began to count, and what the fault needs to be undone."""

    fault: str
    amount: int = 0
    from_count: int = 0
    watcher: int = 0


@dataclass(kw_only=True)
class State:
    """The disk as it is: the device below, where it is mounted, its faults by key, and what they did so far."""

    device: str
    sectors: int
    folder: str
    journal: Range
    broken: dict[str, Broken] = field(default_factory=dict)
    bites: dict[str, int] = field(default_factory=dict)
    probes: list[int] = field(default_factory=list)


class Trouble(Exception):
    """What was asked can't be done; the message says why."""


TABLES = frozenset({"lying flush", "flush error", "slow", "lost write", "misdirected write"})
"""The faults that the device has by its table: it has one at a time, and slowness alone adds up."""

ONCE = frozenset({"flush error", "lost write", "misdirected write"})
"""Those that strike once, by a process that waits for it."""


def make(device: str, folder: str) -> None:
    """Make a file system on a device, empty, and mount it; whatever was there is gone."""
    remove(folder)
    call("mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0", device)
    attach(device, folder)


def attach(device: str, folder: str) -> None:
    """Mount the file system that is on a device, sound; its journal is replayed."""
    sectors = mapper.sectors_of(device)
    if not mapper.exists():
        mapper.create(mapper.linear(device, sectors))
    Path(folder).mkdir(parents=True, exist_ok=True)
    call("mount", "-t", "ext4", "-o", "noatime", str(mapper.PATH), folder)
    tracing = Path("/sys/kernel/tracing")
    if not (tracing / "events").exists():
        call("mount", "-t", "tracefs", "tracefs", str(tracing))
    _keep(State(device=device, sectors=sectors, folder=folder, journal=mapper.journal(str(mapper.PATH))))


def remove(folder: str) -> None:
    """Unmount it and remove the device. Safe to call twice."""
    if os.path.ismount(folder):
        call("umount", folder)
    mapper.remove()
    _forget_memory()
    _STATE.unlink(missing_ok=True)


def identity() -> str:
    """Return the UUID of the file system."""
    return call("blkid", "--probe", "-o", "value", "-s", "UUID", str(mapper.PATH)).strip()


def break_disk(key: str, fault: str, amount: int) -> None:
    """Let the disk have a fault from now on, under a key."""
    state = _state()
    others = {each.fault for each in state.broken.values()} & TABLES
    if fault in TABLES and others - ({"slow"} if fault == "slow" else set()):
        raise Trouble(f"a disk that has the fault {others.pop()!r} can't have {fault!r} at the same time")
    made = Broken(fault=fault, amount=amount)
    if fault == "full":
        if not any(each.fault == "full" for each in state.broken.values()):
            witness.begin(errno.ENOSPC)
    elif fault == "bit rot":
        damage.rot(state.folder, amount)
        _add(state, fault, amount)
    elif fault == "lying flush":
        _lie(state)
        made.from_count = _kept()
    elif fault == "slow":
        made.from_count = mapper.written(state.device)[1]
    state.broken[key] = made
    if fault in ONCE:
        damage.prepare(fault)
    before = damage.lag(state.device)
    _apply(state)
    if fault in ONCE:
        sound = mapper.linear(state.device, state.sectors)
        made.watcher = damage.watch(fault, sound, state.device, state.folder, before)
    _keep(state)


def mend_disk(key: str) -> bool:
    """End the fault of a key, and tell whether no other key keeps the same. Safe to call twice."""
    state = _state()
    made = state.broken.pop(key, None)
    if made is None:
        return True
    _add(state, made.fault, _count(state, made))
    if made.watcher:
        with suppress(ProcessLookupError):
            os.kill(made.watcher, signal.SIGKILL)
        damage.forget()
    alone = all(each.fault != made.fault for each in state.broken.values())
    if made.fault == "lying flush" and alone:
        _confess(state)
    if made.fault == "full" and alone:
        witness.end(errno.ENOSPC)
    _apply(state)
    _keep(state)
    return alone


def bites() -> dict[str, int]:
    """Return how often each fault has made a difference up to now; probes do not count."""
    state = _state()
    counts = dict(state.bites)
    for made in state.broken.values():
        counts[made.fault] = counts.get(made.fault, 0) + _count(state, made)
    return counts


def probe() -> dict[str, object]:
    """Write, flush and remove a small file; one that waits for its first victim is left alone."""
    state = _state()
    faults = {each.fault for each in state.broken.values()}
    told: dict[str, object] = {"error": "", "took_ns": 0, "durable": "lying flush" not in faults}
    if faults & ONCE:
        return told
    state.probes.append(os.getpid())
    _keep(state)
    path = Path(state.folder, _PROBE)
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


def _apply(state: State) -> None:
    """Make the device and the file system what the faults in force ask for."""
    faults = {each.fault: each for each in state.broken.values()}
    size = state.sectors
    slow_ns = sum(each.amount for each in state.broken.values() if each.fault == "slow")
    if "lying flush" not in faults:
        if "flush error" in faults:
            mapper.exchange(mapper.failing(state.device, size, state.journal))
        elif faults.keys() & {"lost write", "misdirected write"}:
            mapper.exchange(mapper.dropping(state.device, size, state.journal))
        elif slow_ns:
            mapper.exchange(mapper.slow(state.device, size, max(1, slow_ns // 1_000_000)))
        else:
            mapper.exchange(mapper.linear(state.device, size))
    _fill(state, min((each.amount for each in state.broken.values() if each.fault == "full"), default=None))


def _fill(state: State, free_bytes: int | None) -> None:
    """Leave room for so much and no more; None for all there is."""
    filler = Path(state.folder, _FILLER)
    filler.unlink(missing_ok=True)
    if free_bytes is None:
        return
    with filler.open("wb") as file:
        room = os.statvfs(state.folder)
        size = room.f_bavail * room.f_frsize - free_bytes
        # What a file itself needs for its own blocks is not known beforehand: a little less, until it fits.
        while size > 0:
            try:
                os.posix_fallocate(file.fileno(), 0, size)
                break
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                size -= room.f_frsize


def _lie(state: State) -> None:
    _MEMORY.mkdir(exist_ok=True)
    call("mount", "-t", "tmpfs", "-o", f"size={_MEMORY_MIB + 1}m", "tmpfs", str(_MEMORY))
    with (_MEMORY / "kept").open("wb") as file:
        file.truncate(_MEMORY_MIB << 20)
    loop = call("losetup", "--find", "--show", str(_MEMORY / "kept")).strip()
    (_MEMORY / "loop").write_text(loop)
    mapper.exchange(mapper.lying(state.device, state.sectors, loop))


def _confess(state: State) -> None:
    loop = (_MEMORY / "loop").read_text()
    mapper.exchange(mapper.confessing(state.device, state.sectors, loop))
    deadline = time.monotonic() + _MERGE_S
    while _kept():
        if time.monotonic() > deadline:
            raise Trouble(f"what the disk had kept is not written after {_MERGE_S:g} s")
        time.sleep(0.02)
    mapper.exchange(mapper.linear(state.device, state.sectors))
    _forget_memory()


def _forget_memory() -> None:
    if os.path.ismount(_MEMORY):
        call("losetup", "--detach", (_MEMORY / "loop").read_text())
        call("umount", str(_MEMORY))


def _kept() -> int:
    """Return how many sectors of data a lying disk keeps."""
    kept, for_itself = mapper.kept_sectors(mapper.status())
    return kept - for_itself


def _count(state: State, made: Broken) -> int:
    """Return how often a fault in force has made a difference."""
    if made.fault == "lying flush":
        return max(0, _kept() - made.from_count)
    if made.fault == "slow":
        return mapper.written(state.device)[1] - made.from_count
    if made.fault == "full":
        return witness.count(errno.ENOSPC, without=state.probes)
    if made.fault in ONCE:
        return damage.struck()
    return 0


def _add(state: State, fault: str, count: int) -> None:
    state.bites[fault] = state.bites.get(fault, 0) + count


def _state() -> State:
    try:
        told = json.loads(_STATE.read_text())
    except FileNotFoundError as error:
        raise Trouble("there is no disk yet") from error
    told["journal"] = Range(*told["journal"])
    told["broken"] = {key: Broken(**each) for key, each in told["broken"].items()}
    return State(**told)


def _keep(state: State) -> None:
    fresh = _STATE.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(state)))
    fresh.replace(_STATE)
