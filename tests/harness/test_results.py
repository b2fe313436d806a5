"""Run folders: unique under races, a link that is always there, one clear line when a disk refuses."""

import errno
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from harness import results
from harness.errors import FolderError, UsageError

NOW = datetime(2026, 1, 31, 10, 15, 0, tzinfo=UTC)


def test_a_folder_is_named_by_time_name_and_seed(tmp_path: Path) -> None:
    east = NOW.astimezone(timezone(timedelta(hours=9)))
    folder = results.create(tmp_path / "runs", "kill", 7, east)
    assert folder == tmp_path / "runs" / "20260131T101500Z-kill-s7"
    assert folder.is_dir()
    assert (tmp_path / "runs" / "latest").readlink() == Path(folder.name)


def test_two_runs_of_one_second_get_two_folders(tmp_path: Path) -> None:
    first = results.create(tmp_path, "kill", 7, NOW)
    second = results.create(tmp_path, "kill", 7, NOW)
    assert second.name == f"{first.name}-2"
    assert (tmp_path / "latest").resolve() == second


RACE = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from harness import results
root = Path(sys.argv[1])
for _ in range(20):
    print(results.create(root, "race", 1, datetime(2026, 1, 31, tzinfo=UTC)))
    assert (root / "latest").is_dir()
"""


def test_many_at_once_get_folders_of_their_own_and_the_link_never_fails(tmp_path: Path) -> None:
    racers = [
        subprocess.Popen([sys.executable, "-c", RACE, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    printed = [racer.communicate(timeout=60)[0].split() for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0, 0, 0]
    folders = [folder for some in printed for folder in some]
    assert len(set(folders)) == 80
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_a_real_folder_called_latest_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "latest").mkdir()
    (tmp_path / "latest" / "mine.txt").write_text("keep")
    with pytest.raises(UsageError) as caught:
        results.create(tmp_path, "kill", 7, NOW)
    assert str(caught.value) == (
        f"{tmp_path}/latest: not the link that runs keep there; move it or name another --results"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["latest"]


def test_a_link_that_points_nowhere_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "latest").symlink_to("gone")
    folder = results.create(tmp_path, "kill", 7, NOW)
    assert (tmp_path / "latest").resolve() == folder


def test_a_place_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError) as caught:
        results.create(tmp_path / "file" / "runs", "kill", 7, NOW)
    assert str(caught.value) == (
        f"{tmp_path}/file/runs: can't be written: Not a directory; name another place with --results"
    )


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    with pytest.raises(FolderError) as caught, results.storing(tmp_path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert str(caught.value) == (f"{tmp_path}: can't be written: No space left on device")


def test_a_file_that_can_not_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, data: bytes) -> int:
        self.touch()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(FolderError, match=r"/file: can't be written: No space left on device$"):
        results.write(tmp_path / "file", b"x")
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_not_put_on_top_of_another(tmp_path: Path) -> None:
    assert results.create_exactly(tmp_path / "a" / "b").is_dir()
    (tmp_path / "a" / "b" / "results.json").write_text("{}")
    with pytest.raises(UsageError, match="not empty; a run needs a folder of its own"):
        results.create_exactly(tmp_path / "a" / "b")


def test_a_run_is_found_by_its_folder_a_link_or_a_file_in_it(tmp_path: Path) -> None:
    folder = results.create(tmp_path, "kill", 7, NOW)
    (folder / "results.json").write_text("{}")
    assert results.find(folder) == folder
    assert results.find(tmp_path / "latest") == folder
    assert results.find(folder / "results.json") == folder
    with pytest.raises(UsageError, match="there is no such run folder"):
        results.find(tmp_path / "gone")


def test_a_file_is_never_seen_half_written(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    results.write_json(path, {"a": [1, 2]})
    results.write_json(path, {"a": [3]})
    assert path.read_text() == '{\n  "a": [\n    3\n  ]\n}\n'
    assert [file.name for file in tmp_path.iterdir()] == ["results.json"]


def test_the_host_and_the_versions_are_told() -> None:
    info = results.describe(7, ["acked", "run", "s.yaml"], NOW)
    assert info.started == "2026-01-31T10:15:00+00:00"
    assert info.ended is None
    assert {"click", "numpy", "msgspec"} <= info.packages.keys()
    assert info.python == sys.version.split()[0]
    assert info.kernel.startswith("Linux ")
    assert results.ended(info, NOW + timedelta(seconds=9)).ended == "2026-01-31T10:15:09+00:00"
