import errno
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import FolderError
from harness.spool import LineFile, Spool


class SmallDisk:
    """An unbuffered file on a disk with room for so many bytes; takes at most `chunk` bytes a write."""

    def __init__(self, room: int, chunk: int = 7) -> None:
        self.room, self.chunk, self.data, self.closed = room, chunk, bytearray(), False

    def write(self, data: bytes | memoryview, /) -> int:
        taken = min(len(data), self.chunk, self.room - len(self.data))
        if taken == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.data += data[:taken]
        return taken

    def close(self) -> None:
        self.closed = True


def wait_for(condition: Callable[[], bool], reason: str, deadline_s: float = 10.0) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"waited {deadline_s} s for: {reason}"
        time.sleep(0.005)


def test_lines_reach_the_file_without_being_asked(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "lines"
    with Spool() as spool:
        file = spool.open(path)
        file.append(b"one")
        file.append(b"two")
        wait_for(lambda: path.read_bytes() == b"one\ntwo\n", "the spool thread to write")
        file.append(b"three")
    assert path.read_bytes() == b"one\ntwo\nthree\n"


def test_partial_writes_lose_nothing() -> None:
    disk = SmallDisk(room=10_000)
    with Spool() as spool:
        file = spool.adopt(Path("x"), disk)
        for number in range(100):
            file.append(b"line %d" % number)
    assert disk.data == b"".join(b"line %d\n" % number for number in range(100))
    assert disk.closed


def test_a_full_disk_stops_the_file_for_good_and_is_reported() -> None:
    disk = SmallDisk(room=20)
    file = LineFile(Path("history.jsonl"), disk)
    file.append(b"x" * 12)
    file.drain()
    file.check()
    file.append(b"y" * 12)
    file.drain()
    disk.room = 10_000
    with pytest.raises(FolderError, match=r"history\.jsonl: No space left on device"):
        file.append(b"z")
    with pytest.raises(FolderError):
        file.check()
    with pytest.raises(FolderError):
        file.close()
    assert disk.data == b"x" * 12 + b"\n" + b"y" * 7
    assert disk.closed


def test_closing_writes_and_closes_every_file_even_when_one_fails() -> None:
    full, fine = SmallDisk(room=1), SmallDisk(room=100)
    spool = Spool()
    with pytest.raises(FolderError, match="full"), spool:
        spool.adopt(Path("full"), full).append(b"abc")
        spool.adopt(Path("fine"), fine).append(b"abc")
    assert (fine.data, fine.closed, full.closed) == (b"abc\n", True, True)


def test_a_file_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with Spool() as spool, pytest.raises(FolderError, match="file"):
        spool.open(tmp_path / "file" / "lines")


def test_lines_of_many_threads_stay_whole(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    with Spool() as spool:
        file = spool.open(path)
        threads = [
            threading.Thread(target=lambda mark=mark: [file.append(mark * 50) for _ in range(500)])
            for mark in (b"a", b"b", b"c")
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    lines = path.read_bytes().splitlines()
    assert len(lines) == 1500
    assert set(lines) == {b"a" * 50, b"b" * 50, b"c" * 50}
