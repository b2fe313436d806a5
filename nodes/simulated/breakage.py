"""What is wrong with a machine's disk, each fault under the name of whoever wanted it so.

The disk knows how each fault acts (`nodes.simulated.disk_faults`); here they add up, end, and are probed.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from harness.machine import DiskFault
from nodes.simulated.disk import Disk
from nodes.simulated.disk_faults import Bite, Mishap
from nodes.simulated.disk_file import File
from nodes.simulated.tape import Tape

T = TypeVar("T")

_BITES = {
    DiskFault.LYING_FLUSH: Bite.LYING_FLUSH,
    DiskFault.FLUSH_ERROR: Bite.SYNC_ERROR,
    DiskFault.FULL: Bite.NO_SPACE,
    DiskFault.SLOW: Bite.STALL,
    DiskFault.LOST_WRITE: Bite.LOST_WRITE,
    DiskFault.MISDIRECTED_WRITE: Bite.MISDIRECTED_WRITE,
}
_MISHAPS = {DiskFault.LOST_WRITE: Mishap.LOST, DiskFault.MISDIRECTED_WRITE: Mishap.MISDIRECTED}
_PROBE = Path("/probe")
_PROBE_BYTES = b"a probe " * 512


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A fault that somebody wants; for a full disk `amount` is all that it may hold."""

    fault: DiskFault
    amount: int


class Breakage:
    """The faults of one disk. `tape` draws which bits rot."""

    def __init__(self, disk: Disk, tape: Tape) -> None:
        self._disk = disk
        self._tape = tape
        self._wanted: dict[str, _Wanted] = {}

    def begin(self, key: str, fault: DiskFault, amount: int) -> None:
        """Let the disk have a fault."""
        if fault is DiskFault.FULL:
            amount += self._disk.used_bytes
        self._wanted[key] = _Wanted(fault, amount)
        if fault is DiskFault.FLUSH_ERROR:
            self._disk.faults.sync_error = True
        elif fault in _MISHAPS:
            self._disk.faults.next_write = _MISHAPS[fault]
        else:
            self._set_lasting()

    def end(self, key: str) -> bool:
        """End a fault; tell whether nobody else wants the same."""
        gone = self._wanted.pop(key, None)
        if gone is None:
            return True
        fault, faults = gone.fault, self._disk.faults
        if any(wanted.fault is fault for wanted in self._wanted.values()):
            self._set_lasting()
            return False
        if fault is DiskFault.FLUSH_ERROR:
            faults.sync_error = False
        elif fault in _MISHAPS and faults.next_write is _MISHAPS[fault]:
            faults.next_write = None
        self._set_lasting()
        if fault is DiskFault.LYING_FLUSH:
            self._write_out()
        return True

    def rot(self, bits: int) -> int:
        """Flip bits at once; return how many there were to flip."""
        return sum(self._rot() for _ in range(bits))

    def bites(self) -> Mapping[DiskFault, int]:
        """Return how often each fault has made a difference."""
        return {fault: self._disk.faults.bites[bite] for fault, bite in _BITES.items()}

    def probe(self) -> tuple[str, int, bool]:
        """Write, flush and remove a file; return the error, the extra time of the flush, and if it was durable."""
        return self._unnoticed(self._write_probe)

    def _set_lasting(self) -> None:
        """Set what lasts as long as somebody wants it."""
        amounts = {
            fault: [w.amount for w in self._wanted.values() if w.fault is fault] for fault in DiskFault
        }
        faults = self._disk.faults
        faults.lying = bool(amounts[DiskFault.LYING_FLUSH])
        faults.stall_ns = sum(amounts[DiskFault.SLOW])
        faults.capacity_bytes = min(amounts[DiskFault.FULL], default=None)

    def _rot(self) -> bool:
        """Flip a bit, of a file drawn by how much it holds; False if there is nothing."""
        disk = self._disk
        sizes = {path: len((disk.durable_bytes(path) or b"").rstrip(b"\0")) for path in disk.durable_paths()}
        total = sum(sizes.values())
        if not total:
            return False
        place = self._tape.below("rotten byte", total)
        for path, size in sizes.items():
            if place < size:
                return disk.rot(path) is not None
            place -= size
        return False

    def _write_out(self) -> None:
        """Make durable what flushes had only said to be: the end of a lie is that it comes true."""

        def write_out() -> None:
            for node in list(self._disk.names.visible.values()):
                if isinstance(node, File) and node.unflushed:
                    self._disk.flush(node, len(node.unflushed))
            self._disk.flush_names()

        self._unnoticed(write_out)

    def _unnoticed(self, action: Callable[[], T]) -> T:
        """Do something that neither counts nor meets a fault that strikes once."""
        faults = self._disk.faults
        bites, error, mishap = Counter(faults.bites), faults.sync_error, faults.next_write
        faults.sync_error, faults.next_write = False, None
        try:
            return action()
        finally:
            faults.bites, faults.sync_error, faults.next_write = bites, error, mishap

    def _write_probe(self) -> tuple[str, int, bool]:
        files = self._disk.view("probe")
        try:
            descriptor = files.open(_PROBE, create=True, truncate=True)
            files.write(descriptor, _PROBE_BYTES, 0)
            took_ns = self._disk.stalled_ns()
            files.sync(descriptor)
            files.sync_folder(_PROBE.parent)
            durable = self._disk.durable_bytes(_PROBE) == _PROBE_BYTES
        except OSError as error:
            return error.strerror or str(error), 0, False
        else:
            return "", took_ns, durable
        finally:
            if files.exists(_PROBE):
                files.unlink(_PROBE)
            self._disk.release("probe")
