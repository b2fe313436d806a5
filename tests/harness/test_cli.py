"""The command line: exit codes, one JSON object, one line for a mistake, and what is left in a run's folder."""

import io
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from harness import cli, cli_verify, matrix, plugins, report, results, running, verify
from harness.checker import CheckResult
from harness.errors import AckedError, FolderError, HarnessError, KilledError, MissingError, UsageError
from harness.result import Latency, Rpo, RunResult
from harness.scenario import Scenario
from harness.summary import RunSummary
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

    name = setup = start = form = status = client = None


class Part:
    checkers = ("durability",)
    generator = writes = sees = final_reads = None
    needs = target = inject = evidence = heal = None

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
        code = cli.main(args)
        output = capsys.readouterr()
        return code, output.out, output.err

    return run


def conclude(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> list[tuple[Scenario, Path]]:
    """Let runs end with a result of these fields; returns the list of what was run."""
    ran = []

    def execute(scenario: Scenario, folder: Path, **_: object) -> RunResult:
        ran.append((scenario, folder))
        values = {"verdict": Verdict.HOLDS, "acknowledged": 812, **fields}
        result = RunResult(name=scenario.name, mode=scenario.mode, seed=scenario.seed, **values)
        results.write_json(folder / "results.json", result)
        return result

    monkeypatch.setattr(running, "perform", execute)
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
        (["verify", "--machines", "sim"], "acked: --machines sim: no kind of machines is called 'sim' (installed"),
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


@pytest.mark.parametrize(
    "args", [["run", "--bogus"], ["report"], ["check"], ["verify", "--nodes", "x"], ["bogus"]]
)
def test_with_json_a_wrong_option_is_an_object_too(acked: Acked, args: list[str]) -> None:
    code, out, err = acked(*args, "--json")
    told = json.loads(out)
    assert (code, told["verdict"], told["exit_code"]) == (64, "error", 64)
    assert told["error"] in err


def test_with_json_an_interrupt_and_a_defect_are_objects_too(
    acked: Acked, monkeypatch: pytest.MonkeyPatch
) -> None:
    for error, verdict, code in ((KeyboardInterrupt(), "inconclusive", 130), (ValueError("odd"), "error", 3)):

        def execute(*_: object, error: BaseException = error, **__: object) -> RunResult:
            raise error

        monkeypatch.setattr(running, "perform", execute)
        found, out, _ = acked("run", "s.yaml", "--json")
        told = json.loads(out)
        assert (found, told["verdict"], told["exit_code"]) == (code, verdict, code)


def test_a_plugin_that_raises_is_named_and_its_traceback_kept(
    acked: Acked, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(self: System, config: SystemConfig) -> None:
        raise ValueError("my own mistake")

    monkeypatch.setattr(System, "__init__", fail)
    for args in (["run", "s.yaml"], ["verify", "--mode", "async"]):
        code, out, err = acked(*args)
        assert (code, out) == (3, "")
        file = (tmp_path / "runs" / "latest").resolve() / "error.txt"
        assert err == (
            f"acked: system reference can't be made: ValueError: my own mistake; the traceback is in {file}\n"
        )
        assert "in fail" in file.read_text()


def test_a_folder_that_machines_refuse_is_not_made(
    acked: Acked, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(self: Kind, folder: Path) -> None:
        raise UsageError(f"{folder} can't be seen on the machines")

    monkeypatch.setattr(Kind, "refuse_folder", refuse, raising=False)
    for args in (["run", "s.yaml"], ["run", "s.yaml", "--folder", "runs"], ["verify"]):
        assert acked(*args) == (64, "", "acked: runs can't be seen on the machines\n")
        assert not (tmp_path / "runs").exists()


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
    def execute(scenario: Scenario, folder: Path, **_: object) -> RunResult:
        raise error

    monkeypatch.setattr(running, "perform", execute)
    found, out, err = acked("run", "s.yaml")
    assert (found, out) == (code, "")
    assert told in err
    assert ("Traceback" in err) is not isinstance(error, AckedError | KeyboardInterrupt)


def test_a_report_that_can_not_be_written_makes_a_pass_an_error_and_leaves_a_violation_one(
    acked: Acked, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(folder: Path) -> Path:
        raise FolderError("runs: can't be written: No space left on device")

    monkeypatch.setattr(report, "write_run", fail)
    for verdict, code in ((Verdict.HOLDS, 3), (Verdict.VIOLATED, 1)):
        conclude(monkeypatch, verdict=verdict)
        found, out, err = acked("run", "s.yaml", "--json")
        assert found == code
        told = json.loads(out)
        assert told["verdict"] == ("error" if code == 3 else "violated")
        assert told["error"] == "no report: runs: can't be written: No space left on device"
        assert err == f"acked: {told['error']}\n"


def test_a_run_that_nobody_judged_says_how_to_have_it_judged(
    acked: Acked, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ran = conclude(monkeypatch, verdict=Verdict.INCONCLUSIVE, acknowledged=0, interrupted=True)
    execute = running.perform

    def record(scenario: Scenario, folder: Path, **options: Any) -> RunResult:
        (folder / "history.jsonl").write_text("")
        return execute(scenario, folder, **options)

    monkeypatch.setattr(running, "perform", record)
    monkeypatch.setattr(report, "write_run", lambda folder: folder)
    code, out, _ = acked("run", "s.yaml")
    folder = ran[0][1]
    assert code == 130
    assert out.splitlines()[1:] == [
        "  interrupted",
        f"  not judged; `acked check {folder}` judges what was recorded",
        f"  kept in {folder}",
    ]


def test_of_a_run_that_failed_before_it_began_only_the_reason_is_told(
    acked: Acked, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = CheckResult(checker="durability", verdict=Verdict.INCONCLUSIVE, summary="nothing")
    conclude(monkeypatch, verdict=Verdict.ERROR, acknowledged=0, error="unshare is missing", checks=(empty,))
    code, out, _ = acked("run", "s.yaml")
    assert code == 3
    lines = out.splitlines()
    assert [line.partition(" in ")[0] for line in lines[1:]] == ["  error: unshare is missing", "  kept"]


def test_a_run_that_is_killed_says_where_its_record_is(
    acked: Acked, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def enter(self: Kind) -> None:
        raise KilledError("the run was killed (SIGKILL)")

    monkeypatch.setattr(Kind, "enter", enter)
    code, out, err = acked("run", "s.yaml", "--json")
    folder = (tmp_path / "runs" / "latest").resolve()
    assert (code, json.loads(out)["verdict"]) == (3, "error")
    assert err == (f"acked: the run was killed (SIGKILL); `acked check {folder}` judges what was recorded\n")


# acked check and acked report


def test_what_is_no_run_is_told_apart_from_a_damaged_one(acked: Acked, tmp_path: Path) -> None:
    code, _, err = acked("check", ".")
    assert (code, err) == (
        64, f"acked: {tmp_path}: not the folder of a run: there is no scenario.json in it\n"
    )  # fmt: skip
    (tmp_path / "scenario.json").write_text("{")
    code, _, err = acked("check", ".")
    assert code == 3
    assert "scenario.json: damaged: " in err
    (tmp_path / "verify.json").write_text("{}")
    code, _, err = acked("check", ".")
    assert (code, err) == (64, f"acked: .: a verification, not a run; its runs are in {tmp_path}/cells\n")


def test_a_report_is_written_again(acked: Acked, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    conclude(monkeypatch)
    acked("run", "s.yaml", "--folder", "here")
    assert acked("report", "here") == (0, f"{tmp_path}/here/report.html\n", "")
    code, out, _ = acked("report", "here", "--json")
    assert (code, json.loads(out)) == (0, {"report": f"{tmp_path}/here/report.html"})


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


@pytest.mark.parametrize("title,cells", [("Modes and faults", 0), ("Cases", 1)])
def test_a_table_says_what_was_tried_on_a_narrow_terminal_too(title: str, cells: int) -> None:
    cell = RunSummary(
        name="06-semi-sync-wrong-promotion",
        mode="semi_sync_memory",
        fault=None if cells else "partition",
        variant="one-way-primary-mute",
        verdict=Verdict.INCONCLUSIVE,
        seed=1,
        acknowledged=12345,
        failed=0,
        unknown=0,
        lost=1234,
        permitted=1000,
        forbidden=234,
        rpo=Rpo(operations=1234, seconds=1.5),
        rto=11.5,
        latency=Latency(p50=0.01, p99=0.8),
        checks=(),
        skipped=None,
        interrupted=False,
        error=None,
        warnings=(),
        seconds=1.0,
        folder=None,
    )
    shown = {}
    for width in (80, 200):
        console = Console(width=width, file=io.StringIO())
        console.print(cli_verify._table(title, [cell], width))
        shown[width] = console.file.getvalue()  # type: ignore[attr-defined]
        words = ("semi_sync_memory", "inconclusive", "12345", "1234", "234", "11.50 s")
        assert all(word in shown[width] for word in words), shown[width]
    joined = "".join(line[18:34].strip() for line in shown[80].splitlines()[2:])
    assert joined.startswith("06-semi-sync-wro" if cells else "partitionone-way")
    assert "1000/234" in shown[200] and "800 ms" in shown[200]


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


def test_help_imports_nothing_slow() -> None:
    code = "import sys; from harness import cli; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    slow = {"numpy", "networkx", "rich", "jinja2", "yaml", "asyncio", "msgspec", "harness.schema"}
    assert slow & set(done.stdout.split()) == set()
