from importlib import metadata
from pathlib import Path
from typing import Protocol

import pytest

from harness import plugins
from harness.errors import PluginError, UsageError


def test_what_is_installed_is_found() -> None:
    assert "durability" in plugins.installed("acked.checkers")
    kill = plugins.load("acked.faults", "kill")
    assert kill.__name__ == "Kill"


def test_a_wrong_name_lists_what_there_is_and_the_nearest() -> None:
    with pytest.raises(
        UsageError, match=r"no fault is called 'kil' \(installed: .*kill.*\); did you mean 'kill'"
    ):
        plugins.load("acked.faults", "kil")
    with pytest.raises(UsageError, match=r"no kind of machines is called 'zzz' \(installed: [^;]*\)$"):
        plugins.load("acked.machines", "zzz")


def test_a_plugin_that_does_not_import_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = metadata.EntryPoint(name="odd", value="no_such_module:Odd", group="acked.systems")
    monkeypatch.setattr(plugins, "points", lambda _: metadata.EntryPoints((broken,)))
    with pytest.raises(UsageError, match=r"system 'odd' \(no_such_module:Odd\) can't be loaded: No module"):
        plugins.load("acked.systems", "odd")


def test_files_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text("import sys\nclass Mine:\n    module = sys.modules[__name__]\n")
    mine = plugins.load("acked.systems", "./mine.py:Mine")
    assert mine.module.Mine is mine
    assert plugins.load("acked.systems", str(tmp_path / "mine.py:Mine")) is mine
    with pytest.raises(UsageError, match=r"mine.py has no 'Yours' \(it has: Mine, sys\)"):
        plugins.load("acked.systems", "./mine.py:Yours")
    with pytest.raises(UsageError, match=r"none.py: there is no such file"):
        plugins.load("acked.systems", "./none.py:Mine")
    Path("bad.py").write_text("1 / 0")
    for _ in range(2):
        with pytest.raises(PluginError, match=r"bad.py can't be imported: ZeroDivisionError"):
            plugins.load("acked.systems", "./bad.py:Mine")
    with pytest.raises(UsageError, match=r"name the system in it, too, like \./mine.py:Mine"):
        plugins.load("acked.systems", "./mine.py")


class Small(Protocol):
    value: int

    def act(self) -> None: ...


def test_what_a_plugin_lacks_or_raises_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(
        "class Lacks:\n    def __init__(self, config): pass\n"
        "class Whole(Lacks):\n    value = 1\n    def act(self): pass\n"
        "class Raises:\n    def __init__(self, config): raise ValueError('odd')\n"
        "NUMBER = 1\n"
    )

    def make(name: str) -> object:
        return plugins.make("acked.systems", f"./mine.py:{name}", Small, None)

    assert type(make("Whole")).__name__ == "Whole"
    with pytest.raises(UsageError, match=r"mine.py:Lacks lacks what every system has: act, value"):
        make("Lacks")
    with pytest.raises(UsageError, match=r"mine.py:NUMBER is no class"):
        make("NUMBER")
    with pytest.raises(PluginError, match=r"mine.py:Raises can't be made: ValueError: odd") as caught:
        make("Raises")
    assert isinstance(caught.value.__cause__, ValueError)
