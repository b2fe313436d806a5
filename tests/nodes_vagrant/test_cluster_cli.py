"""`acked cluster`, as far as it goes without virtual machines."""

from pathlib import Path

import pytest

from harness import cli
from harness.verdict import ExitCode
from nodes.vagrant import kvm, settings
from nodes.vagrant.settings import Provider, Settings


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the cluster of these tests would be kept."""
    monkeypatch.setattr(settings, "CLUSTER", tmp_path / "cluster")
    return tmp_path / "cluster"


def refused(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    assert cli.main(["cluster", *args]) == ExitCode.USAGE
    told = capsys.readouterr().err
    assert "Traceback" not in told
    return told


@pytest.mark.parametrize("verb", ["up", "status", "reset", "down"])
def test_what_makes_the_machines_must_be_named(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--vagrant" in refused(capsys, verb)


@pytest.mark.parametrize("verb", [("status",), ("reset",), ("ssh", "n1")])
def test_without_a_cluster_it_says_how_to_make_one(
    verb: tuple[str, ...], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "acked cluster up --vagrant" in refused(capsys, *verb, "--vagrant")


def test_nothing_is_brought_down_where_nothing_is(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cluster", "down", "--vagrant"]) == ExitCode.HOLDS
    assert "no cluster" in capsys.readouterr().out


def test_a_machine_that_is_not_there_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings.save(Settings(nodes=3, provider=Provider.LIBVIRT), folder)
    assert "'n4': there are n1, n2, n3" in refused(capsys, "ssh", "--vagrant", "n4")


def test_a_cluster_with_other_settings_is_not_touched(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(kvm, "probe", lambda: kvm.verdict(accessible=False))
    settings.save(Settings(nodes=5, provider=Provider.LIBVIRT), folder)
    assert "acked cluster down --vagrant" in refused(capsys, "up", "--vagrant")


def test_a_box_without_its_keys_is_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    box = tmp_path / "a.box"
    box.touch()
    told = refused(capsys, "up", "--vagrant", "--provider", "virtualbox", "--box", str(box))
    assert "a.key is missing" in told
    assert not folder.exists()
