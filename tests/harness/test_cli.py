"""The command line: exit codes, one JSON object, one line for a mistake, and what is left in a run's folder."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from harness import cli, cli_run, matrix, plugins, report, results, verify
from harness.errors import AckedError, FolderError, HarnessError, MissingError, UsageError
from harness.result import RunResult
from harness.scenario import Scenario
from harness.system import SystemConfig
from harness.verdict import Verdict

Acked = Callable[..., tuple[int, str, str]]

TEXTBOOK = "name: textbook-tail\nmode: async\n"
SCENARIO = "name: tail\nmode: async\nseed: 3\ntime_limit_s: 2\nfaults:\n  - {kill: {}, target: n1, at_s: 1}\n"
FAKE = Path(__file__).parent / "fake_cell.py"


class Kind:
    """A kind of machines that needs no preparation."""

    entered = 0

    def enter(self) -> None:
        Kind.entered += 1


class System:
    def __init__(self, config: SystemConfig) -> None:
        self.config = config

    def contract(self) -> Any:
        from harness.contract import contract_for

        return contract_for(self.config.mode, self.config.nodes)


class Part:
    checkers = ("durability",)

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.options = options


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put stand-ins in the place of the plug-ins."""

    def load(group: str, name: str) -> Any:
        if (group, name) in (("acked.machines", "sim"), ("acked.systems", "mysql")):
            raise UsageError(f"no {plugins.GROUPS[group]} is called '{name}' (installed: local)")
        return {"acked.machines": Kind(), "acked.systems": System}.get(group, Part)

    monkeypatch.setattr(plugins, "load", load)
    monkeypatch.setattr(plugins, "installed", lambda group: ("kill", "pause"))
    monkeypatch.setattr(matrix, "textbook_texts", lambda: iter([("t.yaml", TEXTBOOK)]))


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Stand-ins for the plug-ins, and an empty folder to work in."""
    install(monkeypatch)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.yaml").write_text(SCENARIO)


@pytest.fixture
def acked(capsys: pytest.CaptureFixture[str]) -> Acked:
    """Run a command line and return exit code, standard output and standard error."""

    def run(*args: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as exited:
            cli.main(args)
        output = capsys.readouterr()
        assert isinstance(exited.value.code, int)
        return int(exited.value.code), output.out, output.err

    return run


def conclude(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> list[tuple[Scenario, Path]]:
    """Let runs end with a result of these fields; returns the list of what was run."""
    ran = []

    def execute(scenario: Scenario, folder: Path, observer: object) -> RunResult:
        ran.append((scenario, folder))
        values = {"verdict": Verdict.HOLDS, "acknowledged": 812, **fields}
        result = RunResult(name=scenario.name, mode=scenario.mode, seed=scenario.seed, **values)
        results.write_json(folder / "results.json", result)
        return result

    monkeypatch.setattr(cli_run, "execute", execute)
    return ran


# Usage


@pytest.mark.parametrize(
    "args,message",
    [
        ([], "Usage: acked [OPTIONS] COMMAND"),
        (["bogus"], "No such command 'bogus'"),
        (["run"], "Missing argument 'SCENARIO'"),
        (["run", "s.yaml", "--bogus"], "No such option"),
        (["run", "s.yaml", "--seed", "x"], "'x' is not a valid integer range"),
        (["run", "gone.yaml"], "acked: gone.yaml: can't be read: No such file or directory\n"),
        (["run", "s.yaml", "--set", "nodes"], "acked: --set nodes: expected key=value"),
        (["run", "s.yaml", "--set", "nodes=0"], "acked: --set nodes=0: nodes: 0 is not allowed; allowed: a wh"),
        (["run", "s.yaml", "--machines", "sim"], "acked: --machines sim: machines: no kind of machines is"),
        (["run", "s.yaml", "--system", "mysql"], "acked: --system mysql: system: no system is called 'mysql'"),
        (["verify", "--mode", "semisync"], "acked: --mode semisync: unknown mode; did you mean 'semi_sync'?"),
        (["verify", "--fault", "crash"], "acked: --fault crash: unknown fault; allowed: none, partition, kill"),
        (["verify", "--case", "nothing"], "acked: --case nothing: unknown case"),
        (["verify", "--machines", "sim"], "acked: no kind of machines is called 'sim' (installed: local)\n"),
        (["verify", "--nodes", "2"], "2 is not in the range 3<=x<=99"),
        (["check", "gone"], "acked: gone: there is no such run folder\n"),
        (["report", "."], "neither results.json nor verify.json is in it"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_in_one_line_with_64(acked: Acked, args: list[str], message: str) -> None:
    code, out, err = acked(*args)
    assert (code, out) == (64, "")
    assert message in err
    assert "Traceback" not in err


def test_every_mistake_of_a_scenario_is_told(acked: Acked, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("name: x\nmode: asinc\nnodes: 0\n")
    code, out, err = acked("run", "bad.yaml")
    assert (code, out) == (64, "")
    assert [line.split(":")[:4] for line in err.splitlines()] == [
        ["acked", " bad.yaml", "2", "7"],
        ["acked", " bad.yaml", "3", "8"],
    ]


def test_with_json_a_mistake_is_an_object_too(acked: Acked) -> None:
    code, out, err = acked("run", "gone.yaml", "--json")
    assert code == 64
    assert json.loads(out) == {
        "verdict": "error",
        "error": "gone.yaml: can't be read: No such file or directory",
        "exit_code": 64,
    }
    assert err == "acked: gone.yaml: can't be read: No such file or directory\n"


@pytest.mark.parametrize("args", [["--help"], ["-h"], ["run", "--help"], ["verify", "-h"], ["--version"]])
def test_help_is_no_mistake(acked: Acked, args: list[str]) -> None:
    code, out, err = acked(*args)
    assert (code, err) == (0, "")
    assert out


# acked run


@pytest.mark.parametrize(
    "verdict,interrupted,expected",
    [
        (Verdict.HOLDS, False, 0),
        (Verdict.VIOLATED, False, 1),
        (Verdict.INCONCLUSIVE, False, 2),
        (Verdict.ERROR, False, 3),
        (Verdict.HOLDS, True, 130),
        (Verdict.INCONCLUSIVE, True, 130),
        (Verdict.VIOLATED, True, 1),
    ],
)
def test_the_exit_code_of_a_run_is_its_verdict(
    acked: Acked,
    monkeypatch: pytest.MonkeyPatch,
    verdict: Verdict,
    interrupted: bool,
    expected: int,
) -> None:
    conclude(monkeypatch, verdict=verdict, interrupted=interrupted)
    code, out, _ = acked("run", "s.yaml")
    assert code == expected
    assert out.startswith(f"tail: {verdict.upper()} (mode async, seed 3)\n")


def test_a_run_leaves_a_complete_folder(
    acked: Acked, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    entered = Kind.entered
    ran = conclude(monkeypatch)
    code, out, _ = acked("run", "s.yaml", "--results", "kept", "--json")
    assert code == 0
    assert Kind.entered == entered + 1
    folder = tmp_path / "kept" / "latest"
    assert sorted(path.name for path in folder.iterdir()) == [
        "junit.xml", "report.html", "results.json", "run.json", "scenario.yaml"
    ]  # fmt: skip
    assert ran[0][1] == folder.resolve()
    assert (folder / "scenario.yaml").read_text() == SCENARIO
    kept = json.loads((folder / "run.json").read_text())
    assert kept["seed"] == 3
    assert kept["ended"] >= kept["started"]
    told = json.loads(out)
    assert (told["verdict"], told["acknowledged"], told["seed"]) == ("holds", 812, 3)
    assert told["folder"] == str(folder.resolve())
    assert {
        "lost",
        "permitted",
        "forbidden",
        "rpo",
        "rto",
        "latency",
        "checks",
        "skipped",
        "error",
    } <= told.keys()


def test_what_options_changed_is_in_the_kept_scenario(
    acked: Acked, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ran = conclude(monkeypatch)
    acked("run", "s.yaml", "--seed", "9", "--set", "nodes=5", "--folder", "here")
    assert (ran[0][0].seed, ran[0][0].nodes) == (9, 5)
    acked("run", "here/scenario.yaml", "--folder", "again")
    assert ran[1][0] == ran[0][0]
    assert (tmp_path / "here" / "scenario.yaml").read_text() == (
        tmp_path / "again" / "scenario.yaml"
    ).read_text()


def test_a_folder_in_use_is_refused(acked: Acked, tmp_path: Path) -> None:
    code, _, err = acked("run", "s.yaml", "--folder", ".")
    assert code == 64
    assert "not empty; a run needs a folder of its own" in err


@pytest.mark.parametrize(
    "error,code,told",
    [
        (MissingError("user namespaces are off: sysctl …"), 3, "acked: user namespaces are off: sysctl …\n"),
        (HarnessError("lost count"), 3, "acked: lost count\n"),
        (RuntimeError("boom"), 3, "acked: this is a defect of the harness, please report it"),
        (KeyboardInterrupt(), 130, "acked: interrupted\n"),
    ],
)
def test_what_goes_wrong_is_told_apart(
    acked: Acked,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    code: int,
    told: str,
) -> None:
    def execute(scenario: Scenario, folder: Path, observer: object) -> RunResult:
        raise error

    monkeypatch.setattr(cli_run, "execute", execute)
    found, out, err = acked("run", "s.yaml")
    assert (found, out) == (code, "")
    assert told in err
    assert ("Traceback" in err) is not isinstance(error, AckedError | KeyboardInterrupt)


def test_a_report_that_can_not_be_written_makes_a_pass_an_error_and_leaves_a_violation_one(
    acked: Acked, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(folder: Path) -> Path:
        raise FolderError("runs: no space left on the disk")

    monkeypatch.setattr(report, "write_run", fail)
    for verdict, code in ((Verdict.HOLDS, 3), (Verdict.VIOLATED, 1)):
        conclude(monkeypatch, verdict=verdict)
        found, out, err = acked("run", "s.yaml", "--json")
        assert found == code
        assert json.loads(out)["verdict"] == ("error" if code == 3 else "violated")
        assert err == "acked: no report: runs: no space left on the disk\n"


# acked verify


@pytest.fixture
def fake_cells(monkeypatch: pytest.MonkeyPatch) -> Callable[[Mapping[str, str]], None]:
    """Let each cell behave as said by name; those not named hold."""

    def prepare(behaviours: Mapping[str, str]) -> None:
        monkeypatch.setattr(
            verify,
            "worker",
            lambda scenario, folder: (
                sys.executable, str(FAKE), behaviours.get(scenario.stem, "holds"), str(folder)
            ),
        )  # fmt: skip

    return prepare


def test_a_verification_tells_every_cell(
    acked: Acked, fake_cells: Callable[..., None], tmp_path: Path
) -> None:
    fake_cells({})
    code, out, err = acked("verify", "--mode", "async", "--mode", "async", "--json")
    assert code == 0
    told = json.loads(out)
    assert told["verdict"] == "holds"
    assert [cell["name"] for cell in told["cells"]] == [
        "async-none", "async-partition", "async-kill", "async-pause", "async-power-cut", "async-disk-loss",
        "textbook-tail",
    ]  # fmt: skip
    assert "[7/7] " in err
    assert "async × no fault: holds, 812 acknowledged, 0 lost" in err
    folder = tmp_path / "runs" / "latest"
    assert sorted(path.name for path in folder.iterdir()) == [
        "cells", "junit.xml", "report.html", "run.json", "verify.json"
    ]  # fmt: skip
    assert json.loads((folder / "verify.json").read_text()) == told


@pytest.mark.parametrize(
    "behaviour,options,expected",
    [
        ("violated", [], (1, "VIOLATED")),
        ("crash", [], (3, "the worker fell over")),
        ("skipped", [], (2, "1 cell skipped (so this is no pass): async-kill")),
        ("skipped", ["--allow-skipped"], (0, "1 cell skipped (left out of the verdict): async-kill")),
    ],
)
def test_the_exit_code_of_a_verification_is_its_worst_verdict(
    acked: Acked,
    fake_cells: Callable[..., None],
    behaviour: str,
    options: list[str],
    expected: tuple[int, str],
) -> None:
    code, told = expected
    fake_cells({"async-kill": behaviour})
    found, out, _ = acked("verify", "--mode", "async", "--fault", "kill", "--fault", "none", *options)
    assert found == code
    assert told in out
    assert "report: " in out


def test_the_same_seed_gives_the_same_cells(
    acked: Acked, fake_cells: Callable[..., None], tmp_path: Path
) -> None:
    fake_cells({})
    written = []
    for seed in ("5", "5", "6"):
        acked("verify", "--mode", "sync", "--seed", seed)
        cells = tmp_path / "runs" / "latest" / "cells"
        written.append({path.name: path.read_text() for path in cells.glob("*.yaml")})
    assert written[0] == written[1] != written[2]


# The process itself


GONE = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import test_cli
from harness import cli, cli_output, plugins
from harness.verdict import Verdict

with test_cli.pytest.MonkeyPatch.context() as patch:
    test_cli.install(patch)
    test_cli.conclude(patch, verdict=Verdict.HOLDS)
    cli.main(["run", "s.yaml"])
"""


def test_a_reader_that_goes_away_does_not_change_the_verdict(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-c", GONE, str(Path(__file__).parent)]
    process = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False, cwd=tmp_path)
    os.close(writing)
    assert process.stderr == b""
    assert process.returncode == 0


def test_help_imports_nothing_slow() -> None:
    code = "import sys; from harness import cli; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    slow = {"numpy", "networkx", "rich", "jinja2", "yaml", "asyncio", "msgspec", "harness.schema"}
    assert slow & set(done.stdout.split()) == set()
