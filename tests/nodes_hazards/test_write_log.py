"""A log of writes, as the kernel's dm-log-writes has it, is done again up to its last flush, and no further."""

import struct
from pathlib import Path

import pytest

from nodes.hazards import write_log
from nodes.hazards.write_log import Replayed
from nodes.linux.extents import BLOCK

FLUSH, FUA, DISCARD, MARK = 1, 2, 4, 8


class Disk:
    """Blocks in memory."""

    def __init__(self) -> None:
        self.blocks: dict[int, bytes] = {}

    def read(self, physical: int) -> bytes:
        return self.blocks[physical]

    def write(self, physical: int, content: bytes) -> None:
        assert len(content) == BLOCK
        self.blocks[physical] = content


def log_of(path: Path, *entries: tuple[int, str, int]) -> Path:
    """Write a log: of each entry its first block, a letter for each block that is written, and its flags."""
    text = struct.pack("<QQQL", 0x6A736677736872, 1, len(entries), 512).ljust(512, b"\0")
    for block, letters, flags in entries:
        data = b"".join(letter.encode() * BLOCK for letter in letters)
        text += struct.pack("<QQQQ", block * 8, len(data) // 512, flags, 0).ljust(512, b"\0")
        text += b"" if flags & DISCARD else data
    path.write_bytes(text + b"\0" * 1024)
    return path


def test_what_no_flush_followed_is_forgotten(tmp_path: Path) -> None:
    log = log_of(
        tmp_path / "log",
        (0, "a", 0),
        (5, "bc", 0),
        (0, "", FLUSH),
        (0, "d", FLUSH | FUA),
        (9, "e", DISCARD),
        (9, "f", 0),
        (0, "", MARK),
    )
    disk = Disk()
    assert write_log.replay(log, disk) == Replayed(writes=3, flushes=2, forgotten=1)
    assert {block // BLOCK: content[:1] for block, content in disk.blocks.items()} == {
        0: b"d",
        5: b"b",
        6: b"c",
    }


def test_the_disk_can_be_had_as_it_was_after_any_flush(tmp_path: Path) -> None:
    log = log_of(tmp_path / "log", *((0, letter, FLUSH) for letter in "abc"), (0, "d", 0))
    kept = []
    for without in range(4):
        disk = Disk()
        told = write_log.replay(log, disk, without=without)
        assert told == Replayed(writes=3 - without, flushes=3 - without, forgotten=1 + without)
        kept.append(disk.blocks.get(0, b"-")[:1])
    assert kept == [b"c", b"b", b"a", b"-"]


def test_without_a_flush_nothing_is_kept(tmp_path: Path) -> None:
    disk = Disk()
    assert write_log.replay(log_of(tmp_path / "log", (0, "a", 0)), disk) == Replayed(0, 0, 1)
    assert not disk.blocks


def test_what_is_no_log_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(bytes(4096))
    with pytest.raises(RuntimeError, match="is no log of writes"):
        write_log.replay(path, Disk())
