import os
import subprocess
import sys
from pathlib import Path

import pytest
from any_user import apart
from test_local_enter import host, until

from nodes.local import LocalCluster
from nodes.local.cable import BridgeCable
from nodes.local.testing import on_cluster

pytestmark = pytest.mark.cluster


def test_machines_and_the_host_do_not_see_each_other(tmp_path: Path) -> None:
    before = host()
    name = os.uname().nodename
    on_cluster(apart, tmp_path, machines=5)
    until(lambda: host() == before, "the host is as before")
    assert os.uname().nodename == name
    assert sorted(path.name for path in tmp_path.iterdir()) == ["logs"], "only logs are kept"


async def plugged(cluster: LocalCluster) -> None:
    machine = cluster.machines["n1"]._machine
    boot, cable = machine.boot, machine._hardware._cable
    assert boot is not None and isinstance(cable, BridgeCable)
    assert await cable._is_open(boot)
    await cable.pull()
    assert not await cable._is_open(boot)
    assert not await cluster.reach("n2", "n1", timeout_s=0.1)


def test_a_machine_is_up_once_its_cable_carries_packets(tmp_path: Path) -> None:
    on_cluster(plugged, tmp_path, machines=2)


async def addresses(cluster: LocalCluster) -> None:
    assert [machine.address for machine in cluster.machines.values()] == ["fd77::1", "fd77::2"]
    assert await cluster.reach("n1", "n2")
    assert b"fd77::1" in (await cluster.machines["n1"].run(["ip", "-6", "address"])).stdout


def test_a_cluster_may_speak_ipv6(tmp_path: Path) -> None:
    on_cluster(addresses, tmp_path, machines=2, ip=6)


TWICE = """
import asyncio, os, socket, sys
from pathlib import Path
from harness.errors import AckedError
from harness.machine import ClusterConfig
from nodes.local import LocalCluster
LocalCluster.enter()

def left(folder):
    return [name for _, name in socket.if_nameindex() if name != "lo"], os.path.exists(folder / "machines")

async def main():
    folder = Path(sys.argv[1])
    cluster = LocalCluster(ClusterConfig(names=("n1", "n2"), folder=folder))
    await cluster.down()
    for _ in range(2):
        cluster = LocalCluster(ClusterConfig(names=("n1", "n2"), folder=folder))
        await cluster.up()
        assert await cluster.reach("n1", "n2", timeout_s=10)
        await cluster.down()
        await cluster.down()
        assert left(folder) == ([], False), left(folder)
    # A machine that can't start: its part of the folder is a file.
    cluster = LocalCluster(ClusterConfig(names=("n1", "n2"), folder=folder))
    (folder / "machines").mkdir(exist_ok=True)
    (folder / "machines" / "n2").write_text("in the way")
    try:
        await cluster.up()
    except AckedError as error:
        print(type(error).__name__, str(error).split(":")[0])
    await cluster.down()
    assert left(folder) == ([], False), left(folder)
asyncio.run(main())
"""


def test_down_removes_everything_also_twice_and_after_half_an_up(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TWICE, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "FolderError no disk for n2\n"), done.stderr


WRONG = """
import sys
from pathlib import Path
from harness.errors import AckedError
from harness.machine import CLIENTS, ClusterConfig
from nodes.local import LocalCluster
if sys.argv[1] == "entered":
    LocalCluster.enter()
names = {"names": (CLIENTS,), "many": tuple(f"n{i}" for i in range(254))}.get(sys.argv[2], ("n1",))
try:
    LocalCluster(ClusterConfig(names=names, folder=Path(sys.argv[3])))
except AckedError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize(
    ("entered", "names", "folder", "error"),
    [
        ("not entered", "one", "/tmp/x", "HarnessError LocalCluster.enter() must be called"),
        ("entered", "names", "/tmp/x", "UsageError up to 253 machines, none of them called 'clients'"),
        ("entered", "many", "/tmp/x", "UsageError up to 253 machines"),
        ("entered", "one", "/run/x", "UsageError /run/x can't be seen on the machines"),
        ("entered", "one", "/dev/shm/x", "UsageError /dev/shm/x can't be seen on the machines"),
    ],
)
def test_a_cluster_that_can_not_be_is_refused(entered: str, names: str, folder: str, error: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WRONG, entered, names, folder],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.startswith(error), done
