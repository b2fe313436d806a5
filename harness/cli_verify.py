"""`acked verify`: the matrix of modes and faults and the textbook cases, from the plan to the summary."""

import asyncio
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness import (
    assembly,
    cli_console,
    cli_hosts,
    cli_output,
    plugins,
    progress,
    report,
    results,
    schema,
    signals,
    summary,
    verify,
)
from harness.cli_hosts import HostOptions
from harness.contract import Mode
from harness.errors import PluginError, UsageError
from harness.hosts import OnHosts
from harness.interrupts import Interrupts
from harness.machine import Unhurried
from harness.matrix import NONE, Plan
from harness.problems import hint
from harness.summary import RunSummary
from harness.verdict import Verdict, exit_code
from harness.verify import CellResult, VerifyResult
from harness.words import plural

_WIDE = 120
"""So many columns show all figures of a cell in one line."""


def plan(
    *,
    files: Sequence[Path],
    modes: Sequence[str],
    faults: Sequence[str],
    cases: Sequence[str],
    machines: Sequence[str],
    system: str,
    **others: Any,
) -> Plan:
    """Return the plan that the options ask for, each name once; raises UsageError for an unknown mode."""
    for mode in modes:
        if mode not in tuple(Mode):
            raise UsageError(f"--mode {mode}: unknown mode{hint(mode, Mode)}")
    return Plan(
        modes=tuple(dict.fromkeys(Mode(mode) for mode in modes)),
        faults=tuple(dict.fromkeys(faults)),
        cases=tuple(dict.fromkeys(cases)),
        scenarios=tuple(schema.load(file) for file in files),
        machines=tuple(dict.fromkeys(machines)),
        system=schema.rooted(system, Path()),
        **others,
    )


def run(
    plan: Plan,
    *,
    hosts: HostOptions | None = None,
    jobs: int | None,
    results_dir: Path,
    allow_skipped: bool,
    as_json: bool,
) -> int:
    """Verify a plan and return the exit code of its verdict; on hosts, one cell after the other."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    begun = time.monotonic()
    started = datetime.now(UTC)
    home = partial(results.create, results_dir, "verify", plan.seed, started)
    try:
        cells = verify.plan_cells(plan)
    except PluginError as error:
        raise cli_output.with_traceback(error, home().resolve()) from error
    kinds = {name: plugins.load("acked.machines", name) for name in plan.machines}
    on_hosts = {name for name, kind in kinds.items() if isinstance(kind, OnHosts)}
    if hosts is not None and not on_hosts:
        raise UsageError(
            f"machines: {plan.machines[0]} don't run on hosts; leave out --nodes-file and --node"
        )
    if all(name in on_hosts or isinstance(kind, Unhurried) for name, kind in kinds.items()):
        jobs = cli_hosts.one_at_a_time(jobs)
    for cell in cells:
        named = hosts.hosts if hosts and cell.scenario.machines in on_hosts else None
        assembly.machine_kind(cell.scenario, named)
    for kind in kinds.values():
        assembly.refuse_folder(kind, results_dir)
    folder = home().resolve()
    info = results.describe(plan.seed, ["acked", *sys.argv[1:]], started)
    results.write_json(folder / "run.json", info)
    console = cli_console.console(stderr=as_json)
    console.print(f"{plural(len(cells), 'cell')}, {_at_once(jobs)} at a time, seed {plan.seed}")
    interrupts = Interrupts()
    # To the end: once there is a verdict, no signal keeps it from being told.
    signals.give(interrupts.notice)
    with _display(console, len(cells)) as display:
        done, interrupted = asyncio.run(
            verify.run_cells(
                cells,
                folder,
                jobs=_at_once(jobs),
                watcher=display,
                interrupts=interrupts,
                command=None if hosts is None else verify.with_hosts(cells, hosts.arguments),
            )
        )
    outcome = verify.conclude(
        plan,
        cells,
        done,
        folder=folder,
        interrupted=interrupted,
        allow_skipped=allow_skipped,
        seconds=time.monotonic() - begun,
    )

    def keep() -> None:
        results.write_json(folder / "run.json", results.ended(info, datetime.now(UTC)))
        results.write_json(folder / verify.VERIFY_FILE, outcome)
        report.write_verification(folder)

    complaint = cli_output.kept("report", keep)
    told = msgspec.structs.replace(outcome, verdict=cli_output.told(outcome.verdict, complaint))
    _show(console, told, done, None if complaint else folder / report.REPORT_FILE)
    if as_json:
        click.echo(msgspec.json.encode(told))
    return exit_code(told.verdict, interrupted=interrupted)


def _at_once(jobs: int | None) -> int:
    return jobs or max(2, os.cpu_count() or 1)


def _display(console: Console, total: int) -> progress.Display:
    if console.is_terminal:
        return progress.Live(console, total)
    return progress.Plain(lambda line: console.print(line, soft_wrap=True))


def _show(console: Console, outcome: VerifyResult, done: Sequence[CellResult], page: Path | None) -> None:
    matrix = [cell for cell in outcome.cells if cell.fault is not None]
    textbook = [cell for cell in outcome.cells if cell.fault is None]
    kinds = summary.kinds(outcome.cells)
    if len(kinds) > 1:
        console.print(_side_by_side(outcome.cells, kinds))
    for title, cells in (("Modes and faults", matrix), ("Cases", textbook)):
        if cells:
            console.print(_table(title, cells, console.width))
    for line in _stories(done):
        console.print(line, soft_wrap=True)
    if outcome.not_run:
        console.print(f"interrupted: {plural(len(outcome.not_run), 'cell')} not run")
    skipped = [cell.name for cell in outcome.cells if cell.skipped]
    if skipped:
        effect = "left out of the verdict" if outcome.allow_skipped else "so this is no pass"
        console.print(f"{plural(len(skipped), 'cell')} skipped ({effect}): {', '.join(skipped)}")
    verdict = Text(str(outcome.verdict).upper(), style=progress.STYLES[outcome.verdict])
    console.print(Text.assemble(verdict, f" in {outcome.seconds:.0f} s, seed {outcome.seed}"))
    if page is not None:
        console.print(f"report: {page}", soft_wrap=True)


def _side_by_side(cells: Sequence[RunSummary], kinds: Sequence[str]) -> Table:
    """Return the table of what came of each cell on each kind of machines."""
    table = Table(title="Side by side", title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("case", overflow="fold")
    for kind in kinds:
        table.add_column(kind, no_wrap=True)
    for title, on in summary.side_by_side(cells).items():
        table.add_row(title, *(_verdict(on[kind]) if kind in on else "not run" for kind in kinds))
    return table


def _verdict(cell: RunSummary) -> Text:
    return Text("skipped" if cell.skipped else cell.verdict, style=progress.STYLES[cell.verdict])


def _table(title: str, cells: Sequence[RunSummary], width: int) -> Table:
    """Return the table of cells; on a narrow terminal without those figures that the report has, too."""
    names = ["acked", "lost", "forbidden", "RTO"]
    if width >= _WIDE:
        names = ["acked", "lost", "permitted/forbidden", "RPO", "RTO", "p50", "p99"]
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("mode", no_wrap=True)
    table.add_column("fault" if cells[0].fault else "case", overflow="fold")
    table.add_column("verdict", no_wrap=True)
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    for cell in cells:
        figures = _figures(cell)
        table.add_row(cell.mode, _title(cell), _verdict(cell), *(figures[name] for name in names))
    return table


def _title(cell: RunSummary) -> str:
    if cell.fault is None:
        return cell.name
    return "no fault" if cell.fault == NONE else f"{cell.fault} {cell.variant}"


def _figures(cell: RunSummary) -> Mapping[str, str]:
    return {
        "acked": str(cell.acknowledged),
        "lost": str(cell.lost),
        "forbidden": str(cell.forbidden) if cell.lost else "-",
        "permitted/forbidden": f"{cell.permitted}/{cell.forbidden}" if cell.lost else "-",
        "RPO": f"{cell.rpo.operations} ops {cell.rpo.seconds:.2f} s" if cell.rpo.operations else "0",
        "RTO": summary.seconds(cell.rto),
        "p50": summary.milliseconds(cell.latency.p50),
        "p99": summary.milliseconds(cell.latency.p99),
    }


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
