"""`acked fuzz`: a search for violations over many seeds, in simulation."""

import contextlib
import shlex
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness import cli_console, cli_display, cli_output, progress, report, results
from harness.campaign import aims, conduct
from harness.campaign.book import Book, Campaign
from harness.campaign.conduct import FuzzResult
from harness.campaign.executors import Executor
from harness.campaign.findings import Finding
from harness.interrupts import Interrupts
from harness.verdict import exit_code
from harness.words import brief, plural

SEEDS = 1000
"""How many seeds are tried when neither a number nor a time is given."""

NAME = "fuzz"


def begin(
    *,
    modes: Sequence[str],
    faults: Sequence[str],
    nodes: int | None,
    bug: str | None,
    first: int | None,
    seeds: int | None,
    time_s: float | None,
    every_crash: bool,
    results_dir: Path,
) -> Book:
    """Make the folder of a new campaign; raises UsageError for what there is no such thing of."""
    aim = aims.aim(modes=modes, faults=faults, nodes=nodes, bug=bug, every_crash=every_crash)
    if seeds is None and time_s is None:
        seeds = SEEDS
    if first is None:
        first = 0 if every_crash else 1
    started = datetime.now(UTC)
    folder = results.create(results_dir, NAME, first, started).resolve()
    results.write_json(folder / "run.json", results.describe(first, ["acked", *sys.argv[1:]], started))
    return Book.begin(folder, Campaign(aim=aim, first=first, seeds=seeds, time_s=time_s))


def resume(folder: Path) -> Book:
    """Open the folder of a campaign to go on with it."""
    return Book.open(results.find(folder))


def run(book: Book, executor: Executor, interrupts: Interrupts, *, as_json: bool) -> int:
    """Carry out a campaign and return the exit code of its verdict."""
    console = cli_console.console(stderr=as_json)
    campaign = book.campaign
    bug = campaign.aim.settings.get("bug")
    what = "the correct store" if bug is None else f"the planted bug {bug}"
    console.print(
        f"{what}, seeds from {campaign.first} on, {plural(executor.jobs, 'worker')}; kept in {book.folder}",
        soft_wrap=True,
    )
    try:
        with interrupts.blocking(), cli_display.Display(console, NAME) as display:
            outcome = conduct.conduct(book, executor, watcher=display, stop=interrupts.stop.is_set)
    finally:
        book.close()
    with contextlib.suppress(KeyboardInterrupt), interrupts.blocking():  # the verdict outlives the pages
        for finding in outcome.findings:
            _write_page(finding)
    if as_json:
        click.echo(msgspec.json.encode(outcome))
    else:
        _show(console, outcome)
    return exit_code(outcome.verdict, interrupted=outcome.interrupted)


def _write_page(finding: Finding) -> None:
    """Write the page of a finding's run, unless an earlier part of the campaign has."""
    if finding.run is not None and not Path(finding.run, report.REPORT_FILE).exists():
        cli_output.kept("page", partial(report.write_run, Path(finding.run)))


def _show(console: Console, outcome: FuzzResult) -> None:
    if outcome.coverage:
        console.print(_coverage(outcome))
    for line in _told(outcome):
        console.print(line, soft_wrap=True)
    verdict = Text(str(outcome.verdict).upper(), style=progress.STYLES[outcome.verdict])
    console.print(Text.assemble(verdict, f": {_pace(outcome)}"), soft_wrap=True)
    if outcome.interrupted:
        again = f"acked fuzz --resume {shlex.quote(outcome.folder)}"
        console.print(f"interrupted; to go on: {again}", soft_wrap=True)
    console.print(f"kept in {outcome.folder}", soft_wrap=True)


def _pace(outcome: FuzzResult) -> str:
    """Return how many seeds there were, and how fast those went that were tried now."""
    last = outcome.first + outcome.seeds - 1
    seeds = f"{plural(outcome.seeds, 'seed')} ({outcome.first} to {last})" if outcome.seeds else "no seeds"
    simulated = f"{outcome.simulated_seconds / 3600:.1f} hours simulated"
    if not outcome.tried:
        return f"{seeds}, none of them now; {simulated}"
    now = "" if outcome.tried == outcome.seeds else f", {outcome.tried} of them now"
    shrinking = " (with the shrinking)" if outcome.findings else ""
    pace = f"{outcome.seconds:.0f} s{shrinking}, {outcome.seeds_per_hour:,.0f} an hour"
    return f"{seeds}{now} in {pace}; {simulated}, {outcome.speed:.0f} × real time"


def _coverage(outcome: FuzzResult) -> Table:
    title = f"Coverage: {plural(outcome.features, 'feature')}"
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("kind", no_wrap=True)
    table.add_column("features", justify="right")
    table.add_column("newest in seed", justify="right")
    table.add_column("newest", overflow="fold")
    for kind in outcome.coverage:
        table.add_row(kind.kind, str(kind.features), str(kind.seed), kind.newest)
    return table


def _told(outcome: FuzzResult) -> Iterator[str]:
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in outcome.verdicts.items())
    yield f"seeds: {verdicts or 'none'}; {outcome.acknowledged:,} writes acknowledged"
    for error in outcome.errors:
        yield f"  error: seed {error.seed}: {error.error}"
    for finding in outcome.findings:
        yield from story(finding)


def story(finding: Finding) -> Iterator[str]:
    """Yield what a person reads of a finding, its sequence chart included."""
    yield ""
    more = ", …" if finding.count > len(finding.seeds) else ""
    seeds = f"{', '.join(map(str, finding.seeds))}{more}"
    yield f"violated: {finding.checker}: {brief(finding.title)}"
    met = "" if finding.kind == finding.title else f", met as: {brief(finding.kind)}"
    yield f"  in {plural(finding.count, 'seed')}: {seeds}{met}"
    if finding.problem is not None:
        yield f"  {finding.problem}"
    if finding.chart is None or finding.file is None:
        return
    size = cli_display.story(finding.faults or 0, finding.operations or 0)
    yield f"  shrunk to {size}, in {plural(finding.tries, 'run')}:"
    yield from (f"    {line}" for line in Path(finding.chart).read_text(encoding="utf-8").splitlines())
    yield f"  again: acked replay {shlex.quote(finding.file)}"
    page = Path(finding.run or "", report.REPORT_FILE)
    if page.is_file():
        yield f"  page: {page}"
