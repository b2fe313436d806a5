"""Which unflushed sectors a power cut may leave, and that none of them replaces anything newer."""

from pathlib import Path

import pytest

from harness.draws import Draws
from nodes.linux import extents, remnants
from nodes.linux.extents import BLOCK, Place
from nodes.linux.remnants import SECTOR, Sector


class Memory:
    """A disk of one block."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def read(self, physical: int) -> bytes:
        assert physical == 0
        return self.content

    def write(self, physical: int, content: bytes) -> None:
        assert (physical, len(content)) == (0, BLOCK)
        self.content = content


def sector(number: int, stale: bytes, fresh: bytes) -> Sector:
    return Sector(number * SECTOR, stale * SECTOR, fresh * SECTOR)


def test_sectors_that_differ_from_the_disk_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytearray(b"a" * (BLOCK - 100))
    content[SECTOR] = content[3 * SECTOR - 1] = ord("b")
    (tmp_path / "log").write_bytes(content)
    monkeypatch.setattr(extents, "blocks", lambda path: [Place(0, 0)])
    disk = Memory((b"a" * (BLOCK - 100)).ljust(BLOCK, b"\0"))
    ((first, second),) = remnants.unflushed(tmp_path, disk)
    assert [first.physical, second.physical] == [SECTOR, 2 * SECTOR]
    assert first.stale == b"a" * SECTOR and first.fresh == b"b" + b"a" * (SECTOR - 1)
    disk.content = bytes(content).ljust(BLOCK, b"\0")
    assert remnants.unflushed(tmp_path, disk) == []


def test_what_is_kept_is_put_on_the_disk_unless_something_newer_is_there() -> None:
    disk = Memory(b"a" * SECTOR + b"n" * SECTOR + b"a" * (BLOCK - 2 * SECTOR))
    remnants.put([sector(0, b"a", b"b"), sector(1, b"a", b"b"), sector(7, b"a", b"c")], disk)
    assert disk.content == b"b" * SECTOR + b"n" * SECTOR + b"a" * (BLOCK - 3 * SECTOR) + b"c" * SECTOR


def test_nothing_all_and_a_part_may_be_kept_of_each_file() -> None:
    files = [[sector(number, b"a", b"b") for number in range(4)], [sector(7, b"a", b"c")]]
    found = {
        tuple(each.physical // SECTOR for each in remnants.drawn(files, Draws(seed))) for seed in range(500)
    }
    assert {(), (7,), (0, 1, 2, 3), (0, 1, 2, 3, 7), (0, 1), (0, 1, 7), (1, 3)} <= found
