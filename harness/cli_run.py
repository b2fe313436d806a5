"""`acked run`: one scenario, from the file to the verdict."""

import contextlib
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec
from msgspec.structs import replace

from harness import analysis, assembly, log_patterns, logs, report, results, running, schema, signals, summary
from harness.analysis import HISTORY_FILE
from harness.checker import Limits
from harness.cli_output import kept, told, with_traceback
from harness.errors import KilledError, PluginError, UsageError
from harness.hosts import Hosts
from harness.interrupts import Interrupts
from harness.machine import MachineKind
from harness.observer import Observer
from harness.overrides import Override
from harness.result import RunResult
from harness.scenario import Scenario
from harness.verdict import ExitCode, exit_code, merge
from harness.verify import VERIFY_FILE


def run(
    path: Path,
    changes: Sequence[Override],
    *,
    hosts: Hosts | None = None,
    results_dir: Path,
    folder: Path | None,
    as_json: bool,
) -> int:
    """Run the scenario in `path` and return the exit code of its verdict."""
    # Libraries that start a thread for each core at import would keep the process from unsharing.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    text = schema.read_text(path)
    started = datetime.now(UTC)

    def home(name: str, seed: int) -> Path:
        made = results.create_exactly(folder) if folder else results.create(results_dir, name, seed, started)
        return made.resolve()

    try:
        scenario = schema.parse(text, str(path), changes, base=path.parent)
    except PluginError as error:
        raise with_traceback(error, home(path.stem, 0)) from error
    kind = assembly.machine_kind(scenario, hosts)
    assembly.refuse_folder(kind, folder or results_dir)
    place = home(scenario.name, scenario.seed)
    return _run(scenario, kind, text, place, started, hosts=hosts, as_json=as_json)


def _run(
    scenario: Scenario,
    kind: MachineKind,
    text: str,
    folder: Path,
    started: datetime,
    *,
    hosts: Hosts | None,
    as_json: bool,
) -> int:
    results.write(folder / "scenario.yaml", _kept(text, scenario, folder).encode())
    info = results.describe(scenario.seed, ["acked", *sys.argv[1:]], started)
    results.write_json(folder / "run.json", info)
    sys.stdout.flush()
    try:
        kind.enter()
    except KilledError as error:
        raise KilledError(f"{error}; {_judge_again(folder)}") from error
    interrupts = Interrupts()
    # To the end: once there is a verdict, no signal keeps it from being told.
    signals.give(interrupts.notice)
    with _watching(quiet=as_json) as observer:
        result = running.perform(scenario, folder, hosts=hosts, interrupts=interrupts, observer=observer)

    def keep() -> None:
        results.write_json(folder / "run.json", results.ended(info, datetime.now(UTC)))
        report.write_run(folder)

    complaint = kept("report", keep)
    result = replace(result, verdict=told(result.verdict, complaint), error=result.error or complaint)
    return _tell(result, folder, as_json=as_json)


def check(run_folder: Path, *, limits: Limits, patterns: Sequence[str] = (), as_json: bool) -> int:
    """Judge what a run recorded, and return the exit code of the verdict; the folder stays as it is.

    `patterns` are regular expressions that no line of its logs may match.
    """
    wanted = log_patterns.compiled(patterns)
    folder = results.find(run_folder)
    if (folder / VERIFY_FILE).is_file():
        raise UsageError(f"{run_folder}: a verification, not a run; its runs are in {folder / 'cells'}")
    result = analysis.analyse(folder, limits=limits)
    if wanted:
        searched = log_patterns.search(log_patterns.logs_in(folder / logs.FOLDER), wanted)
        verdict = merge((result.verdict, searched.verdict))
        result = replace(result, checks=(*result.checks, searched), verdict=verdict)
    return _tell(result, folder, as_json=as_json)


def report_again(run_folder: Path, *, as_json: bool) -> int:
    """Write the reports of a run or a verification, and return the exit code."""
    page = report.write(results.find(run_folder))
    click.echo(msgspec.json.encode({"report": str(page)}) if as_json else page)
    return ExitCode.HOLDS


@contextlib.contextmanager
def _watching(*, quiet: bool) -> Iterator[Observer | None]:
    """Show how the run gets on where somebody looks: on a terminal."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.live import Live

    from harness import cli_console, progress

    line = progress.RunLine()
    screen = cli_console.console(stderr=True)
    with Live(line, console=screen, refresh_per_second=progress.REFRESHES_PER_SECOND, transient=True):
        yield line


def _tell(result: RunResult, folder: Path, *, as_json: bool) -> int:
    if as_json:
        click.echo(msgspec.json.encode(summary.summarise(result, folder=folder)))
    else:
        for line in summary.lines(result):
            click.echo(line)
        if result.skipped is None and not result.checks and (folder / HISTORY_FILE).is_file():
            click.echo(f"  not judged; {_judge_again(folder)}")
        click.echo(f"  kept in {folder}")
    return exit_code(result.verdict, interrupted=result.interrupted)


def _judge_again(folder: Path) -> str:
    return f"`acked check {shlex.quote(str(folder))}` judges what was recorded"


def _kept(text: str, scenario: Scenario, folder: Path) -> str:
    """Return the scenario to keep with the run: the given text, unless options or its place changed it."""
    try:
        same = schema.parse(text, "scenario.yaml", base=folder) == scenario
    except UsageError:
        same = False
    return text if same else schema.dump(scenario)
