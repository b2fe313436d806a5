"""The main job as a user runs it: every mode against every fault, and the textbook cases, on real processes."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.cluster, pytest.mark.root]

MODES = {"async", "semi_sync", "semi_sync_memory", "sync", "quorum", "hybrid"}
FAULTS = {"none", "partition", "kill", "pause", "power-cut", "disk-loss"}
LOSING = {
    "01-async-failover",
    "04-sync-degraded-loss",
    "05-semi-sync-both-disks",
    "06-semi-sync-wrong-promotion",
    "07-memory-power-cut",
    "08-hybrid-third-site",
    "10-mirror-forced",
}
"""The textbook cases that are there to show a loss."""


def verify(folder: Path, *options: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "harness", "verify", "--json", "--results", str(folder), *options],
        capture_output=True,
        timeout=1200,
        check=False,
    )
    print(done.stderr.decode())
    result: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, result


@pytest.mark.skipif(os.geteuid() != 0, reason="power cuts need root: loop mounts")
def test_every_mode_keeps_its_promise_and_async_is_shown_to_lose(tmp_path: Path) -> None:
    status, result = verify(tmp_path)
    unlike = [cell for cell in result["cells"] if cell["verdict"] != "holds"]
    assert not unlike, unlike
    assert status == 0
    matrix = [cell for cell in result["cells"] if cell["fault"] is not None]
    assert {(cell["mode"], cell["fault"]) for cell in matrix} == {(m, f) for m in MODES for f in FAULTS}
    assert all(cell["acknowledged"] > 50 for cell in matrix)
    textbook = {cell["name"]: cell for cell in result["cells"] if cell["fault"] is None}
    assert textbook.keys() >= LOSING
    for name, cell in textbook.items():
        assert cell["forbidden"] == 0
        assert (cell["permitted"] > 0) is (name in LOSING), f"{name}: {cell['permitted']} lost"
        assert cell["rpo"]["operations"] == cell["lost"]


def test_the_harness_can_say_no(tmp_path: Path) -> None:
    """A user who expects no loss at all, of a mode that may lose, gets the story of a lost write."""
    status, result = verify(tmp_path, "--mode", "async", "--fault", "partition", "--expect-no-loss")
    assert status == 1
    assert result["verdict"] == "violated"
    assert sum(cell["lost"] for cell in result["cells"]) > 0
