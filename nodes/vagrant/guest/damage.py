"""Damage to single blocks of the system's files: bits that flip, and writes that go nowhere or astray."""

import errno
import os
import random
import time
from pathlib import Path

from nodes.vagrant.guest import extents, mapper, witness
from nodes.vagrant.guest.extents import BLOCK, Device, Place

_STRUCK = Path("/run/acked-struck")
_LOOK_S = 0.01


def rot(folder: str, bits: int) -> None:
    """Flip bits of what is durable, each of a block of its own choice."""
    choice = [(path, place) for path in extents.files(folder) for place in extents.blocks(path)]
    if not choice:
        raise RuntimeError(f"nothing in {folder} is durable yet")
    with Device(mapper.PATH) as device:
        for _ in range(bits):
            path, place = random.choice(choice)
            used = min(BLOCK, path.stat().st_size - place.logical)
            content = bytearray(device.read(place.physical))
            content[random.randrange(used)] ^= 1 << random.randrange(8)
            device.write(place.physical, bytes(content))
            extents.forget_cached(path)


def prepare(fault: str) -> None:
    """Begin to look, before the fault can strike.

    What the file system itself has still to write is written first: so what is struck is the system's.
    """
    _STRUCK.unlink(missing_ok=True)
    os.sync()
    if fault == "flush error":
        witness.begin(errno.EIO)


def watch(fault: str, sound: str, device: str, folder: str, before: int) -> int:
    """Have a process of its own end the fault once it has struck; return its id.

    `sound` is the table with which all is well, `before` what `lag` returned when it was.
    """
    told, tell = os.pipe()
    child = os.fork()
    if child:
        os.close(tell)
        os.waitpid(child, 0)
        with os.fdopen(told, "rb") as pipe:
            return int(pipe.read())
    os.setsid()
    # Once more: so it is nobody's child here, and nobody has to wait for its end.
    if watcher := os.fork():
        os.write(tell, str(watcher).encode())
        os._exit(0)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2, tell):
        os.dup2(null, fd)
    while not (witness.count(errno.EIO) if fault == "flush error" else lag(device) > before):
        time.sleep(_LOOK_S)
    mapper.exchange(sound)
    if fault == "misdirected write":
        _misdirect(folder)
    _STRUCK.write_text("1")
    os._exit(0)


def lag(device: str) -> int:
    """Return how many sectors of writes the device on top has done more than the one below: dropped ones."""
    top, below = (_sectors_written(path) for path in (str(mapper.PATH), device))
    return top - below


def struck() -> int:
    """Return how often a fault that strikes once has struck."""
    return int(_STRUCK.exists())


def forget() -> None:
    """Look no longer. Safe to call twice."""
    _STRUCK.unlink(missing_ok=True)
    witness.end(errno.EIO)


def _misdirect(folder: str) -> None:
    """Write the block that was dropped to another place of its file."""
    with Device(mapper.PATH) as device:
        for path in extents.files(folder):
            places = extents.blocks(path)
            content = path.read_bytes()
            for place in places:
                shown = _block(content, place)
                if shown == device.read(place.physical):
                    continue
                others = [other for other in places if other != place]
                if others:
                    device.write(random.choice(others).physical, shown)
                return


def _block(content: bytes, place: Place) -> bytes:
    return content[place.logical : place.logical + BLOCK].ljust(BLOCK, b"\0")


def _sectors_written(device: str) -> int:
    """Return field 7 of Documentation/block/stat.rst."""
    return int(Path("/sys/class/block", Path(device).resolve().name, "stat").read_text().split()[6])
