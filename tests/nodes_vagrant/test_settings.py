"""What a cluster is made of: kept, read again, told to Vagrant."""

from pathlib import Path

import pytest

from harness.errors import DamagedError, UsageError
from nodes.vagrant import console, settings
from nodes.vagrant.settings import Provider, Settings

PLAIN = Settings(nodes=3, provider=Provider.LIBVIRT)


def test_settings_are_what_they_were_when_they_are_read_again(tmp_path: Path) -> None:
    made = Settings(
        nodes=5, provider=Provider.QEMU, box="/a.box", key="/a.key", host_key="/a.host", memory_mib=500
    )
    settings.save(made, tmp_path / "cluster")
    assert settings.load(tmp_path / "cluster") == made


def test_there_is_no_cluster_where_none_was_made(tmp_path: Path) -> None:
    assert settings.load(tmp_path) is None


def test_damaged_settings_are_told_with_their_file(tmp_path: Path) -> None:
    (tmp_path / "cluster.json").write_text('{"nodes": "many"}')
    with pytest.raises(DamagedError, match=r"cluster\.json"):
        settings.load(tmp_path)


def test_vagrant_is_told_all_of_them(tmp_path: Path) -> None:
    made = Settings(
        nodes=5, provider=Provider.VIRTUALBOX, box="/a.box", key="/a.key", emulate=True, memory_mib=200
    )
    told = made.environment(tmp_path)
    assert told["ACKED_NODES"] == "5"
    assert told["ACKED_BOX"] == "/a.box"
    assert told["ACKED_KEY"] == "/a.key"
    assert told["ACKED_EMULATE"] == "1"
    assert told["ACKED_MEMORY_MIB"] == "200"
    assert told["VAGRANT_DEFAULT_PROVIDER"] == "virtualbox"


def test_without_a_box_the_vagrantfile_chooses(tmp_path: Path) -> None:
    told = PLAIN.environment(tmp_path)
    assert "ACKED_BOX" not in told
    assert "ACKED_KEY" not in told
    assert told["ACKED_EMULATE"] != "1"


def test_a_box_file_comes_with_its_keys(tmp_path: Path) -> None:
    box = tmp_path / "a.box"
    for suffix in (".box", ".key", ".host"):
        box.with_suffix(suffix).touch()
    assert settings.of_box_file(box) == tuple(str(tmp_path / name) for name in ("a.box", "a.key", "a.host"))
    box.with_suffix(".key").unlink()
    with pytest.raises(UsageError, match=r"a\.key is missing"):
        settings.of_box_file(box)


def test_the_last_lines_of_a_console_are_told_without_blank_ones(tmp_path: Path) -> None:
    settings.save(PLAIN, tmp_path)
    lines = [f"line {number}\n\n" for number in range(100)]
    (console.folder(tmp_path) / "n1.log").write_text("".join(lines))
    told = console.last_lines(tmp_path, "n1")
    assert told[-1] == "line 99"
    assert 5 < len(told) < 50
    assert console.last_lines(tmp_path, "n2") == []


def test_a_console_that_can_not_be_read_says_so(tmp_path: Path) -> None:
    settings.save(PLAIN, tmp_path)
    (console.folder(tmp_path) / "n1.log").mkdir()
    assert "can't be read" in console.last_lines(tmp_path, "n1")[0]
