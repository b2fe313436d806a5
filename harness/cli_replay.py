"""`acked replay` and `acked shrink`: a run done again, and with as little as still shows what it showed."""

import asyncio
import shlex
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec
from msgspec import Struct
from msgspec.structs import replace

from harness import assembly, cli_output, cli_workers, report, results, schema, sequence_text, verify
from harness.campaign import one
from harness.campaign import replay as replays
from harness.campaign import shrink as shrinking
from harness.cli_display import story
from harness.errors import HarnessError, UsageError
from harness.matrix import Cell
from harness.scenario import SIMULATED, Scenario
from harness.verdict import Verdict, exit_code, merge
from harness.verify import CellResult
from harness.words import brief, plural

SHRUNK_FILE = "shrunk.yaml"
CHART_FILE = "shrunk.txt"


class Replayed(Struct, frozen=True, kw_only=True):
    """What `acked replay --json` prints: of `times` runs, `violated` were.

    `violations` are the findings' titles by checker, of the first run that has any. `same` tells whether two runs
    in simulation gave the same bytes, whose hash is `digest`; None on machines with real time.
    """

    verdict: Verdict
    name: str
    seed: int
    machines: str
    times: int
    violated: int
    violations: tuple[tuple[str, str], ...]
    same: bool | None
    digest: str | None
    error: str | None
    interrupted: bool
    folder: str


class ShrunkRun(Struct, frozen=True, kw_only=True):
    """What `acked shrink --json` prints: the finding that is left, how little shows it, and where that is kept."""

    verdict: Verdict
    checker: str
    title: str
    faults: int
    operations: int
    tries: int
    file: str
    chart: str


def replay(what: Path, *, machines: str, times: int | None, results_dir: Path, as_json: bool) -> int:
    """Do a scenario again and return the exit code of what came of it."""
    scenario = replays.scenario_of(what)
    if machines != SIMULATED:
        kind = assembly.machine_kind(replace(scenario, machines=machines))
        assembly.refuse_folder(kind, results_dir)
    elif times is not None:
        raise UsageError("--times: in simulation once more tells nothing new; name other --machines")
    started = datetime.now(UTC)
    folder = results.create(results_dir, f"replay-{scenario.name}", scenario.seed, started).resolve()
    results.write_json(
        folder / "run.json", results.describe(scenario.seed, ["acked", *sys.argv[1:]], started)
    )
    if machines == SIMULATED:
        told = _simulated(scenario, folder)
    else:
        told = _repeated(replace(scenario, machines=machines), times or 1, folder, quiet=as_json)
    if as_json:
        click.echo(msgspec.json.encode(told))
    else:
        for line in _lines(told):
            click.echo(line)
    return exit_code(told.verdict, interrupted=told.interrupted)


def _simulated(scenario: Scenario, folder: Path) -> Replayed:
    done = replays.simulate(scenario, keep=folder)
    if done.outcome.violations:
        cli_output.kept("page", lambda: report.write_run(folder / f"seed-{scenario.seed}"))
    error = done.outcome.error
    if not done.same:
        error = "two runs of the same scenario and seed gave different bytes"
    verdicts = (done.outcome.verdict, Verdict.HOLDS if done.same else Verdict.ERROR)
    return Replayed(
        verdict=merge(verdicts),
        name=scenario.name,
        seed=scenario.seed,
        machines=SIMULATED,
        times=done.times,
        violated=done.violated,
        violations=done.outcome.violations,
        same=done.same,
        digest=done.outcome.digest,
        error=error,
        interrupted=False,
        folder=str(folder),
    )


def _repeated(scenario: Scenario, times: int, folder: Path, *, quiet: bool) -> Replayed:
    """Do a scenario several times on machines with real time, one after the other."""
    cells = [Cell(name=f"{number:03}", fault=None, scenario=scenario) for number in range(1, times + 1)]
    done, interrupted = asyncio.run(
        verify.run_cells(
            cells, folder, jobs=1, watcher=_Told(quiet=quiet), interrupts=cli_workers.asked_to_stop()
        )
    )
    violated = [one.violations(each.result) for each in done if each.result.verdict is Verdict.VIOLATED]
    return Replayed(
        verdict=merge(each.result.verdict for each in done),
        name=scenario.name,
        seed=scenario.seed,
        machines=scenario.machines,
        times=len(done),
        violated=len(violated),
        violations=violated[0] if violated else (),
        same=None,
        digest=None,
        error=next((each.result.error for each in done if each.result.error), None),
        interrupted=interrupted,
        folder=str(folder),
    )


class _Told:
    """Tells of each run as it ends."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet

    def started(self, cell: Cell) -> None:
        """Say nothing."""

    def ended(self, done: CellResult, number: int, total: int) -> None:
        """Tell what came of a run."""
        result = done.result
        why = f": {result.skipped or result.error}" if result.skipped or result.error else ""
        click.echo(f"[{number}/{total}] {result.verdict}{why}, {done.seconds:.1f} s", err=self._quiet)


def _lines(told: Replayed) -> Iterator[str]:
    yield f"{told.name}: {str(told.verdict).upper()} (seed {told.seed}, machines {told.machines})"
    yield from (f"  violated: {checker}: {brief(title)}" for checker, title in told.violations)
    if told.error:
        yield f"  error: {told.error}"
    if told.same:
        yield f"  done twice, with the same bytes: {told.digest}"
    if told.same is None:
        yield f"  reproduced in {told.violated} of {plural(told.times, 'run')}"
    if told.interrupted:
        yield "  interrupted: this is what was done until then"
    run = Path(told.folder) / f"seed-{told.seed}"
    if told.same is not None and told.violations:
        yield from (f"  {line}" for line in sequence_text.chart(run).splitlines())
    if (page := run / report.REPORT_FILE).is_file():
        yield f"  page: {page}"
    yield f"  kept in {told.folder}"


def shrink(run_folder: Path, *, as_json: bool) -> int:
    """Shrink a violated run and return the exit code: that of a violation."""
    folder = results.find(run_folder)
    scenario = replace(replays.scenario_of(folder), machines=SIMULATED)
    outcome = one.attempt(one.Try(seed=scenario.seed, scenario=scenario))
    if outcome.verdict is Verdict.ERROR:
        raise HarnessError(f"{run_folder} can't be done again in simulation: {outcome.error}")
    shrunk = shrinking.shrink(outcome)
    file, chart = folder / SHRUNK_FILE, folder / CHART_FILE
    results.write(file, schema.dump(shrunk.scenario).encode())
    with tempfile.TemporaryDirectory(prefix="acked-") as scratch:
        one.attempt(one.Try(seed=scenario.seed, scenario=shrunk.scenario), keep=Path(scratch))
        results.write(chart, sequence_text.chart(Path(scratch) / f"seed-{scenario.seed}").encode())
    told = ShrunkRun(
        verdict=Verdict.VIOLATED,
        checker=shrunk.checker,
        title=shrunk.title,
        faults=shrunk.faults,
        operations=shrunk.operations,
        tries=shrunk.tries,
        file=str(file),
        chart=str(chart),
    )
    if as_json:
        click.echo(msgspec.json.encode(told))
    else:
        click.echo(f"violated: {told.checker}: {brief(told.title)}")
        click.echo(f"  shrunk to {story(told.faults, told.operations)}, in {plural(told.tries, 'run')}")
        click.echo(chart.read_text(encoding="utf-8"), nl=False)
        click.echo(f"again: acked replay {shlex.quote(told.file)}")
    return exit_code(told.verdict)
