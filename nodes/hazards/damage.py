"""Damage to single blocks of the system's files: writes that go nowhere or astray."""

import errno
import os
import random
import threading
from pathlib import Path

from nodes.hazards import mapper, witness
from nodes.hazards.device import Device
from nodes.linux import extents
from nodes.linux.extents import BLOCK, Place

_LOOK_S = 0.01


class Watch:
    """Ends a fault that strikes once when it has struck; begun before the fault is, and started after.

    What the file system itself has still to write is written first: so what is struck is the system's. `sound`
    is the table with which all is well.
    """

    def __init__(self, fault: str, sound: str, device: str, folder: str) -> None:
        self._fault = fault
        self._sound = sound
        self._device = device
        self._folder = folder
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"watch for a {fault}", daemon=True)
        self.struck = 0
        os.sync()
        self._before = lag(device)
        if fault == "flush error":
            witness.begin(errno.EIO)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def end(self) -> None:
        """Look no longer."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()
        if self._fault == "flush error":
            witness.end(errno.EIO)

    def _watch(self) -> None:
        while not self._has_struck():
            if self._over.wait(_LOOK_S):
                return
        mapper.exchange(self._sound)
        if self._fault == "misdirected write":
            _misdirect(self._folder)
        self.struck = 1

    def _has_struck(self) -> bool:
        if self._fault == "flush error":
            return witness.count(errno.EIO) > 0
        return lag(self._device) > self._before


def lag(device: str) -> int:
    """Return how many sectors of writes the device on top has done more than the one below: dropped ones."""
    top, below = (_sectors_written(path) for path in (str(mapper.PATH), device))
    return top - below


def _misdirect(folder: str) -> None:
    """Write the block that was dropped to another place of its file."""
    with Device(mapper.PATH) as device:
        for path in extents.files(Path(folder)):
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
