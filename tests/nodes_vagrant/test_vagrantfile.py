"""The Vagrantfile and the scripts beside it, as far as they go without virtual machines."""

import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from nodes.vagrant.settings import PROJECT, Provider, Settings

Validate = Callable[[Mapping[str, str]], subprocess.CompletedProcess[str]]


@pytest.fixture
def vagrant(tmp_path: Path) -> Validate:
    """Run `vagrant validate` with variables of the environment."""
    program = shutil.which("vagrant")
    if program is None:
        pytest.skip("Vagrant is not installed: make vm installs it")

    def validate(told: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "VAGRANT_HOME": str(tmp_path / "home"),
            **told,
        }
        return subprocess.run(
            [program, "validate"], capture_output=True, check=False, env=environment, text=True, cwd=tmp_path
        )

    return validate


@pytest.mark.parametrize(
    "made",
    [
        Settings(nodes=3, provider=Provider.LIBVIRT),
        Settings(nodes=5, provider=Provider.LIBVIRT, box="/x/a.box", key="/x/a.key"),
        Settings(nodes=7, provider=Provider.LIBVIRT, emulate=True, memory_mib=256),
        Settings(nodes=9, provider=Provider.LIBVIRT, box="bento/debian-12"),
    ],
)
def test_it_is_valid(made: Settings, vagrant: Validate, tmp_path: Path) -> None:
    if made.key:
        made = Settings(
            nodes=made.nodes, provider=made.provider, box=str(tmp_path / "a.box"), key=str(tmp_path / "a.key")
        )
        Path(made.key).touch()
    done = vagrant(made.environment(tmp_path))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("number", ["0", "100", "three"])
def test_a_wrong_number_of_machines_is_refused(number: str, vagrant: Validate, tmp_path: Path) -> None:
    made = Settings(nodes=3, provider=Provider.LIBVIRT)
    done = vagrant({**made.environment(tmp_path), "ACKED_NODES": number})
    assert done.returncode != 0
    assert number in done.stderr


@pytest.mark.parametrize("script", ["provision", "box/build", "box/set-up"])
def test_scripts_are_such_and_can_be_run(script: str) -> None:
    path = PROJECT / script
    shell = path.read_text().splitlines()[0].rsplit("/", maxsplit=1)[-1].split()[-1]
    subprocess.run([shell, "-n", path], check=True)
    assert path.stat().st_mode & 0o111


def test_nothing_on_the_box_is_listed_twice() -> None:
    for name in ("packages", "masked-units"):
        lines = [
            line for line in (PROJECT / "box" / name).read_text().splitlines() if line[:1] not in ("", "#")
        ]
        assert len(lines) == len(set(lines)), name
