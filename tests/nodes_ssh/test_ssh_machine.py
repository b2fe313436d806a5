"""Machines over SSH, against real sshds in namespaces: what every kind of machine must be able to do."""

import os
import shutil
from pathlib import Path

import pytest
from lab import Lab

from harness.machine import ClusterConfig, Death
from nodes.linux.programs import search_path
from nodes.local import LocalCluster
from nodes.local.testing import Lines, on_cluster
from nodes.ssh.cluster import SshCluster

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="hosts with a sshd of their own need root"),
    pytest.mark.skipif(shutil.which("sshd", path=search_path()) is None, reason="sshd is not installed"),
]


async def basics(local: LocalCluster) -> None:
    lab = await Lab.build(local)
    deaths: list[Death] = []
    folder = lab.folder / "run"
    cluster = SshCluster(
        ClusterConfig(names=("n1", "n2"), folder=folder, on_death=deaths.append), lab.hosts()
    )
    try:
        await cluster.up()
        n1 = cluster.machines["n1"]
        assert "PowerCut" not in cluster.missing, cluster.missing
        done = await n1.run(["sh", "-c", "cat; echo err >&2; exit 3"], stdin=b"hello")
        assert (done.returncode, done.stdout, done.stderr) == (3, b"hello", b"err\n")
        lines = Lines()
        await n1.start("talk", ["sh", "-c", "echo one; echo two >&2; exec sleep 60"], on_line=lines)
        await lines.wait_for(b"one")
        alive = await n1.alive()
        assert len(alive) == 1
        assert await n1.kill() == alive
        assert not await n1.alive()
        assert not deaths
        assert "one" in (folder / "logs/n1/talk.log").read_text()
    finally:
        await cluster.down()
    for name in local.machines:
        assert await lab.left_behind(name) == "", await lab.left_behind(name)


def test_what_a_machine_offers(tmp_path: Path) -> None:
    on_cluster(basics, tmp_path, machines=2)
