"""Copies to and from machines when a disk is full: one clear error, and no half of a file."""

import asyncio
import os
import subprocess
from pathlib import Path

import pytest
from machine_checks import raises_node_error

from harness.errors import FolderError
from nodes.local import LocalCluster
from nodes.local.testing import on_cluster

pytestmark = pytest.mark.cluster

TMPFS = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs"]


async def put_on_full(cluster: LocalCluster) -> None:
    n1 = cluster.machines["n1"]
    scratch = Path(os.environ["SCRATCH"])
    (scratch / "big").write_bytes(b"x" * 300_000)
    (scratch / "small").write_bytes(b"kept")
    assert (await n1.run([*TMPFS, "/run"])).returncode == 0
    await n1.put(scratch / "small", "/run/file")
    listing = (await n1.run(["find", "/run"])).stdout
    full = "n1: copying /run/file failed: No space left on device"
    await raises_node_error(n1.put(scratch / "big", "/run/file"), full)
    await raises_node_error(n1.put(scratch / "big", "/run/deep/er/file"), "No space left on device")
    assert (await n1.run(["find", "/run"])).stdout == listing, "something was left behind"
    assert (await n1.run(["cat", "/run/file"])).stdout == b"kept", "what was there is gone"
    await raises_node_error(n1.put(scratch / "none", "/run/x"), f"No such file or directory ({scratch}/none)")


def test_a_file_that_does_not_fit_on_a_machine_leaves_nothing_there(tmp_path: Path) -> None:
    on_cluster(put_on_full, tmp_path / "run", machines=1, env={**os.environ, "SCRATCH": str(tmp_path)})


async def get_to_full(cluster: LocalCluster) -> None:
    n1 = cluster.machines["n1"]
    full = Path(os.environ["SCRATCH"]) / "full"
    full.mkdir()
    await asyncio.to_thread(subprocess.run, [*TMPFS, full], check=True)
    await n1.run(["sh", "-c", "mkdir /run/tree && head -c 300000 /dev/zero > /run/tree/big"])
    for source, target in (("/run/tree/big", full / "big"), ("/run/tree", full / "tree")):
        try:
            await n1.get(source, target)
        except FolderError as error:
            assert str(error).startswith(f"{full}/") and "No space left on device" in str(error), error
        else:
            raise AssertionError("it can't have fitted")
    assert not list(full.rglob("big")), "half a file was left"
    await raises_node_error(n1.get("/dev/zero", full / "zero"), "is neither a file nor a folder")


def test_a_file_that_does_not_fit_into_the_results_is_told_as_that(tmp_path: Path) -> None:
    on_cluster(get_to_full, tmp_path / "run", machines=1, env={**os.environ, "SCRATCH": str(tmp_path)})
