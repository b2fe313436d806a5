"""The same machines for an ordinary user; run as root, these tests become one first."""

import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from test_local_enter import host, until

from nodes.local.testing import on_cluster

pytestmark = pytest.mark.cluster

_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", 'exec "$@"', "sh"]
_PACKAGES = ("harness", "nodes", "msgspec")


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


@pytest.fixture(scope="module")
def readable() -> Iterator[Path]:
    """A copy of all that these tests import, where an ordinary user can read it."""
    with tempfile.TemporaryDirectory(prefix="acked-user-") as folder:
        path = Path(folder)
        path.chmod(0o755)
        for name in _PACKAGES:
            (source,) = importlib.import_module(name).__path__
            shutil.copytree(source, path / name, ignore=shutil.ignore_patterns("__pycache__"))
        for module in ("any_user.py", "machine_checks.py"):
            shutil.copy(Path(__file__).with_name(module), path)
        yield path


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that an ordinary user can write to; pytest's own are for the one who started it."""
    path = Path(tempfile.mkdtemp(prefix="acked-user-"))
    path.chmod(0o777)
    yield path
    shutil.rmtree(path)


def _module(source: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"copy_of_{source.stem}", source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "function", ["abilities", "apart", "crashed", "killed", "paused", "wiped", "logged", "keys", "one_way"]
)
def test_everything_but_power_cuts_works_for_an_ordinary_user(
    function: str, readable: Path, folder: Path
) -> None:
    command = _interpreter()
    if command is None:
        pytest.skip("no Python of this version that an ordinary user could run")
    before = host()
    on_cluster(
        getattr(_module(readable / "any_user.py"), function),
        folder / "run",
        machines=5 if function == "apart" else 3,
        command=command,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(readable)},
    )
    until(lambda: host() == before, "the host is as before")
