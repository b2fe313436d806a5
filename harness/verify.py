"""`acked verify` without its printing: makes the cells of a plan, runs each as a process and merges them.

A cell is `acked run` in a process of its own: one that crashes or hangs is an `error` of that cell alone. The
folder of a verification has one run folder for each cell in `cells/`, and `verify.json` with all in short.
"""

import asyncio
import contextlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec import Struct

from harness import assembly, matrix, plugins, pool, results, schema, summary
from harness.errors import AckedError, UsageError
from harness.hosts import OnHosts
from harness.interrupts import Interrupts
from harness.machine import Unhurried
from harness.matrix import Cell, Plan
from harness.result import RunResult
from harness.scenario import Scenario
from harness.summary import RunSummary
from harness.system import SettingError
from harness.verdict import Verdict, exit_code, merge

VERIFY_FILE = "verify.json"

GRACE_S = 60.0
"""What a cell may take beside what its scenario bounds: start-up, healing, analysis, on a busy machine."""


class CellResult(Struct, frozen=True, kw_only=True):
    """A cell that was run: its result, where it is kept, and how long it took."""

    cell: Cell
    result: RunResult
    folder: Path
    seconds: float


class VerifyResult(Struct, frozen=True, kw_only=True):
    """The outcome of a verification: what `acked verify --json` prints and `verify.json` holds.

    `not_run` are the cells that an interrupt kept from being started. `allow_skipped` tells whether skipped
    cells were left out of the verdict.
    """

    verdict: Verdict
    seed: int
    interrupted: bool
    allow_skipped: bool
    expect_no_loss: bool
    cells: tuple[RunSummary, ...]
    not_run: tuple[str, ...]
    seconds: float
    folder: str


class Watcher(Protocol):
    """Is told how a verification gets on."""

    def started(self, cell: Cell) -> None:
        """Take note that a cell was started."""

    def ended(self, done: CellResult, number: int, total: int) -> None:
        """Take note of a cell that ended, as the `number`th of `total`."""


Command = Callable[[Path, Path], Sequence[str]]
"""Returns the command that runs the scenario in a file into a folder."""


def worker(scenario: Path, folder: Path, *, options: Sequence[str] = ()) -> Sequence[str]:
    """Return the command of a real cell; `options` say on which hosts."""
    run = (sys.executable, "-m", "harness", "run", str(scenario))
    return (*run, *options, "--json", "--folder", str(folder))


def with_hosts(cells: Sequence[Cell], options: Sequence[str]) -> Command:
    """Return how to run these cells, of which those that run on hosts are told by `options` on which."""
    on_hosts = {cell.name for cell in cells if _on_hosts(cell.scenario.machines)}

    def command(scenario: Path, folder: Path) -> Sequence[str]:
        return worker(scenario, folder, options=options if scenario.stem in on_hosts else ())

    return command


def plan_cells(plan: Plan) -> tuple[Cell, ...]:
    """Return the cells of a plan with the textbook cases that are installed; raises UsageError or PluginError."""
    for option, group, name in (
        *(("machines", "acked.machines", kind) for kind in plan.machines),
        ("system", "acked.systems", plan.system),
    ):
        try:
            plugins.load(group, name)
        except UsageError as error:
            raise UsageError(f"--{option} {name}: {error}") from error
    cells = matrix.cells(plan, [_textbook_case(name, text) for name, text in matrix.textbook_texts()])
    with contextlib.suppress(SettingError):  # what it does not offer is skipped, cell by cell
        assembly.system(cells[0].scenario)
    return cells


async def run_cells(
    cells: Sequence[Cell],
    folder: Path,
    *,
    jobs: int,
    watcher: Watcher,
    interrupts: Interrupts,
    command: Command | None = None,
) -> tuple[list[CellResult], bool]:
    """Run cells, `jobs` at a time; returns those that were run, in the order of `cells`, and if it was cut short.

    The first interrupt starts no more cells and interrupts the running ones, which heal and judge what they
    have; the second kills them. A cell that an interrupt left without a result counts as not run. When every
    cell came to its end all the same, nothing was cut short. Raises FolderError or UsageError when `folder`
    can't be written from the start; a disk that is full later is an error of the cells that it hits.
    """
    done = {cell.name: refused for cell in cells if (refused := _refused(cell, folder))}
    for number, refused in enumerate(done.values(), 1):
        watcher.ended(refused, number, len(cells))
    by_name = {cell.name: cell for cell in cells if cell.name not in done}
    running = pool.Pool(jobs, on_start=lambda job: watcher.started(by_name[job.name]))
    with results.storing(folder):
        work = [_job(cell, folder, command or worker) for cell in by_name.values()]
    relay = asyncio.create_task(_relay(interrupts, running))
    try:
        async for ended in running.run(work):
            cell = by_name[ended.job.name]
            result = _result(cell, ended, _cell_folder(folder, cell), interrupted=running.interrupted)
            if result is None:
                continue
            done[cell.name] = CellResult(
                cell=cell, result=result, folder=_cell_folder(folder, cell), seconds=ended.seconds
            )
            watcher.ended(done[cell.name], len(done), len(cells))
    finally:
        relay.cancel()
    cut_short = len(done) < len(cells) or any(each.result.interrupted for each in done.values())
    return [done[cell.name] for cell in cells if cell.name in done], running.interrupted and cut_short


async def _relay(interrupts: Interrupts, running: pool.Pool) -> None:
    for event in (interrupts.stop, interrupts.abort):
        await event.wait()
        running.interrupt()


def conclude(
    plan: Plan,
    cells: Sequence[Cell],
    done: Sequence[CellResult],
    *,
    folder: Path,
    interrupted: bool,
    allow_skipped: bool,
    seconds: float,
) -> VerifyResult:
    """Merge the cells into one outcome."""
    ran = {each.cell.name for each in done}
    not_run = tuple(cell.name for cell in cells if cell.name not in ran)
    return VerifyResult(
        verdict=overall([each.result for each in done], allow_skipped=allow_skipped, complete=not not_run),
        seed=plan.seed,
        interrupted=interrupted,
        allow_skipped=allow_skipped,
        expect_no_loss=plan.expect_no_loss,
        cells=tuple(
            summary.summarise(
                each.result,
                folder=each.folder,
                title=each.cell.title,
                machines=each.cell.scenario.machines,
                fault=each.cell.fault,
                variant=each.cell.variant,
            )
            for each in done
        ),
        not_run=not_run,
        seconds=round(seconds, 1),
        folder=str(folder),
    )


def overall(run_results: Sequence[RunResult], *, allow_skipped: bool, complete: bool = True) -> Verdict:
    """Return the verdict of a verification from those of its cells.

    A skipped cell is no pass: it makes the whole inconclusive, unless skips are allowed; then it is left
    out, and if nothing remains, nothing was shown. Neither was what an interrupt kept from running.
    """
    verdicts = [each.verdict for each in run_results if not (allow_skipped and each.skipped)]
    if not complete:
        verdicts.append(Verdict.INCONCLUSIVE)
    return merge(verdicts)


def _textbook_case(name: str, text: str) -> Scenario:
    return schema.parse(text, f"textbook/{name}")


def _cell_folder(folder: Path, cell: Cell) -> Path:
    return folder / "cells" / cell.name


def _refused(cell: Cell, folder: Path) -> CellResult | None:
    """Return a skipped cell when the system does not offer what the cell asks of it; an error when it fails."""
    skipped, failed = None, None
    try:
        assembly.system(cell.scenario)
    except SettingError as error:
        skipped = f"{cell.scenario.system} refuses {error.field}: {error}"
    except AckedError as error:
        failed = str(error)
    if skipped is None and failed is None:
        return None
    result = RunResult(
        name=cell.name,
        verdict=Verdict.ERROR if failed else Verdict.INCONCLUSIVE,
        mode=cell.scenario.mode,
        seed=cell.scenario.seed,
        skipped=skipped,
        error=failed,
    )
    return CellResult(cell=cell, result=result, folder=_cell_folder(folder, cell), seconds=0.0)


def _job(cell: Cell, folder: Path, command: Command) -> pool.Job:
    """Write the scenario of a cell and return the job that runs it."""
    home = folder / "cells"
    home.mkdir(parents=True, exist_ok=True)
    scenario = home / f"{cell.name}.yaml"
    scenario.write_text(schema.dump(cell.scenario), encoding="utf-8")
    bounds_s = cell.scenario.ready_s + cell.scenario.time_limit_s + cell.scenario.recovery_s
    bounds_s += assembly.patience_of_run_s(cell.scenario)
    return pool.Job(
        name=cell.name,
        argv=tuple(command(scenario, _cell_folder(folder, cell))),
        stdout=home / f"{cell.name}.stdout",
        stderr=home / f"{cell.name}.stderr",
        deadline_s=bounds_s + GRACE_S,
        lane=cell.scenario.machines if _one_at_a_time(cell.scenario.machines) else "",
    )


def _on_hosts(machines: str) -> bool:
    return isinstance(plugins.load("acked.machines", machines), OnHosts)


def _one_at_a_time(machines: str) -> bool:
    """Tell whether machines of a kind are there once, for one run after the other."""
    return _on_hosts(machines) or isinstance(plugins.load("acked.machines", machines), Unhurried)


def _result(cell: Cell, ended: pool.Ended, folder: Path, *, interrupted: bool) -> RunResult | None:
    """Return what a cell concluded; it is an error unless the process ended as its result says.

    A violation that was recorded stays one, whatever became of the process afterwards. With `interrupted`
    the process may have been killed, too: what it had concluded counts, and None is returned if it had not.
    """
    result, why = _recorded(folder)
    if result is not None:
        agreed = ended.returncode == exit_code(result.verdict, interrupted=result.interrupted)
        excused = result.verdict is Verdict.VIOLATED or (interrupted and ended.killed)
        if (agreed and not ended.timed_out) or excused:
            return result
    elif interrupted and ended.failure is None:
        return None
    if ended.failure is not None:
        why = ended.failure
    elif ended.timed_out:
        why = f"killed: it had not ended after {ended.job.deadline_s:.0f} s"
    elif ended.returncode < 0:
        why = f"killed by signal {-ended.returncode}"
    elif result is not None:
        why = f"exit status {ended.returncode} does not fit its result, {result.verdict}"
    else:
        why = f"exit status {ended.returncode}, {why}"
    error = ": ".join(filter(None, (why, ended.tail())))
    return RunResult(
        name=cell.name,
        verdict=Verdict.ERROR,
        mode=cell.scenario.mode,
        seed=cell.scenario.seed,
        error=error,
    )


def _recorded(folder: Path) -> tuple[RunResult | None, str]:
    """Read a cell's results; without them, say why."""
    try:
        return msgspec.json.decode((folder / results.RESULTS_FILE).read_bytes(), type=RunResult), ""
    except FileNotFoundError:
        return None, "no results"
    except OSError as error:
        return None, f"unreadable results ({error.strerror})"
    except msgspec.DecodeError as error:
        return None, f"unreadable results ({error})"
