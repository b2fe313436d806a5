"""The harness has teeth: a store that is changed by hand to acknowledge too early is found on real processes."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.cluster

SCENARIO = """
name: patched
mode: {mode}
nodes: 3
settings: {{code: {code}}}
workload: {{name: append, clients: 8, rate: 300}}
time_limit_s: 4
faults:
  - {{kill: {{}}, target: primary, at_s: 1.5, for_s: 0.5}}
"""


def patched(folder: Path, module: str, old: str, new: str) -> Path:
    """Copy the store and change it as one would by hand; `old` must be there once."""
    package = folder / "nodes" / "reference"
    shutil.copytree(ROOT / "nodes" / "reference", package, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "nodes" / "__init__.py").touch()
    path = package / module
    text = path.read_text()
    assert text.count(old) == 1, f"{module} has changed: {old!r} is not there once"
    path.write_text(text.replace(old, new))
    return folder


def run(folder: Path, mode: str, code: Path) -> tuple[int, dict[str, Any]]:
    scenario = folder / "patched.yaml"
    scenario.write_text(SCENARIO.format(mode=mode, code=code))
    done = subprocess.run(
        [sys.executable, "-m", "harness", "run", str(scenario), "--json", "--folder", str(folder / "run")],
        capture_output=True,
        timeout=180,
        check=False,
        env=os.environ | {"COLUMNS": "200"},
    )
    assert done.stdout, done.stderr.decode()
    return done.returncode, json.loads((folder / "run" / "results.json").read_text())


def verdicts(result: dict[str, Any]) -> dict[str, str]:
    return {check["checker"]: check["verdict"] for check in result["checks"]}


PATCHES = {
    "the primary acknowledges before its flush": (
        "async",
        "protection.py",
        "return protected(self._node.settings, self._node.name, self._node.flushed, confirmed)",
        "return protected(self._node.settings, self._node.name, self._node.written, confirmed)",
    ),
    "the primary acknowledges before its replica": (
        "semi_sync",
        "primary.py",
        "peer: feed.written if memory else feed.flushed",
        "peer: feed.sent",
    ),
    "the replica acknowledges before its flush": (
        "sync",
        "replica.py",
        "mine = (node.flushed, node.written)",
        "mine = (node.written, node.written)",
    ),
}


@pytest.mark.parametrize("name", PATCHES)
def test_an_early_acknowledgement_is_found(name: str, tmp_path: Path) -> None:
    mode, *patch = PATCHES[name]
    status, result = run(tmp_path, mode, patched(tmp_path / "code", *patch))
    assert status == 1
    assert result["verdict"] == "violated"
    assert verdicts(result)["copies"] == "violated"


@pytest.mark.parametrize("mode", ["async", "semi_sync", "sync"])
def test_the_store_as_it_is_stands_unaccused(mode: str, tmp_path: Path) -> None:
    unchanged = "peer: feed.written if memory else feed.flushed"
    code = patched(tmp_path / "code", "primary.py", unchanged, unchanged)
    status, result = run(tmp_path, mode, code)
    assert result["verdict"] == "holds", result
    assert status == 0
