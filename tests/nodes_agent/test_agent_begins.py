"""How the agent comes to a machine: its folder, its code, and what it says when it can't."""

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

from nodes import packing
from nodes.agent import bootstrap
from nodes.ssh import archive


def begin(folder: Path, sent: bytes = b"") -> list[dict[str, object]]:
    """Run the bootstrap on `folder` and return what it says; its input ends after `sent`."""
    source = Path(bootstrap.__file__).read_text()
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", source, str(folder), "code", ""],
        input=sent,
        capture_output=True,
        check=True,
        timeout=60,
    )
    lines = done.stdout.decode().splitlines()
    return [json.loads(line.removeprefix(bootstrap.MARK)) for line in lines]


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def agent(main: bytes) -> bytes:
    data = packing.pack(Path(), [], {"__main__.py": main}).data
    return b"%d\n" % len(data) + data


def test_the_code_is_sent_once(tmp_path: Path) -> None:
    folder = tmp_path / "acked"
    code = agent(b"import sys; print('acked:' + '{\"argv\": 1}') if sys.argv[1] == 'attach' else None")
    assert begin(folder, code) == [{"have": False}, {"begins": True}, {"argv": 1}]
    assert begin(folder, b"0\n") == [{"have": True}, {"begins": True}, {"argv": 1}]
    assert folder.stat().st_mode & 0o777 == 0o700
    assert names_in(folder) == ["agent-code", bootstrap.OURS]


def test_a_folder_of_others_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis").write_text("mine")
    (said,) = begin(tmp_path)
    assert "has something in it that Acked did not make" in str(said["error"])
    assert names_in(tmp_path) == ["thesis"]


def test_what_was_made_in_vain_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "acked"
    folder.mkdir()
    (folder / bootstrap.OURS).touch()
    (folder / "agent-code").write_text("in the way")
    said = begin(folder, agent(b""))
    assert said[0] == {"have": False}
    assert "can't be written" in str(said[1]["error"])
    assert names_in(folder) == ["agent-code", bootstrap.OURS]


def test_the_command_holds_no_secret_and_the_shell_fills_in_how_it_came() -> None:
    command = archive.command(python="python3", directory="/x y", sudo=True, password=True)
    assert command.startswith("exec sudo -S -p ")
    assert command.endswith(' "$SSH_CONNECTION"')
    assert "'/x y'" in command
    assert archive.command(python="python3", directory="", sudo=True, password=False).startswith(
        "exec sudo -n --"
    )


def test_all_that_the_agent_imports_is_sent(tmp_path: Path) -> None:
    archive_file = tmp_path / "agent.zip"
    archive_file.write_bytes(archive.agent_code().data)
    check = "import nodes.agent.server, nodes.agent.attach, sys; print(sys.modules['harness'].__file__)"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(archive_file)!r}); {check}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout.strip() == f"{archive_file}/harness/__init__.py", done.stderr


def test_the_same_sources_are_the_same_package(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name / "package").mkdir(parents=True)
        (tmp_path / name / "package" / "a.py").write_text("x = 1\n")
        (tmp_path / name / "package" / "notes.txt").write_text(name)
    first = packing.pack(tmp_path / "one", ["package"])
    os.utime(tmp_path / "other/package/a.py", (1, 1))
    assert packing.pack(tmp_path / "other", ["package"]) == first
    assert packing.pack(tmp_path / "other", ["package"], {"b.py": b""}).name != first.name


def test_a_machine_with_the_same_python_compiles_nothing(tmp_path: Path) -> None:
    """What it runs is what was compiled here, even where the source is no Python."""
    (tmp_path / "answer.py").write_text("value = 42\n")
    package = packing.pack(tmp_path, ["answer.py"])
    there = tmp_path / "there"
    with zipfile.ZipFile(io.BytesIO(package.data)) as archive_file:
        archive_file.extractall(there)
    (there / "answer.py").write_text("this is no Python\n")
    done = subprocess.run(
        [sys.executable, "-c", "import answer; print(answer.value)"],
        capture_output=True,
        text=True,
        check=False,
        cwd=there,
        timeout=60,
    )
    assert done.stdout == "42\n", done.stderr
    (tmp_path / "answer.py").write_text("value = 43\n")
    assert packing.pack(tmp_path, ["answer.py"]).name != package.name


def test_whoever_only_joins_an_agent_does_not_load_it() -> None:
    check = "import sys, nodes.agent.__main__, nodes.agent.attach; print('asyncio' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout == "False\n", done.stderr
