"""A write cache in front of a disk: what was written after the last flush goes with the power.

From when it begins, the device keeps all writes apart from the disk (dm-snapshot, in memory), and logs them
(dm-log-writes, in memory as well). When the machine has lost its power, the log is replayed on the disk up to its
last flush.
"""

from pathlib import Path

from nodes.hazards import mapper, write_log
from nodes.hazards.device import Device
from nodes.hazards.memory import Memory
from nodes.hazards.write_log import Replayed

_BASE = "acked-base"


class WriteCache:
    """The cache of one disk, `device`; its memory is below `folder`."""

    def __init__(self, folder: Path, device: str) -> None:
        self._device = device
        self._writes = Memory(folder / "cached")
        self._log = Memory(folder / "log")

    @property
    def there(self) -> bool:
        """Whether the disk has it now."""
        return bool(self._log.device)

    def begin(self, sectors: int) -> None:
        """Put it before the disk; the device changes in between two writes."""
        writes, log = self._writes.make(), self._log.make()
        mapper.create(mapper.lying(self._device, sectors, writes), _BASE)
        mapper.exchange(mapper.logged(str(mapper.path_of(_BASE)), sectors, log))

    def logged(self) -> int:
        """Return how many writes and flushes have been logged."""
        return mapper.logged_entries(mapper.status())

    def lose(self, sectors: int, *, flushes: int) -> Replayed:
        """Take it away, with all that was written after the last flush; nothing has the device open.

        So many of the last flushes count as if they had not been.
        """
        try:
            if mapper.status().split()[-1] == "logging_disabled":
                raise RuntimeError(
                    "the log of writes was too long for its memory: let the fault last less long"
                )
            mapper.exchange(mapper.linear(self._device, sectors))  # this ends the log
            mapper.remove(_BASE)
            with Device(Path(self._device)) as disk:
                return write_log.replay(self._log.image, disk, without=flushes)
        finally:
            self.forget(sectors)

    def forget(self, sectors: int) -> None:
        """Take it away with all that it holds. Safe to call twice, and without one."""
        if self.there:
            mapper.exchange(mapper.linear(self._device, sectors))
        mapper.remove(_BASE)
        self._log.forget()
        self._writes.forget()
