"""`acked verify`: the matrix of modes and faults and the textbook cases, from the plan to the summary."""

import asyncio
import os
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness import cli_console, cli_output, progress, report, results, schema, summary, verify
from harness.contract import Mode
from harness.errors import UsageError
from harness.matrix import NONE, Plan
from harness.problems import hint
from harness.summary import RunSummary
from harness.verdict import Verdict, exit_code
from harness.verify import CellResult, VerifyResult


def plan(
    *, modes: Sequence[str], faults: Sequence[str], cases: Sequence[str], system: str, **others: Any
) -> Plan:
    """Return the plan that the options ask for, each name once; raises UsageError for an unknown mode."""
    for mode in modes:
        if mode not in tuple(Mode):
            raise UsageError(f"--mode {mode}: unknown mode{hint(mode, Mode)}")
    return Plan(
        modes=tuple(dict.fromkeys(Mode(mode) for mode in modes)),
        faults=tuple(dict.fromkeys(faults)),
        cases=tuple(dict.fromkeys(cases)),
        system=schema.rooted(system, Path()),
        **others,
    )


def run(plan: Plan, *, jobs: int | None, results_dir: Path, allow_skipped: bool, as_json: bool) -> int:
    """Verify a plan and return the exit code of its verdict."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    begun = time.monotonic()
    started = datetime.now(UTC)
    cells = verify.plan_cells(plan)
    folder = results.create(results_dir, "verify", plan.seed, started).resolve()
    info = results.describe(plan.seed, ["acked", *sys.argv[1:]], started)
    results.write_json(folder / "run.json", info)
    console = cli_console.console(stderr=as_json)
    console.print(f"{summary.count(len(cells), 'cell')}, {_at_once(jobs)} at a time, seed {plan.seed}")
    with _display(console, len(cells)) as display:
        done, interrupted = asyncio.run(verify.run_cells(cells, folder, jobs=_at_once(jobs), watcher=display))
    outcome = verify.conclude(
        plan,
        cells,
        done,
        folder=folder,
        interrupted=interrupted,
        allow_skipped=allow_skipped,
        seconds=time.monotonic() - begun,
    )
    info = results.ended(info, datetime.now(UTC))
    results.write_json(folder / "run.json", info)
    results.write_json(folder / verify.VERIFY_FILE, outcome)
    page = cli_output.written(lambda: report.write_verification(folder))
    outcome = msgspec.structs.replace(outcome, verdict=cli_output.told(outcome.verdict, page))
    _show(console, outcome, done, page)
    if as_json:
        cli_output.say(msgspec.json.encode(outcome))
    return exit_code(outcome.verdict, interrupted=interrupted)


def _at_once(jobs: int | None) -> int:
    return jobs or max(2, os.cpu_count() or 1)


def _display(console: Console, total: int) -> progress.Display:
    if console.is_terminal:
        return progress.Live(console, total)
    return progress.Plain(lambda line: console.print(line, soft_wrap=True))


def _show(console: Console, outcome: VerifyResult, done: Sequence[CellResult], page: Path | None) -> None:
    matrix = [cell for cell in outcome.cells if cell.fault is not None]
    textbook = [cell for cell in outcome.cells if cell.fault is None]
    for title, cells in (("Modes and faults", matrix), ("Textbook cases", textbook)):
        if cells:
            console.print(_table(title, cells))
    for line in _stories(done):
        console.print(line, soft_wrap=True)
    if outcome.not_run:
        console.print(f"interrupted: {summary.count(len(outcome.not_run), 'cell')} not run")
    skipped = [cell.name for cell in outcome.cells if cell.skipped]
    if skipped:
        effect = "left out of the verdict" if outcome.allow_skipped else "so this is no pass"
        console.print(f"{summary.count(len(skipped), 'cell')} skipped ({effect}): {', '.join(skipped)}")
    verdict = Text(str(outcome.verdict).upper(), style=progress.STYLES[outcome.verdict])
    console.print(Text.assemble(verdict, f" in {outcome.seconds:.0f} s, seed {outcome.seed}"))
    if page is not None:
        console.print(f"report: {page}", soft_wrap=True)


def _table(title: str, cells: Sequence[RunSummary]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("mode", no_wrap=True)
    table.add_column("fault" if cells[0].fault else "case", overflow="fold")
    table.add_column("verdict", no_wrap=True)
    for name in ("acked", "lost", "permitted/forbidden", "RPO", "RTO", "p50", "p99"):
        table.add_column(name, justify="right", no_wrap=True)
    for cell in cells:
        table.add_row(*_row(cell))
    return table


def _row(cell: RunSummary) -> Iterator[str | Text]:
    yield cell.mode
    if cell.fault is None:
        yield cell.name
    else:
        yield "no fault" if cell.fault == NONE else f"{cell.fault} {cell.variant}"
    yield Text("skipped" if cell.skipped else cell.verdict, style=progress.STYLES[cell.verdict])
    yield from (str(cell.acknowledged), str(cell.lost))
    yield f"{cell.permitted}/{cell.forbidden}" if cell.lost else "-"
    yield f"{cell.rpo.operations} ops {cell.rpo.seconds:.2f} s" if cell.rpo.operations else "0"
    yield summary.seconds(cell.rto)
    yield summary.milliseconds(cell.latency.p50)
    yield summary.milliseconds(cell.latency.p99)


def _stories(done: Sequence[CellResult]) -> Iterator[str]:
    """Yield why cells did not hold: in one line where nothing is shown, in full where something is."""
    for each in done:
        if each.result.verdict is Verdict.INCONCLUSIVE and not each.result.skipped:
            reasons = [check.summary for check in each.result.checks if check.verdict is not Verdict.HOLDS]
            yield f"{each.cell.name}: inconclusive: {'; '.join(reasons)}"
    for each in done:
        if each.result.verdict in (Verdict.VIOLATED, Verdict.ERROR):
            yield ""
            yield from summary.lines(each.result)
            yield f"  kept in {each.folder}"
            yield f"  again: acked run {each.folder.parent / f'{each.cell.name}.yaml'}"
