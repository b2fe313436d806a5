"""What a user reads when a node of his dies: which, how, its last words, and where its log is."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.cluster

STORE = Path(__file__).with_name("dying_store.py")
SCENARIO = """
name: {name}
mode: quorum
system: {store}:{system}
time_limit_s: {time_limit_s}
ready_s: 1000
recovery_s: 1
faults: {faults}
"""


def run(
    folder: Path, system: str, *, time_limit_s: float = 2, faults: str = "[]"
) -> tuple[int, dict[str, Any]]:
    scenario = folder / "scenario.yaml"
    scenario.write_text(
        SCENARIO.format(
            name=system.lower(), store=STORE, system=system, time_limit_s=time_limit_s, faults=faults
        )
    )
    done = subprocess.run(
        [sys.executable, "-m", "harness", "run", str(scenario), "--json", "--folder", str(folder / "run")],
        capture_output=True,
        timeout=300,
        check=False,
    )
    print(done.stderr.decode())
    result: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, result


def page(folder: Path) -> str:
    return (folder / "run" / "report.html").read_text()


def test_a_node_that_exits_at_its_start_is_not_waited_for(tmp_path: Path) -> None:
    status, result = run(tmp_path, "Unlicensed")
    assert (status, result["verdict"]) == (3, "error")
    words = "store on n2 exited with status 9: no licence file (logs/n2/store.log)"
    assert result["error"].startswith(f"reference did not come up: {words}")
    assert words in page(tmp_path)
    assert (tmp_path / "run/logs/n2/store.log").read_text() == "no licence file\n"


def test_a_node_killed_from_outside_is_named(tmp_path: Path) -> None:
    status, result = run(tmp_path, "Killed")
    assert (status, result["verdict"]) == (2, "inconclusive"), "a node is missing in the end"
    (death,) = result["deaths"]
    assert (death["node"], death["process"], death["status"]) == ("n2", "store", -9)
    assert result["forbidden"] == 0
    assert "store on n2 was killed by SIGKILL (logs/n2/store.log)" in page(tmp_path)


def test_a_node_that_refuses_its_damaged_log_says_why(tmp_path: Path) -> None:
    status, result = run(
        tmp_path, "Damaged", time_limit_s=3, faults="[{kill: {}, target: n2, at_s: 1, for_s: 0.2}]"
    )
    assert (status, result["verdict"]) == (1, "violated"), "nobody but the system can write to its disks"
    (death,) = result["deaths"]
    assert (death["node"], death["status"]) == ("n2", 65)
    assert "checksum" in death["last_line"]
    assert death["last_line"] in page(tmp_path)
    assert "refuses its disk" in page(tmp_path)
