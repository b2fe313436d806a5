"""Planted bugs of the store are found on virtual machines, each by a scenario that is made for it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.verdict import ExitCode

SCENARIOS = Path(__file__).parents[2] / "vagrant" / "planted"
RUN_S = 1800.0


@pytest.mark.parametrize("file", sorted(SCENARIOS.glob("*.yaml")), ids=lambda file: file.stem)
def test_it_is_found(tmp_path: Path, file: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "harness", "run", str(file)),
            *("--machines", "vagrant", "--folder", str(tmp_path / "run"), "--json"),
        ],
        capture_output=True,
        check=False,
        text=True,
        timeout=RUN_S,
    )
    assert done.returncode == ExitCode.VIOLATED, f"{done.stdout}\n{done.stderr}"
    result = json.loads(done.stdout)
    assert result["verdict"] == "violated", result
