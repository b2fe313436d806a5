"""A block device in memory, in which a disk that fails keeps what it should have written."""

import os
from pathlib import Path

from nodes.hazards.programs import call

_SIZE_MIB = 48


class Memory:
    """At most one such device, by way of a folder that `make` mounts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.device = ""

    @property
    def image(self) -> Path:
        """The file that it is made of."""
        return self._folder / "kept"

    def make(self) -> str:
        """Make it, blank, and return its path; it takes memory as it is written to."""
        self._folder.mkdir(parents=True, exist_ok=True)
        call("mount", "-t", "tmpfs", "-o", f"size={_SIZE_MIB + 1}m", "tmpfs", str(self._folder))
        with self.image.open("xb") as file:
            file.truncate(_SIZE_MIB << 20)
        self.device = call("losetup", "--find", "--show", str(self.image)).strip()
        return self.device

    def forget(self) -> None:
        """Remove it with all that is in it. Safe to call twice."""
        if self.device:
            call("losetup", "--detach", self.device)
            self.device = ""
        if os.path.ismount(self._folder):
            call("umount", str(self._folder))
