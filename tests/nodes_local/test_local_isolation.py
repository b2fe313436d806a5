import os
import subprocess
import sys
from pathlib import Path

import pytest
from machine_checks import raises_node_error
from test_local_enter import host

from harness.machine import CLIENTS
from nodes.local import LocalCluster
from nodes.local.testing import on_cluster

pytestmark = pytest.mark.cluster


async def apart(cluster: LocalCluster) -> None:
    n1, n2 = cluster.machines["n1"], cluster.machines["n2"]
    assert list(cluster.machines) == ["n1", "n2", "n3", "n4", "n5"]
    for name, machine in cluster.machines.items():
        assert (await machine.run(["hostname"])).stdout.decode().strip() == name
        assert await cluster.reach(CLIENTS, name)
    await n1.start("sleep", ["sleep", "1234"])
    await n1.run(["sh", "-c", "echo n1 > /run/file; echo n1 > /dev/shm/file; echo n1 > ~/file"])
    await n1.run(["sh", "-c", "hostname changed"])
    commands = (await n2.run(["sh", "-c", "cat /proc/[0-9]*/cmdline"])).stdout
    assert b"1234" not in commands, "a machine sees another's processes"
    assert (await n2.run(["sh", "-c", "ls /run/file /dev/shm/file ~/file"])).returncode != 0
    assert (await n2.run(["hostname"])).stdout == b"n2\n"
    ids = (await n2.run(["sh", "-c", "echo /proc/[0-9]*"])).stdout.split()
    assert len(ids) == 2, f"its own PID 1 and the shell: {ids}"
    assert (await n2.run(["sh", "-c", "kill -9 1; kill -TERM 1; echo lives"])).stdout == b"lives\n"
    assert (await n2.run(["hostname"])).stdout == b"n2\n", "PID 1 can't be killed from within"
    interfaces = (await n2.run(["ip", "-o", "link"])).stdout.decode()
    assert [line.split(":")[1].split("@")[0].strip() for line in interfaces.splitlines()] == ["lo", "eth0"]
    mounts = (await n2.run(["cat", "/proc/mounts"])).stdout.decode()
    assert "machines/n1" not in mounts, "a machine sees another's disk"
    await raises_node_error(n1.start("sleep", ["sleep", "1"]), "is running already")


def test_machines_and_the_host_do_not_see_each_other(tmp_path: Path) -> None:
    before = host()
    name = os.uname().nodename
    on_cluster(apart, tmp_path, machines=5)
    assert host() == before
    assert os.uname().nodename == name
    assert sorted(path.name for path in tmp_path.iterdir()) == ["logs"], "only logs are kept"


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
        assert await cluster.reach("n1", "n2")
        await cluster.down()
        await cluster.down()
        assert left(folder) == ([], False), left(folder)
    # A machine that can't start: its part of the folder is a file.
    cluster = LocalCluster(ClusterConfig(names=("n1", "n2"), folder=folder))
    (folder / "machines").mkdir(exist_ok=True)
    (folder / "machines" / "n2").write_text("in the way")
    try:
        await cluster.up()
    except OSError as error:
        print("failed")
    await cluster.down()
    assert left(folder) == ([], False), left(folder)
asyncio.run(main())
"""


def test_down_removes_everything_also_twice_and_after_half_an_up(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TWICE, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "failed\n"), done.stderr


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
