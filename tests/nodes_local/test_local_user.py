"""The same machines for an ordinary user; run as root, these tests become one first."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_local_enter import host
from test_local_isolation import apart
from test_local_machine import killed, paused, wiped
from test_local_process import logged
from test_local_switch import keys, one_way

import nodes
from harness.machine import DiskLoss, Kill, Pause, PowerCut, Switch
from nodes.local import LocalCluster
from nodes.local.testing import OnCluster, on_cluster

pytestmark = pytest.mark.cluster

_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", 'exec "$@"', "sh"]


def _interpreter() -> list[str] | None:
    """Return a command for this version of Python as an ordinary user; root's own may be out of his reach."""
    if os.geteuid() != 0:
        return [sys.executable]
    version = "import sys; raise SystemExit(sys.version_info[:2] != tuple(map(int, sys.argv[1:])))"
    for path in (sys.executable, "/usr/bin/python3"):
        command = [*_NOBODY, path]
        wanted = [str(part) for part in sys.version_info[:2]]
        if (
            subprocess.run([*command, "-c", version, *wanted], capture_output=True, check=False).returncode
            == 0
        ):
            return command
    return None


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that an ordinary user can write to; pytest's own are for the one who started it."""
    path = Path(tempfile.mkdtemp(prefix="acked-user-"))
    path.chmod(0o777)
    yield path
    shutil.rmtree(path)


async def abilities(cluster: LocalCluster) -> None:
    n1 = cluster.machines["n1"]
    assert isinstance(n1, Kill)
    assert isinstance(n1, Pause)
    assert isinstance(n1, DiskLoss)
    assert isinstance(cluster, Switch)
    assert not isinstance(n1, PowerCut)
    assert cluster.missing == {
        "PowerCut": "an ordinary user can't mount a file system of his own: run as root"
    }
    assert (await n1.run(["id", "-u"])).stdout == b"0\n"


@pytest.mark.parametrize("function", [abilities, apart, killed, paused, wiped, logged, keys, one_way])
def test_everything_but_power_cuts_works_for_an_ordinary_user(function: OnCluster, folder: Path) -> None:
    command = _interpreter()
    if command is None:
        pytest.skip("no Python of this version that an ordinary user could run")
    paths = [str(Path(nodes.__file__).parents[1]), *(path for path in sys.path if path.endswith("-packages"))]
    before = host()
    on_cluster(
        function,
        folder / "run",
        machines=5 if function is apart else 3,
        command=command,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(paths)},
    )
    assert host() == before
