"""A hypervisor of one's own, before it is started; `make vm` starts it."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import MissingError, UsageError
from nodes.vagrant import private


def test_one_at_a_time_uses_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with (tmp_path / "lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(UsageError, match="another hypervisor uses"):
            private.run(tmp_path, ["true"])


def test_it_needs_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(MissingError, match="needs root"):
        private.run(tmp_path, ["true"])
    assert list(tmp_path.iterdir()) == []


def test_all_that_is_missing_is_named_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setitem(private.PACKAGES, "no-such-program", "a-package")
    monkeypatch.setitem(private.PACKAGES, "nor-this-one", "b-package")
    with pytest.raises(MissingError, match=r"a-package b-package"):
        private.run(tmp_path, ["true"])


def test_without_a_command_it_says_how_to_call_it() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "nodes.vagrant.private"], capture_output=True, check=False, text=True
    )
    assert done.returncode != 0
    assert "usage:" in done.stderr
