"""The program that does things on a virtual machine, as far as it can be run anywhere."""

import io
import json
import subprocess
import sys
from pathlib import Path

from nodes.hazards.__main__ import carry_out, serve

from nodes.hazards import extents
from nodes.vagrant import archive


def test_requests_are_answered_line_by_line() -> None:
    answers = io.StringIO()
    serve(io.StringIO('{"do": "read clocks"}\n{"do": "fly"}\n'), answers)
    first, second = map(json.loads, answers.getvalue().splitlines())
    assert first["answer"].keys() == {"monotonic_ns", "wall_ns"}
    assert "fly" in second["error"]


def test_what_goes_wrong_is_told_in_one_line() -> None:
    told = carry_out({"do": "read clocks", "nonsense": 1})["error"]
    assert told.startswith("TypeError: ")
    assert "\n" not in told


def test_the_archive_runs_with_nothing_but_the_standard_library(tmp_path: Path) -> None:
    program = tmp_path / "hand.pyz"
    program.write_bytes(archive.build())
    done = subprocess.run(
        [sys.executable, "-I", "-S", program],
        input='{"do": "read clocks"}\n',
        capture_output=True,
        check=True,
        text=True,
        cwd="/",
    )
    assert "wall_ns" in json.loads(done.stdout)["answer"]


def test_the_archive_is_the_same_each_time() -> None:
    assert archive.build() == archive.build()


def test_the_systems_files_are_found_and_ours_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    for name in ("log/1", "meta", ".acked-probe"):
        (tmp_path / name).write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "meta")
    found = [path.relative_to(tmp_path).as_posix() for path in extents.files(str(tmp_path))]
    assert found == ["log/1", "meta"]
