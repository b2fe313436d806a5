"""A whole run over SSH: the file that runs on other machines, unchanged, with its verdict and its evidence."""

import json
import os
import shutil
from pathlib import Path

import pytest
from lab import Lab

from nodes.linux.programs import search_path
from nodes.local import LocalCluster
from nodes.local.testing import on_cluster

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="hosts with a sshd of their own need root"),
    pytest.mark.skipif(shutil.which("sshd", path=search_path()) is None, reason="sshd is not installed"),
]

SCENARIO = """
name: over-ssh
mode: quorum
time_limit_s: 9
ready_s: 60
recovery_s: 60
faults:
  - {kill: {}, target: primary, at_s: 1, for_s: 1}
  - {partition: {shape: primary-isolated}, at_s: 3.5, for_s: 1.5}
  - {power-cut: {}, target: primary, at_s: 6.5, for_s: 1}
expect: {recovered: "yes"}
"""


async def main_job(local: LocalCluster) -> None:
    lab = await Lab.build(local)
    (lab.folder / "scenario.yaml").write_text(SCENARIO)
    nodes = str(lab.nodes_file())
    done = await lab.acked(
        "run", "scenario.yaml", "--nodes-file", nodes, "--folder", "run", "--json", timeout_s=300
    )
    assert done.code == 0, done
    result = json.loads(done.out)
    assert result["verdict"] == "holds", result
    assert result["acknowledged"] > 100
    assert not result["warnings"], result["warnings"]
    episodes = [json.loads(line) for line in (lab.folder / "run/episodes.jsonl").read_text().splitlines()]
    healed = {one["fault"] for one in episodes if one["healed"] and all(p["shown"] for p in one["healed"])}
    assert healed == {"kill", "partition", "power-cut"}
    for name in local.machines:
        assert await lab.left_behind(name) == "", await lab.left_behind(name)


def test_kill_partition_and_power_cut_over_ssh(tmp_path: Path) -> None:
    on_cluster(main_job, tmp_path, machines=3, timeout_s=400)


SIDE_BY_SIDE = """
name: anywhere
mode: quorum
time_limit_s: 4
ready_s: 60
recovery_s: 60
faults:
  - {kill: {}, target: primary, at_s: 1, for_s: 1}
"""


async def side_by_side(local: LocalCluster) -> None:
    lab = await Lab.build(local)
    (lab.folder / "anywhere.yaml").write_text(SIDE_BY_SIDE)
    kinds = ("sim", "local", "ssh")
    done = await lab.acked(
        *("verify", "anywhere.yaml", "--nodes-file", str(lab.nodes_file()), "--json", "--results", "runs"),
        *(option for kind in kinds for option in ("--machines", kind)),
        timeout_s=300,
    )
    assert done.code == 0, done
    result = json.loads(done.out)
    assert [(cell["title"], cell["machines"], cell["verdict"]) for cell in result["cells"]] == [
        ("anywhere", kind, "holds") for kind in kinds
    ]
    assert len({cell["seed"] for cell in result["cells"]}) == 1
    assert all(cell["acknowledged"] > 50 for cell in result["cells"])
    page = (Path(result["folder"]) / "report.html").read_text()
    assert "Side by side" in page
    assert all(f"anywhere-{kind}/report.html" in page for kind in kinds)


def test_one_scenario_on_three_kinds_of_machines_side_by_side(tmp_path: Path) -> None:
    on_cluster(side_by_side, tmp_path, machines=3, timeout_s=400)
