import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import MissingError
from nodes.linux import programs
from nodes.local.host import Check, probe_host


def test_a_program_is_found_where_an_ordinary_users_path_does_not_lead(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert programs.find("ip").endswith("sbin/ip")


@pytest.mark.parametrize("program", sorted(programs.PACKAGES))
def test_a_missing_program_is_reported_with_its_package(
    program: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(programs, "search_path", lambda: str(tmp_path))
    with pytest.raises(MissingError, match=f"{program} is not installed.* {programs.PACKAGES[program]} "):
        programs.find(program)


def test_the_doctor_hears_of_missing_programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(programs, "search_path", lambda: str(tmp_path))
    *missing, machines = probe_host()
    assert [check.what for check in missing] == list(programs.PACKAGES)
    assert not any(check.ok for check in missing)
    assert machines == Check("machines", False, "not tried: install what is missing first")


@pytest.mark.cluster
def test_the_doctor_tries_machines_in_earnest() -> None:
    found = {check.what: check for check in probe_host()}
    assert found["namespaces"].ok, found
    assert found["machines"].ok, found
    assert found["partitions"].ok, found
    assert "power cuts" in found


@pytest.mark.cluster
def test_the_doctor_hears_of_missing_namespaces() -> None:
    script = "from nodes.local import probe_host\nfor check in probe_host()[-1:]: print(check.what, check.ok)"
    limit = ["unshare", "-Ur", "sh", "-c", 'echo 0 > /proc/sys/user/max_net_namespaces; exec "$@"', "sh"]
    done = subprocess.run(
        [*limit, sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "namespaces False\n", done


NO_MKFS = """
import sys
from pathlib import Path
from harness.machine import ClusterConfig, PowerCut
from nodes.linux import programs
from nodes.local import LocalCluster
LocalCluster.enter()
programs.search_path = lambda: "/nowhere"
cluster = LocalCluster(ClusterConfig(names=("n1",), folder=Path(sys.argv[1])))
print(isinstance(cluster.machines["n1"], PowerCut), cluster.missing["PowerCut"])
"""


@pytest.mark.cluster
@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's machines have plain folders anyway")
def test_without_mkfs_machines_have_plain_folders_and_say_why(tmp_path: Path) -> None:
    command = [sys.executable, "-c", NO_MKFS, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.startswith("False mkfs.ext4 is not installed: apt-get install e2fsprogs"), done
