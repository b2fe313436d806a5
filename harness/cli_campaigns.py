"""The commands that search: which there are, and their options. What they do is imported when they are called."""

from pathlib import Path
from typing import Any

import click

from harness.cli_numbers import Finite
from harness.errors import UsageError

_RESULTS = click.option(
    "--results",
    "results_dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs"),
    show_default=True,
    help="Keep folders here.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
_JOBS = click.option("--jobs", type=click.IntRange(min=1), help="Runs at a time. [default: as many as CPUs]")
_FIRST = click.IntRange(min=0)
_SEEDS = click.IntRange(min=1)
_TIME = Finite(min=0, min_open=True)


@click.command()
@click.option("--mode", "modes", multiple=True, metavar="MODE", help="Only this mode (repeatable).")
@click.option("--bug", metavar="NAME", help="Search the store with this planted bug.")
@click.option("--seeds", type=_SEEDS, help="How many seeds. [default: 1000, without --time]")
@click.option("--time", "time_s", type=_TIME, metavar="S", help="Try no more seeds after this time.")
@click.option("--seed", "first", type=_FIRST, help="The first seed. [default: 1; 0 with --every-crash]")
@_JOBS
@click.option("--fault", "faults", multiple=True, metavar="FAULT", help="Only this fault (repeatable).")
@click.option("--nodes", type=click.IntRange(2, 99), help="Nodes of each cluster. [default: drawn]")
@click.option(
    "--every-crash",
    is_flag=True,
    help="Nothing drawn: crash each node at each step of a short run, seed by seed from 0 on.",
)
@click.option(
    "--executor",
    type=click.Choice(("local", "dask")),
    default="local",
    show_default=True,
    help="Where runs are made.",
)
@click.option("--scheduler", metavar="ADDRESS", help="The scheduler of the Dask cluster.")
@_RESULTS
@click.option("--resume", type=click.Path(path_type=Path), metavar="DIR", help="Go on with this campaign.")
@_JSON
def fuzz(
    *,
    jobs: int | None,
    executor: str,
    scheduler: str | None,
    results_dir: Path,
    resume: Path | None,
    as_json: bool,
    **named: Any,
) -> int:
    """Search many seeds for a violation, in simulation, and shrink what is found."""
    from harness import cli_fuzz, cli_workers

    if resume is not None and any(
        value is not None and value is not False and value != () for value in named.values()
    ):
        raise UsageError(f"--resume: what is searched for is what {resume} began with; leave the others out")
    with cli_workers.workers(executor, jobs, scheduler) as workers:
        book = cli_fuzz.resume(resume) if resume else cli_fuzz.begin(**named, results_dir=results_dir)
        return cli_fuzz.run(book, workers, cli_workers.asked_to_stop(), as_json=as_json)


@click.command()
@click.option("--bug", "bugs", multiple=True, metavar="NAME", help="Only this planted bug (repeatable).")
@click.option(
    "--time", "time_s", type=_TIME, default=300.0, show_default=True, metavar="S", help="For each bug."
)
@click.option(
    "--seeds", type=_SEEDS, help="How many seeds of the correct store. [default: 200, without --silence]"
)
@click.option("--silence", "silence_s", type=_TIME, metavar="S", help="How long the correct store is tried.")
@click.option("--bug-seeds", type=_SEEDS, help="How many seeds for each bug. [default: no limit]")
@click.option("--machines", default="sim", show_default=True, metavar="KIND", help="On these machines.")
@click.option("--seed", "first", type=_FIRST, help="The first seed. [default: 1]")
@_JOBS
@click.option(
    "--blind",
    multiple=True,
    metavar="CHECKER",
    help="Leave this checker's findings out, to see it fail (repeatable).",
)
@click.option("--table", type=click.Path(path_type=Path, dir_okay=False), help="Write a Markdown table here.")
@_RESULTS
@_JSON
def selftest(
    *,
    bugs: tuple[str, ...],
    time_s: float,
    seeds: int | None,
    silence_s: float | None,
    bug_seeds: int | None,
    first: int | None,
    **given: Any,
) -> int:
    """Show that planted bugs are found, and nothing where there is none."""
    from harness import cli_selftest

    limits = cli_selftest.limits(
        machines=given["machines"],
        time_s=time_s,
        seeds=seeds,
        silence_s=silence_s,
        bug_seeds=bug_seeds,
        first=1 if first is None else first,
    )
    return cli_selftest.run(cli_selftest.bugs_of(bugs), limits=limits, **given)


@click.command()
@click.argument("what", metavar="FILE|RUN", type=click.Path(path_type=Path))
@click.option("--machines", default="sim", show_default=True, metavar="KIND", help="On these machines.")
@click.option(
    "--times", type=click.IntRange(min=1), help="How often, on other machines than sim. [default: 1]"
)
@_RESULTS
@_JSON
def replay(*, what: Path, machines: str, times: int | None, results_dir: Path, as_json: bool) -> int:
    """Do a scenario again: exactly, in simulation, or on real machines, as often as wanted."""
    from harness import cli_replay

    return cli_replay.replay(what, machines=machines, times=times, results_dir=results_dir, as_json=as_json)


@click.command()
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@_JSON
def shrink(*, run_folder: Path, as_json: bool) -> int:
    """Find the fewest faults and operations with which a run is still violated."""
    from harness import cli_replay

    return cli_replay.shrink(run_folder, as_json=as_json)


COMMANDS = (fuzz, selftest, replay, shrink)
