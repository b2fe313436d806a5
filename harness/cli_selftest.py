"""`acked selftest`: whether the harness finds every planted bug, and nothing where there is none."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness import (
    assembly,
    cli_console,
    cli_display,
    cli_hosts,
    cli_workers,
    plugins,
    progress,
    results,
)
from harness.campaign import aims, tables
from harness.campaign.selftest import Hunt, Hunter, Limits, SelfTest
from harness.campaign.stage import Real, Simulated, Stage
from harness.errors import UsageError
from harness.hosts import OnHosts
from harness.machine import Unhurried
from harness.scenario import SIMULATED
from harness.verdict import ExitCode, Verdict
from harness.words import brief, plural
from nodes.planted import BUGS, Bug

RESULT = "selftest.json"
"""The file with the outcome of a self-test with real processes."""


SILENT_SEEDS = 200
CANARY_SEEDS = 40
REAL_CANARY = 12
"""How many seeds of the correct store and of the canary are tried."""

REAL_SHARE = 0.9
"""How many of the bugs must be found with real processes, whose runs no seed determines."""

_WORDS = {
    ExitCode.HOLDS: ("PASSED", Verdict.HOLDS),
    ExitCode.INTERRUPTED: ("INTERRUPTED", Verdict.INCONCLUSIVE),
}


def bugs_of(names: Sequence[str]) -> tuple[Bug, ...]:
    """Return the planted bugs of these names, all where none is named; raises UsageError."""
    return tuple(aims.of(name) for name in dict.fromkeys(names)) or tuple(BUGS.values())


def limits(
    *,
    machines: str,
    time_s: float,
    seeds: int | None,
    silence_s: float | None,
    bug_seeds: int | None,
    first: int,
) -> Limits:
    """Return how far a self-test goes, as it was asked for or as it fits the machines."""
    if seeds is None and silence_s is None:
        seeds = SILENT_SEEDS
    real = machines != SIMULATED
    return Limits(
        time_s=time_s,
        bug_seeds=bug_seeds,
        canary=REAL_CANARY if real else CANARY_SEEDS,
        silence=seeds,
        silence_s=silence_s,
        first=first,
        share=REAL_SHARE if real else 1.0,
    )


def run(
    bugs: Sequence[Bug],
    *,
    machines: str,
    jobs: int | None,
    limits: Limits,
    blind: Sequence[str],
    results_dir: Path,
    table: Path | None,
    as_json: bool,
) -> int:
    """Carry out a self-test; returns 0 only if enough bugs were found, and the correct store never accused."""
    console = cli_console.console(stderr=as_json)
    for checker in blind:
        aims.one_of(checker, plugins.installed("acked.checkers"), "--blind")
    if table is not None and not table.resolve().parent.is_dir():
        raise UsageError(f"--table {table}: there is no folder {table.parent}")
    if isinstance(plugins.load("acked.machines", machines), Unhurried):
        jobs = cli_hosts.one_at_a_time(jobs)
    folder = None if machines == SIMULATED else _folder(machines, results_dir, limits.first)
    stage: Stage = Simulated() if folder is None else Real(machines, folder)
    with cli_workers.workers("local", jobs, None, scratch=folder) as workers:
        interrupts = cli_workers.asked_to_stop()
        with interrupts.blocking(), cli_display.Display(console, "selftest") as display:
            hunter = Hunter(
                workers,
                limits=limits,
                watcher=display,
                stage=stage,
                blind=blind,
                stop=interrupts.stop.is_set,
            )
            outcome = hunter.run(bugs)
    whole = not interrupts.stop.is_set()
    if table is not None and whole:
        text = table.read_text(encoding="utf-8") if table.exists() else ""
        results.write(table, tables.placed(text, machines, tables.table(outcome)).encode())
    if folder is not None:
        results.write_json(folder / RESULT, outcome)
    if as_json:
        click.echo(msgspec.json.encode(outcome))
    else:
        _show(console, outcome)
        if table is not None and not whole:
            console.print(f"{table} is left as it was", soft_wrap=True)
        if folder is not None:
            console.print(f"violated runs are kept in {folder}", soft_wrap=True)
    return _code(outcome)


def _folder(machines: str, results_dir: Path, seed: int) -> Path:
    """Make the folder for runs on a kind of machines; raises UsageError where they can't be kept there, or be."""
    kind = plugins.load("acked.machines", machines)
    if isinstance(kind, OnHosts):
        raise UsageError(f"--machines {machines}: a self-test is made on sim, local or vagrant machines")
    assembly.refuse_folder(kind, results_dir)
    return results.create(results_dir, "selftest", seed, datetime.now(UTC)).resolve()


def _code(outcome: SelfTest) -> ExitCode:
    """Return what the outcome comes to: what was shown to be wrong outranks an interrupt, and that an error."""
    if outcome.passed:
        return ExitCode.HOLDS
    silence, canary = outcome.silence, outcome.canary
    accused = (silence is not None and silence.accused) or (canary is not None and canary.seed is not None)
    if accused:
        return ExitCode.VIOLATED
    missed = sum(hunt.seed is None for hunt in outcome.bugs)
    if outcome.interrupted and outcome.wanted - missed >= outcome.needed:
        return ExitCode.INTERRUPTED
    errors = (silence is not None and silence.errors) or (canary is not None and canary.errors)
    if errors:
        return ExitCode.ERROR
    return ExitCode.VIOLATED if outcome.found < outcome.needed else ExitCode.INCONCLUSIVE


def _show(console: Console, outcome: SelfTest) -> None:
    table = Table(title="Planted bugs", title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("bug", no_wrap=True)
    table.add_column("way", justify="right")
    table.add_column("found by", no_wrap=True)
    for name in ("seeds", "seconds", "faults", "operations"):
        table.add_column(name, justify="right")
    for hunt in outcome.bugs:
        table.add_row(*_row(hunt))
    for each in outcome.waiting:
        table.add_row(each.name, str(each.way), f"waits for {each.fault}")
    console.print(table)
    for line in _told(outcome):
        console.print(line, soft_wrap=True)
    word, verdict = _WORDS.get(_code(outcome), ("FAILED", Verdict.VIOLATED))
    console.print(
        Text.assemble(
            Text(word, style=progress.STYLES[verdict]),
            f": {outcome.found} of {plural(outcome.wanted, 'planted bug')} found in {outcome.seconds:.0f} s",
        )
    )


def _row(hunt: Hunt) -> Iterator[str | Text]:
    yield hunt.name
    yield str(hunt.way)
    yield hunt.checker or Text("not found", style=progress.STYLES[Verdict.VIOLATED])
    yield str(hunt.seeds)
    yield f"{hunt.seconds:.1f}"
    yield from ("-" if count is None else str(count) for count in (hunt.faults, hunt.operations))


def _told(outcome: SelfTest) -> Iterator[str]:
    for hunt in outcome.bugs:
        if hunt.errors:
            yield f"{hunt.name}: the harness failed with {plural(hunt.errors, 'seed')}: {hunt.error}"
    canary, silence = outcome.canary, outcome.silence
    if canary is not None:
        found = (
            "not found, as it must be"
            if canary.seed is None
            else f"FOUND in seed {canary.seed}: {brief(canary.title or '')}"
        )
        yield f"canary (the store without a bug, hunted like one): {found}; {plural(canary.seeds, 'seed')}"
    if silence is not None:
        accused = plural(len(silence.accused), "accusation")
        yield (
            f"correct store: {accused} in {plural(silence.seeds, 'seed')}, {silence.holds} of them hold, "
            f"{silence.inconclusive} are inconclusive"
        )
        yield from (f"  accused: seed {each.seed}: {brief(each.error)}" for each in silence.accused)
        yield from (f"  error: seed {each.seed}: {each.error}" for each in silence.errors)
    if outcome.interrupted:
        yield "interrupted: this is not all"
