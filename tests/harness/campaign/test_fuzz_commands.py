"""`acked fuzz`, `selftest`, `replay` and `shrink`: exit codes, the one JSON object, and a stop in good order."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from stand_ins import Here
from test_executors import until

from harness import cli, cli_workers, report, schema, signals
from harness.campaign import one
from harness.campaign.draw import Aim, scenario
from harness.interrupts import Interrupts
from harness.verdict import Verdict
from nodes.planted import BUGS

Acked = Callable[..., tuple[int, str, str]]

LOST = {"violations": (("durability", "list-1=2 was lost"),)}


@pytest.fixture
def acked(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Acked:
    """Run a command line in an empty folder; returns exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(signals, "give", lambda receiver: None)

    def run(*args: str) -> tuple[int, str, str]:
        code = cli.main(args)
        output = capsys.readouterr()
        return code, output.out, output.err

    return run


def answer(monkeypatch: pytest.MonkeyPatch, rule: Callable[[int], dict[str, Any]]) -> list[Here]:
    """Have workers that answer by a rule."""
    made: list[Here] = []

    @contextlib.contextmanager
    def workers(
        kind: str, jobs: int | None, scheduler: str | None, *, scratch: Path | None = None
    ) -> Iterator[Here]:
        made.append(Here(rule))
        yield made[-1]

    monkeypatch.setattr(cli_workers, "workers", workers)
    return made


@pytest.mark.parametrize(
    "fields,code,verdict",
    [
        ({}, 0, "holds"),
        (LOST, 1, "violated"),
        ({"verdict": Verdict.INCONCLUSIVE, "acknowledged": 0}, 2, "inconclusive"),
        ({"verdict": Verdict.ERROR, "error": "odd"}, 3, "error"),
    ],
)
def test_fuzz_ends_with_the_code_of_what_it_found(
    acked: Acked, monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], code: int, verdict: str
) -> None:
    answer(monkeypatch, lambda seed: fields)
    found, out, _ = acked("fuzz", "--seeds", "3", "--seed", "7", "--json")
    told = json.loads(out)
    assert (found, told["verdict"], told["seeds"], told["first"]) == (code, verdict, 3, 7)
    assert set(told) >= {"seconds", "simulated_seconds", "findings", "seeds_per_hour", "features", "verdicts"}
    assert Path(told["folder"]) == Path("runs/latest").resolve()


def test_a_violation_outranks_errors(acked: Acked, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, lambda seed: LOST if seed == 2 else {"verdict": Verdict.ERROR})
    code, out, _ = acked("fuzz", "--seeds", "3", "--json")
    told = json.loads(out)
    assert code == 1
    finding = told["findings"][0]
    assert (finding["seed"], finding["checker"], finding["title"]) == (2, "durability", "list-1=2 was lost")
    assert (finding["faults"], finding["operations"]) == (0, 3)
    assert schema.load(Path(finding["file"])).name == "seed-2"


def test_the_lines_tell_the_shrunk_story_and_the_coverage(
    acked: Acked, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, lambda seed: {**LOST, "features": ("elected by election, 2 logs; always",)})
    code, _, err = acked("fuzz", "--seeds", "2", "--json")
    assert code == 1
    assert "no page: " in err, "the stand-in recorded nothing: that is told, and the finding is kept"
    monkeypatch.setattr(report, "write_run", lambda run: (run / "report.html").write_text("x"))
    code, out, err = acked("fuzz", "--seeds", "2")
    assert err == ""
    assert "Coverage: 1 feature" in out
    assert "violated: durability: list-1=2 was lost" in out
    assert "  in 2 seeds: 1, 2" in out
    assert "    chart of 1" in out
    assert "/findings/seed-1-shrunk/report.html" in out
    assert "VIOLATED: 2 seeds (1 to 2)" in out


def test_pages_are_written_once_and_an_impatient_user_gets_the_verdict_without_them(
    acked: Acked, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, lambda seed: LOST)
    interrupts, written = Interrupts(), []
    monkeypatch.setattr(cli_workers, "asked_to_stop", lambda: interrupts)

    def write(run: Path) -> None:
        (run / "report.html").write_text("x")
        written.append(run)

    def wait_too_long(run: Path) -> None:
        interrupts.notice()
        interrupts.notice()
        write(run)

    monkeypatch.setattr(report, "write_run", wait_too_long)
    code, out, _ = acked("fuzz", "--seeds", "2", "--json")
    assert (code, json.loads(out)["verdict"], written) == (1, "violated", [])
    interrupts = Interrupts()
    monkeypatch.setattr(report, "write_run", write)
    for _ in range(2):
        assert acked("fuzz", "--resume", "runs/latest")[0] == 1
    assert [run.name for run in written] == ["seed-1-shrunk"]


def test_a_campaign_is_gone_on_with_by_its_folder_alone(
    acked: Acked, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = answer(monkeypatch, lambda seed: {})
    acked("fuzz", "--seeds", "3")
    code, _, err = acked("fuzz", "--resume", "runs/latest", "--seeds", "4")
    assert (code, "leave the others out" in err) == (64, True)
    code, _, err = acked("fuzz", "--resume", "runs/latest", "--seed", "0")
    assert (code, "leave the others out" in err) == (64, True)
    code, out, _ = acked("fuzz", "--resume", "runs/latest", "--json")
    assert (code, json.loads(out)["seeds"], json.loads(out)["tried"]) == (0, 3, 0)
    assert made[-1].tried == []
    assert "HOLDS: 3 seeds (1 to 3), none of them now;" in acked("fuzz", "--resume", "runs/latest")[1]


def test_every_crash_begins_with_the_first(acked: Acked, monkeypatch: pytest.MonkeyPatch) -> None:
    made = answer(monkeypatch, lambda seed: {})
    acked("fuzz", "--every-crash", "--fault", "kill", "--mode", "sync", "--seeds", "4")
    struck = [(wanted.seed, wanted.scenario.faults[0].fault) for wanted in made[-1].tried]
    assert struck == [(seed, "kill") for seed in range(4)]


@pytest.mark.parametrize(
    "args,message",
    [
        (("fuzz", "--mode", "semisync"), "did you mean semi_sync?"),
        (("fuzz", "--bug", "none"), "--bug none"),
        (
            ("fuzz", "--bug", "zzz"),
            f"--bug zzz: there is none of this name (the nearest of {len(BUGS)} are: ",
        ),
        (("fuzz", "--seeds", "0"), "acked fuzz: Invalid value for '--seeds': 0 is not in the range x>=1."),
        (("fuzz", "--time", "nan"), "'nan' is not a finite number"),
        (("selftest", "--time", "inf"), "'inf' is not a finite number"),
        (("verify", "--time-limit", "nan"), "'nan' is not a finite number"),
        (
            ("fuzz", "--every-crash", "--fault", "clog"),
            "--fault clog: there is none of this name (there are: kill,",
        ),
        (
            ("fuzz", "--executor", "dask", "--scheduler", "garbage"),
            "missing port number in address 'garbage'",
        ),
        (("selftest", "--blind", "copiez"), "did you mean copies?"),
        (("fuzz", "--scheduler", "tcp://x:1"), "only with --executor dask"),
        (("fuzz", "--executor", "dask"), "name the scheduler"),
        (("fuzz", "--executor", "dask", "--jobs", "2", "--scheduler", "tcp://x:1"), "--jobs"),
        (("fuzz", "--resume", "nowhere"), "there is no such run folder"),
        (("selftest", "--bug", "none"), "--bug none"),
        (("selftest", "--machines", "none"), "none"),
        (("selftest", "--machines", "ssh"), "sim, local or vagrant"),
        (("selftest", "--machines", "vagrant", "--jobs", "2"), "one run at a time"),
        (("selftest", "--machines", "local", "--results", "/dev/shm/runs"), "/dev/shm"),
        (("replay", "nowhere.yaml"), "nowhere.yaml"),
        (("shrink", "nowhere"), "there is no such run folder"),
    ],
)
def test_a_mistake_is_told_with_64(acked: Acked, args: tuple[str, ...], message: str) -> None:
    code, out, err = acked(*args, "--json")
    assert code == 64
    assert message in err
    assert json.loads(out)["exit_code"] == 64


def test_selftest_ends_with_1_unless_all_is_found_and_the_rest_silent(
    acked: Acked, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    options = ("selftest", "--bug", "ack-before-local-flush", "--bug-seeds", "3", "--seeds", "3")
    answer(monkeypatch, lambda seed: {})
    assert acked(*options)[0] == 1
    answer(monkeypatch, lambda seed: LOST)
    code, out, _ = acked(*options, "--table", str(tmp_path / "teeth.md"), "--json")
    told = json.loads(out)
    assert (code, told["found"], told["passed"]) == (1, 1, False)
    assert "| `ack-before-local-flush` | 1 |" in (tmp_path / "teeth.md").read_text()
    answer(monkeypatch, lambda seed: {"verdict": Verdict.ERROR})
    assert acked(*options)[0] == 3
    answer(monkeypatch, lambda seed: LOST)
    _, out, _ = acked(*options, "--bug", "ack-before-local-flush", "--json")
    assert [hunt["name"] for hunt in json.loads(out)["bugs"]] == ["ack-before-local-flush"], "named twice"
    assert not json.loads(out)["interrupted"]


def test_an_interrupted_selftest_leaves_the_table_as_it_was(
    acked: Acked, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    table = tmp_path / "teeth.md"
    table.write_text("good\n")
    answer(monkeypatch, lambda seed: {})
    interrupts = Interrupts()
    interrupts.stop.set()
    monkeypatch.setattr(cli_workers, "asked_to_stop", lambda: interrupts)
    code, out, _ = acked("selftest", "--table", str(table))
    assert (code, table.read_text()) == (130, "good\n")
    assert "INTERRUPTED: 0 of " in out
    assert "FAILED" not in out


def test_a_finding_is_replayed_exactly_and_shrunk(acked: Acked, tmp_path: Path) -> None:
    aim = Aim(faults=("kill",), nodes=3, settings={"bug": "ack-before-local-flush"}, span_s=3.0)
    (tmp_path / "s.yaml").write_text(schema.dump(scenario(2, aim)))
    code, out, _ = acked("replay", "s.yaml", "--json")
    told = json.loads(out)
    assert (code, told["verdict"], told["same"], told["violated"], told["times"]) == (
        1,
        "violated",
        True,
        2,
        2,
    )
    assert told["violations"][0][0] == "copies"
    run = str(next(Path(told["folder"]).glob("seed-*")))
    code, out, _ = acked("shrink", run, "--json")
    small = json.loads(out)
    assert (code, small["checker"], small["faults"]) == (1, "copies", 0)
    code, out, _ = acked("replay", small["file"])
    assert code == 1
    assert "done twice, with the same bytes" in out
    assert "violated: copies: " in out
    page = Path(next(line for line in out.splitlines() if "page: " in line).split("page: ")[1])
    assert "Step by step" in page.read_text()
    assert schema.load(page.parent / "scenario.yaml") == schema.load(Path(small["file"])), (
        "it can be run again"
    )


def test_a_run_that_is_not_the_same_twice_is_an_error(
    acked: Acked, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "s.yaml").write_text(schema.dump(scenario(2, Aim(faults=("kill",), nodes=3, span_s=3.0))))
    digests = iter(("one", "another"))
    true = one.digest
    monkeypatch.setattr(one, "digest", lambda folder: true(folder) and next(digests))
    code, out, _ = acked("replay", "s.yaml", "--json")
    told = json.loads(out)
    assert (code, told["verdict"], told["same"]) == (3, "error", False)
    assert told["error"] == "two runs of the same scenario and seed gave different bytes"


def test_what_holds_can_not_be_shrunk(acked: Acked, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(schema.dump(scenario(2, Aim(faults=("kill",), nodes=3, span_s=3.0))))
    assert acked("run", "s.yaml", "--folder", "run")[0] == 0
    code, _, err = acked("shrink", "run")
    assert code == 64
    assert "only what is violated can be shrunk" in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_a_campaign_in_good_order(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "harness", "fuzz", "--time", "600", "--fault", "kill", "--json"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        end = time.monotonic() + 60
        while not any(path.stat().st_size for path in tmp_path.glob("runs/*-fuzz-s1/outcomes.jsonl")):
            assert time.monotonic() < end, "no seed was done"
            time.sleep(0.02)
        os.killpg(process.pid, number)
        out, _ = process.communicate(timeout=60)
    told = json.loads(out)
    assert (process.returncode, told["interrupted"], told["errors"]) == (130, True, [])
    assert told["seeds"] == len((tmp_path / "runs/latest/outcomes.jsonl").read_text().splitlines())
    until(lambda: not session(process.pid), "processes are left")


def session(leader: int) -> list[str]:
    """Return the processes of a session that are alive."""
    done = subprocess.run(["ps", "-eo", "sid=,stat=,args="], capture_output=True, text=True, check=True)
    lines = [line.split(maxsplit=2) for line in done.stdout.splitlines()]
    return [command for sid, state, command in lines if int(sid) == leader and state[0] != "Z"]
