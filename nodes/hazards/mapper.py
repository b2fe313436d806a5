"""A device of the kernel's device-mapper, whose behaviour can be exchanged while a file system is mounted on it.

Tables are text: a line for each range, `start length target arguments…`, in sectors of 512 bytes. They are
those of the kernel's Documentation/admin-guide/device-mapper.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from nodes.hazards.programs import call

NAME = "acked"
"""The device that the file system is on; others are beneath it."""


def path_of(name: str) -> Path:
    """Return where a device is."""
    return Path("/dev/mapper", name)


PATH = path_of(NAME)
SECTOR = 512


class Range(NamedTuple):
    """Sectors of a device."""

    start: int
    length: int


def linear(device: str, sectors: int) -> str:
    """Pass everything on: a sound disk."""
    return f"0 {sectors} linear {device} 0\n"


def slow(device: str, sectors: int, flush_ms: int) -> str:
    """Let each flush take longer, and nothing else."""
    return f"0 {sectors} delay {device} 0 0 {device} 0 0 {device} 0 {flush_ms}\n"


def failing(device: str, sectors: int, spared: Range) -> str:
    """Refuse writes with an error, but those to a spared range."""
    return _flakey(device, sectors, spared, "error_writes")


def dropping(device: str, sectors: int, spared: Range) -> str:
    """Say that writes are done, and do nothing, but for those to a spared range."""
    return _flakey(device, sectors, spared, "drop_writes")


def lying(device: str, sectors: int, memory: str) -> str:
    """Keep all writes in another device from now on; reads find them."""
    return f"0 {sectors} snapshot {device} {memory} P 8\n"


def confessing(device: str, sectors: int, memory: str) -> str:
    """Write back to the device what another one has kept."""
    return f"0 {sectors} snapshot-merge {device} {memory} P 8\n"


def gone(sectors: int) -> str:
    """Refuse all reads and writes, as where there is no disk."""
    return f"0 {sectors} error\n"


def logged(device: str, sectors: int, log: str) -> str:
    """Pass everything on, and log what was written and flushed to another device."""
    return f"0 {sectors} log-writes {device} {log}\n"


def logged_entries(status: str) -> int:
    """Return how many entries a log has: `start length target entries …`."""
    return int(status.split()[3])


def kept_sectors(status: str) -> tuple[int, int]:
    """Return how many sectors a lying or confessing table keeps, and how many of these hold no data.

    `status` is what `dmsetup status` says of it: `start length target kept/room kept_for_itself`.
    """
    fields = status.split()
    if len(fields) < 5 or "/" not in fields[3]:
        raise RuntimeError(f"the device that keeps writes is broken: {status.strip()}")
    return int(fields[3].split("/")[0]), int(fields[4])


def _flakey(device: str, sectors: int, spared: Range, feature: str) -> str:
    """Return a table of which all but one range is never up (0 s) and always down (1 s)."""
    end = spared.start + spared.length
    assert spared.start >= 0 and end <= sectors, "what is spared is on the device"
    parts = [
        (0, spared.start, "flakey", f"0 1 1 {feature}"),
        (*spared, "linear", ""),
        (end, sectors - end, "flakey", f"0 1 1 {feature}"),
    ]
    return "".join(
        f"{start} {length} {target} {device} {start} {options}".rstrip() + "\n"
        for start, length, target, options in parts
        if length
    )


def sectors_of(device: str) -> int:
    """Return the size of a device."""
    return int(call("blockdev", "--getsz", device))


def create(table: str, name: str = NAME) -> None:
    """Make a device."""
    call("dmsetup", "create", name, text=table)


def has(target: str) -> bool:
    """Tell whether the kernel has a target, or can load it."""
    try:
        call("modprobe", "--dry-run", f"dm-{target}")
    except (FileNotFoundError, RuntimeError):
        return False
    return True


def exists() -> bool:
    """Tell whether the device is there."""
    return PATH.exists()


def exchange(table: str) -> None:
    """Let the device behave by another table, in between two writes.

    The file system on it is not told (`--nolockfs`): it would flush all that it has. Nor is udev waited for.
    """
    call("dmsetup", "load", NAME, text=table)
    call("dmsetup", "resume", "--nolockfs", "--noudevsync", NAME)


def status() -> str:
    """Return what the table's target says about itself."""
    return call("dmsetup", "status", NAME)


def opened() -> bool:
    """Tell whether something has the device open: a mount, for one."""
    return int(call("dmsetup", "info", "--columns", "--noheadings", "-o", "open", NAME)) > 0


def remove(name: str = NAME) -> None:
    """Remove a device, if it is there."""
    if path_of(name).exists():
        call("dmsetup", "remove", "--retry", name)


def written(device: str) -> tuple[int, int]:
    """Return how many writes and flushes a device has done, by the kernel's own count.

    Fields 5 and 16 of Documentation/block/stat.rst.
    """
    fields = Path("/sys/class/block", Path(device).resolve().name, "stat").read_text().split()
    return int(fields[4]), int(fields[15])


def journal(device: str) -> Range:
    """Return where the journal of the ext4 file system on a device is; it is made in one piece.

    Its extents are told by debugfs: `level entries logical physical length`, the inner ones with `->`.
    """
    block_sectors = int(_field(call("dumpe2fs", "-h", device).splitlines(), "Block size:")) // SECTOR
    leaves = [line.split() for line in call("debugfs", "-R", "ex <8>", device).splitlines()]
    for fields in leaves:
        numbers = [field for field in fields if field.isdigit()]
        if len(numbers) >= 5 and fields[-1].isdigit():
            first, _, length = (int(number) for number in numbers[-3:])
            return Range(first * block_sectors, length * block_sectors)
    raise RuntimeError(f"no journal was found on {device}")


def _field(lines: Iterable[str], name: str) -> str:
    return next(line.removeprefix(name).strip() for line in lines if line.startswith(name))
