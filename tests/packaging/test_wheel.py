"""The wheel, installed into an environment of its own and used from another folder."""

import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("harness", "nodes", "checkers", "faults")
DATA = ("harness/templates", "harness/scenarios")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has the wheel, and otherwise this one's packages."""
    place = tmp_path_factory.mktemp("wheel")
    source = place / "source"
    source.mkdir()
    ignored = shutil.ignore_patterns("__pycache__")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, source / package, ignore=ignored)
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, source)
    wheel = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    run([*wheel, "--wheel-dir", str(place), str(source)], cwd=place)
    run([sys.executable, "-m", "venv", "--without-pip", str(place / "venv")], cwd=place)
    made = place / "venv" / "bin" / "python"
    (found,) = place.glob("*.whl")
    install = [sys.executable, "-m", "pip", "--quiet", "--python", str(made), "install", "--no-deps"]
    run([*install, "--no-index", str(found)], cwd=place)
    site = Path(
        run([str(made), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], cwd=place).strip()
    )
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    shutil.rmtree(source)
    return made


def run(argv: Sequence[str], *, cwd: Path, code: int = 0) -> str:
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == code, done.stderr
    return done.stdout


def test_it_is_the_wheel_that_is_used(python: Path, tmp_path: Path) -> None:
    where = run([str(python), "-c", "import harness; print(harness.__file__)"], cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(python.parents[1])


def test_the_command_answers_from_any_folder(python: Path, tmp_path: Path) -> None:
    acked = str(python.with_name("acked"))
    assert "verify" in run([acked, "--help"], cwd=tmp_path)
    assert run([acked, "--version"], cwd=tmp_path) == run([acked, "--version"], cwd=ROOT)
    run([acked, "run", "gone.yaml"], cwd=tmp_path, code=64)


def test_data_files_are_inside(python: Path, tmp_path: Path) -> None:
    site = Path(run([str(python), "-c", "import harness; print(harness.__path__[0])"], cwd=tmp_path).strip())
    for folder in DATA:
        wanted = {
            path.relative_to(ROOT)
            for path in (ROOT / folder).rglob("*")
            if path.is_file() and path.suffix != ".pyc"
        }
        assert {path for path in wanted if not (site.parent / path).is_file()} == set()


def test_a_page_can_be_made(python: Path, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text('{"name":"x","verdict":"holds","mode":"sync","seed":1}')
    run([str(python.with_name("acked")), "report", "."], cwd=tmp_path)
    assert "HOLDS" in (tmp_path / "report.html").read_text()


def test_every_plug_in_can_be_loaded(python: Path, tmp_path: Path) -> None:
    code = (
        "from harness import plugins\n"
        "for group in plugins.GROUPS:\n"
        "    names = plugins.installed(group)\n"
        "    assert names, group\n"
        "    for name in names: plugins.load(group, name)\n"
    )
    run([str(python), "-c", code], cwd=tmp_path)
