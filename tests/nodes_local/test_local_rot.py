"""Bits flip of what is durable on a real disk, and of nothing else."""

import os
from pathlib import Path

import pytest

from harness.errors import NodeError
from harness.machine import RottingDisk
from nodes.local import LocalCluster
from nodes.local.machine import PowerMachine
from nodes.local.testing import on_cluster

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's machines have no disks of their own"),
]

WRITE = """
import os, sys
home = os.environ["HOME"]
os.mkdir(home + "/below")
durable = os.open(home + "/below/durable", os.O_RDWR | os.O_CREAT)
os.posix_fallocate(durable, 0, 1 << 20)
os.pwrite(durable, b"x" * 5000, 0)
os.fsync(durable)
for folder in (home, home + "/below"):
    os.fsync(os.open(folder, os.O_RDONLY))
with open(home + "/unflushed", "wb") as unflushed:
    unflushed.write(b"y" * 50000)
"""


def different(data: bytes, letter: bytes) -> list[int]:
    return [byte ^ letter[0] for byte in data if byte != letter[0]]


async def rots(cluster: LocalCluster) -> None:
    (n1,) = cluster.machines.values()
    assert isinstance(n1, PowerMachine) and isinstance(n1, RottingDisk)
    assert await n1.rot(1) == 0, "there is nothing yet"
    done = await n1.run(["python3", "-c", WRITE])
    assert done.returncode == 0, done.stderr
    assert await n1.rot(3) == 3

    async def content(name: str) -> bytes:
        return (await n1.run(["cat", f"{n1.directory}/{name}"])).stdout

    durable = await content("below/durable")
    flipped = different(durable[:5000], b"x")
    assert 1 <= len(flipped) <= 3 and sum(each.bit_count() for each in flipped) in (1, 3), flipped
    assert durable[5000:] == bytes((1 << 20) - 5000)
    assert await content("unflushed") == b"y" * 50000
    await n1.cut_power()
    try:
        await n1.rot(1)
    except NodeError as error:
        assert "no power" in str(error)
    else:
        raise AssertionError("it has no power, so nobody knows where its files are")
    await n1.restore_power()
    assert await content("below/durable") == durable, "damage outlives the power"
    await n1.run(["python3", "-c", WRITE.replace("os.mkdir", "str")])
    assert different((await content("below/durable"))[:5000], b"x") == [], "what is written anew is sound"


def test_bits_of_what_is_durable_flip(tmp_path: Path) -> None:
    on_cluster(rots, tmp_path, machines=1)
