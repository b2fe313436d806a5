"""`acked run`: one scenario, from the file to the verdict."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec.structs import replace

from harness import assembly, report, results, schema, summary
from harness.cli_output import say, told, written
from harness.errors import UsageError
from harness.observer import Observer
from harness.overrides import Override
from harness.result import RunResult
from harness.scenario import Scenario
from harness.verdict import exit_code


def run(
    path: Path, changes: Sequence[Override], *, results_dir: Path, folder: Path | None, as_json: bool
) -> int:
    """Run the scenario in `path` and return the exit code of its verdict."""
    # Libraries that start a thread for each core at import would keep the process from unsharing.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    text = schema.read_text(path)
    scenario = schema.parse(text, str(path), changes, base=path.parent)
    started = datetime.now(UTC)
    if folder is None:
        folder = results.create(results_dir, scenario.name, scenario.seed, started)
    else:
        folder = results.create_exactly(folder)
    folder = folder.resolve()
    results.write(folder / "scenario.yaml", _kept(text, scenario, folder).encode())
    info = results.describe(scenario.seed, ["acked", *sys.argv[1:]], started)
    results.write_json(folder / "run.json", info)
    kind = assembly.machine_kind(scenario)
    sys.stdout.flush()
    kind.enter()
    with _watching(quiet=as_json) as observer:
        result = execute(scenario, folder, observer)
    results.write_json(folder / "run.json", results.ended(info, datetime.now(UTC)))
    page = written(lambda: report.write_run(folder))
    return _tell(replace(result, verdict=told(result.verdict, page)), folder, as_json=as_json)


def check(run_folder: Path, *, as_json: bool) -> int:
    """Judge what a run recorded, and return the exit code of the verdict; the folder stays as it is."""
    from harness import analysis

    folder = results.find(run_folder)
    return _tell(analysis.analyse(folder), folder, as_json=as_json)


def execute(scenario: Scenario, folder: Path, observer: Observer | None = None) -> RunResult:
    """Put the parts of a run together and run it; call after the machine kind's `enter`."""
    from harness import lifecycle

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(
            lifecycle.execute(
                scenario,
                machines=assembly.machine_kind(scenario),
                system=assembly.system(scenario),
                workload=assembly.workload(scenario),
                faults=tuple(assembly.fault(step) for step in scenario.faults),
                folder=folder,
                observer=observer,
            )
        )


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
        say(msgspec.json.encode(summary.summarise(result, folder=folder)))
    else:
        for line in summary.lines(result):
            say(line)
        say(f"  kept in {folder}")
    return exit_code(result.verdict, interrupted=result.interrupted)


def _kept(text: str, scenario: Scenario, folder: Path) -> str:
    """Return the scenario to keep with the run: the given text, unless options or its place changed it."""
    try:
        same = schema.parse(text, "scenario.yaml", base=folder) == scenario
    except UsageError:
        same = False
    return text if same else schema.dump(scenario)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's where it is installed, else None for asyncio's own."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
