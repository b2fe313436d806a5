"""A system that is not ours, through the public interface: its failover loses writes, and the report says so."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).parent / "redis"

pytestmark = [pytest.mark.cluster, pytest.mark.redis]


def run(*options: str, env: dict[str, str] | None = None) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "harness", "run", str(EXAMPLE / "failover.yaml"), "--json", *options],
        capture_output=True,
        timeout=180,
        env=os.environ | (env or {}),
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def check_that_the_loss_is_shown(result: dict[str, Any]) -> None:
    assert result["verdict"] == "holds"
    assert result["lost"] == result["permitted"] > 0
    assert result["rpo"]["operations"] == result["lost"]
    recorded = json.loads((Path(result["folder"]) / "results.json").read_text())
    (durability,) = [check for check in recorded["checks"] if check["checker"] == "durability"]
    story = "\n".join(durability["findings"][0]["lines"])
    assert "acknowledged" in story


def test_a_failover_loses_acknowledged_writes(tmp_path: Path) -> None:
    check_that_the_loss_is_shown(run("--results", str(tmp_path)))
    (report,) = tmp_path.glob("*redis-failover*/report.html")
    assert "redis-failover" in report.read_text()


def test_the_same_as_an_installed_package(tmp_path: Path) -> None:
    """Found by its entry point, in place of the path."""
    site = tmp_path / "site"
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "-q",
            "--no-deps",
            "--no-build-isolation",
            "--target",
            site,
            EXAMPLE,
        ],
        check=True,
        capture_output=True,
    )
    result = run("--system", "redis", "--results", str(tmp_path), env={"PYTHONPATH": str(site)})
    check_that_the_loss_is_shown(result)
