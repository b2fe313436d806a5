"""The commands on histories: which there are, and their options. What they do is imported when they are called."""

import os
from pathlib import Path
from typing import Any

import click

from harness.cli_numbers import Finite
from harness.errors import UsageError

FORMATS = ("acked", "edn", "log", "json", "parquet")
"""The formats that are read, by name."""

WORKLOADS = (
    "cas-register", "register", "set-full", "counter", "bank", "total-queue", "unique-ids", "list-append",
    "rw-register", "long-fork", "causal-reverse",
)  # fmt: skip
"""What is generated, by name: the keys of `harness.generate.catalogue.WORKLOADS`."""

OUR_HISTORY = "history.jsonl"
"""What a history is called in the folder of a run."""

HISTORIES = ("history.edn", "history.json", "jepsen.log")
"""What a history is called in a folder of Jepsen's; the first that there is."""

TARGETS = ("edn", "json", "jsonl", "parquet")
"""The formats that are written, by name."""

_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
_FORMAT = click.option(
    "--format", "format_name", type=click.Choice(FORMATS), help="Read this format. [default: recognized]"
)
_JOBS = click.option("--jobs", type=click.IntRange(min=1), help="Processes. [default: as many as CPUs]")
_POSITIVE = Finite(min=0, min_open=True)


@click.command()
@click.argument("history", metavar="FILE|RUN", type=click.Path(path_type=Path))
@click.option("--checker", "checkers", multiple=True, metavar="NAME", help="Use this checker (repeatable).")
@click.option(
    "--model",
    metavar="NAME|FILE.py:NAME",
    help="What the objects are: cas-register, …, or a model of your own; checks linearizability.",
)
@click.option("--consistency", metavar="NAME", help="The promise to check: serializable, …")
@click.option("--set", "options", multiple=True, metavar="CHECKER.OPTION=VALUE", help="bank.total=100")
@click.option("--time-limit", "time_limit_s", type=_POSITIVE, metavar="S", help="Give up after this time.")
@click.option(
    "--memory-limit", "memory_limit_mb", type=click.IntRange(min=1), metavar="MB", help="Give up beyond it."
)
@_FORMAT
@_JOBS
@click.option(
    "--log-pattern",
    "patterns",
    multiple=True,
    metavar="REGEX",
    help="No line of the logs may match (repeatable).",
)
@click.option("--logs", type=click.Path(path_type=Path), metavar="DIR", help="Logs are here. [default: logs]")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Keep certificates here.")
@_JSON
def check(
    *,
    history: Path,
    checkers: tuple[str, ...],
    model: str | None,
    consistency: str | None,
    time_limit_s: float | None,
    memory_limit_mb: int | None,
    patterns: tuple[str, ...],
    jobs: int | None,
    as_json: bool,
    **rest: Any,
) -> int:
    """Judge a history of anyone's, or a recorded run again."""
    of_history = {"checker": checkers, "model": model, "consistency": consistency, **rest}
    named = [name for name, value in of_history.items() if value]
    file = _history_in(history)
    if file is None:
        return _run(history, named, patterns, (time_limit_s, memory_limit_mb), as_json=as_json)
    from harness import cli_check, plugins
    from harness.history_checker import MODEL_MEMBERS, Request

    if model and not checkers:
        checkers = (OF_MODELS,)
    request = Request(
        model=model,
        own_model=plugins.named("model", model, MODEL_MEMBERS) if model and ":" in model else None,
        consistency=None if consistency is None else "-".join(consistency.split()),
        time_limit_s=time_limit_s,
        memory_limit_mb=memory_limit_mb,
        jobs=jobs or _cores(),
    )
    return cli_check.run(
        file, cli_check.Wanted(request=request, checkers=checkers, patterns=patterns, as_json=as_json, **rest)
    )


OF_MODELS = "linearizable"
"""The checker that a model is for."""


def _history_in(path: Path) -> Path | None:
    """Return the history that a path means, None for the folder of a run."""
    if path.is_file():
        return path
    return next((path / name for name in HISTORIES if (path / name).is_file()), None)


def _run(
    folder: Path,
    named: list[str],
    patterns: tuple[str, ...],
    limits: tuple[float | None, int | None],
    *,
    as_json: bool,
) -> int:
    """Judge a run by all that it recorded."""
    from harness import cli_run
    from harness.checker import Limits

    if named:
        raise UsageError(
            f"{folder}: a run is judged by its own checkers; --{named[0]} is for a history: name its history.jsonl"
        )
    time_limit_s, memory_limit_mb = limits
    usual = Limits()
    asked = Limits(time_limit_s=time_limit_s or usual.time_limit_s, memory_limit_mb=memory_limit_mb)
    return cli_run.check(folder, limits=asked, patterns=patterns, as_json=as_json)


@click.command()
@click.argument("history", metavar="FILE|RUN", type=click.Path(path_type=Path))
@click.option("--to", "target", type=click.Choice(TARGETS), required=True, help="The format to write.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file.")
@_FORMAT
@_JOBS
@_JSON
def export(
    *, history: Path, target: str, out: Path | None, format_name: str | None, jobs: int | None, as_json: bool
) -> int:
    """Write a history in a format that others read: Jepsen's EDN, JSON, our JSON lines, Parquet."""
    from harness import cli_export

    file = _history_in(history) or history / OUR_HISTORY
    return cli_export.run(file, target, out, format_name=format_name, jobs=jobs or _cores(), as_json=as_json)


@click.command("verify-certificate")
@click.argument("certificate", metavar="CERTIFICATE|RUN", type=click.Path(path_type=Path))
@click.argument("history", metavar="[FILE|RUN]", required=False, type=click.Path(path_type=Path))
@_JSON
def verify_certificate(*, certificate: Path, history: Path | None, as_json: bool) -> int:
    """Compare what checkers claim with the raw history, independently of the checkers.

    Of a folder all certificates are compared; those of a run with its own history, unless another is named.
    """
    from harness import cli_certificate

    if history is None and not certificate.is_dir():
        raise UsageError(f"{certificate}: name the history, too, or its folder")
    place = history or certificate
    file = place / OUR_HISTORY if place.is_dir() else place
    return cli_certificate.run(certificate, file, as_json=as_json)


def _cores() -> int:
    """Return how many processes may run at once here."""
    return len(os.sched_getaffinity(0))


@click.command()
@click.argument("workload", type=click.Choice(WORKLOADS))
@click.option("--operations", type=click.IntRange(min=1), default=1000, show_default=True)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Write to this file."
)
@click.option("--to", "target", type=click.Choice(TARGETS), help="The format. [default: by the file's name]")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
@click.option("--clients", type=click.IntRange(min=1), default=5, show_default=True, help="Always busy.")
@click.option("--keys", type=click.IntRange(min=1), default=1, show_default=True, help="Registers, in turn.")
@click.option(
    "--unknown",
    type=Finite(min=0, max=1, max_open=True),
    default=0.0,
    show_default=True,
    metavar="SHARE",
    help="Operations of unknown outcome.",
)
@click.option(
    "--values",
    type=click.Choice(("small", "unique")),
    default="small",
    show_default=True,
    help="What registers hold: 0 to 4, or each value once.",
)
@click.option(
    "--reads",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Reads of a set, the last at the end.",
)
@click.option(
    "--isolation",
    type=click.Choice(("serial", "snapshot")),
    default="serial",
    show_default=True,
    help="What transactions get; snapshot has write skews.",
)
@click.option("--anomaly", metavar="NAME", help="Plant this in it: lost, stale-read, …")
@_JSON
def generate(
    *, out: Path, target: str | None, values: str, isolation: str, as_json: bool, **named: Any
) -> int:
    """Make a history from a seed, valid or with a planted anomaly."""
    from harness import cli_generate
    from harness.generate.catalogue import Wanted

    by_name = target or out.suffix.removeprefix(".")
    if by_name not in TARGETS:
        raise UsageError(f"{out}: the name tells no format; name one with --to: {', '.join(TARGETS)}")
    wanted = Wanted(unique=values == "unique", snapshots=isolation == "snapshot", **named)
    return cli_generate.run(wanted, out, by_name, as_json=as_json)


COMMANDS = (check, export, generate, verify_certificate)
