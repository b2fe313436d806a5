"""Which files of a folder are the system's, and where a file's blocks are."""

import os
from pathlib import Path

from nodes.linux import extents


def test_the_systems_files_are_found_and_ours_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    for name in ("log/1", "meta", ".acked-probe"):
        (tmp_path / name).write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "meta")
    found = [path.relative_to(tmp_path).as_posix() for path in extents.files(tmp_path)]
    assert found == ["log/1", "meta"]


def test_only_what_has_a_place_on_the_device_is_a_block(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as file:
        file.write(b"x" * (2 * extents.BLOCK + 1))
        file.flush()
        os.fsync(file.fileno())
        file.truncate(10 * extents.BLOCK)  # a hole
    assert [place.logical for place in extents.blocks(path)] == [0, extents.BLOCK, 2 * extents.BLOCK]


def test_a_file_in_many_pieces_is_found_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as file:
        for number in range(600):
            file.seek(2 * number * extents.BLOCK)
            file.write(b"x")
        file.flush()
        os.fsync(file.fileno())
    found = [place.logical for place in extents.blocks(path)]
    assert found[0] == 0 and found[-1] == 2 * 599 * extents.BLOCK
    assert found == sorted(set(found))
