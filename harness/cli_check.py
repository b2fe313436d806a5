"""`acked check FILE`: anyone's history, judged."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec
from msgspec import Struct

from harness import judging, log_patterns, logs, memory, results
from harness.checker import CheckResult
from harness.errors import UsageError
from harness.history_checker import Request
from harness.judging import Judgement
from harness.overrides import of_set
from harness.reading.read import Reading, read
from harness.summary import stories
from harness.verdict import Verdict, exit_code
from harness.words import plural


class CheckView(Struct, frozen=True, kw_only=True):
    """One check in the JSON object."""

    checker: str
    verdict: Verdict
    summary: str
    anomalies: tuple[str, ...]
    figures: Mapping[str, Any]
    findings: tuple[dict[str, Any], ...]
    certificate: str | None


class View(Struct, frozen=True, kw_only=True):
    """What `acked check FILE --json` prints; times in seconds."""

    verdict: Verdict
    anomalies: tuple[str, ...]
    operations: int
    seconds: float
    reading_seconds: float
    file: str
    format: str
    chosen: tuple[str, ...]
    notes: tuple[str, ...]
    checks: tuple[CheckView, ...]


class Wanted(Struct, frozen=True, kw_only=True):
    """What a command line asks for, besides the file."""

    request: Request
    checkers: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    format_name: str | None = None
    out: Path | None = None
    patterns: tuple[str, ...] = ()
    logs: Path | None = None
    as_json: bool = False


def run(file: Path, wanted: Wanted) -> int:
    """Judge the history in a file, and return the exit code of the verdict."""
    options, patterns = _options(wanted.options), log_patterns.compiled(wanted.patterns)
    named = judging.checkers(wanted.checkers, options) if wanted.checkers else ()
    available = () if named else judging.checkers((), options)
    measures = judging.measures(options)
    began = time.monotonic()
    limit_mb = wanted.request.memory_limit_mb
    with _watching(quiet=wanted.as_json) as (progress, watch), memory.at_most(limit_mb):
        reading = _read(file, wanted, progress)
        was_read = time.monotonic()
        judgement = (
            judging.unread(wanted.request)
            if reading is None
            else judging.judge(
                reading.table,
                wanted.request,
                named=named,
                available=available,
                measures=measures,
                watch=watch,
            )
        )
    if patterns:
        judgement = judgement.with_check(
            log_patterns.search(log_patterns.logs_in(_logs(file, wanted)), patterns)
        )
    ended = time.monotonic()
    kept = {} if wanted.out is None else _keep(judgement, file, wanted.out)
    view = _view(judgement, reading, file, kept, read_s=was_read - began, checked_s=ended - was_read)
    if wanted.as_json:
        click.echo(msgspec.json.encode(view, enc_hook=_plain))
    else:
        for line in _lines(view, judgement.checks):
            click.echo(line)
    return exit_code(judgement.verdict)


def _read(file: Path, wanted: Wanted, progress: Callable[[int, int], None]) -> Reading | None:
    """Return the history in a file, None where there is not enough memory for it."""
    try:
        return read(file, format_name=wanted.format_name, jobs=wanted.request.jobs, progress=progress)
    except Exception as error:
        if memory.ran_out(error):
            return None
        raise


def _logs(file: Path, wanted: Wanted) -> Path:
    folder = wanted.logs or file.parent / logs.FOLDER
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; name that of the logs with --logs")
    return folder


def _options(changes: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
    """Return each checker's options from `--set CHECKER.OPTION=VALUE`."""
    from harness.document import Leaf

    found: dict[str, dict[str, Any]] = {}
    for change in changes:
        override = of_set(change)
        if len(override.path) != 2 or not isinstance(override.node, Leaf):
            raise UsageError(f"{override.label}: expected CHECKER.OPTION=VALUE, as in --set bank.total=100")
        checker, option = override.path
        found.setdefault(checker, {})[option] = override.node.value
    return found


@contextlib.contextmanager
def _watching(*, quiet: bool) -> "Iterator[tuple[Callable[[int, int], None], Callable[[str], None]]]":
    """Show how far reading and checking are where somebody looks: on a terminal."""
    if quiet or not sys.stderr.isatty():
        yield (lambda done, total: None), (lambda name: None)
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

    from harness import cli_console
    from harness.progress import REFRESHES_PER_SECOND

    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        DownloadColumn(),
        TimeElapsedColumn(),
        console=cli_console.console(stderr=True),
        refresh_per_second=REFRESHES_PER_SECOND,
        transient=True,
    )
    with bar:
        task = bar.add_task("reading", total=None)
        yield (
            lambda done, total: bar.update(task, completed=done, total=total),
            lambda name: bar.update(task, description=f"checking {name}"),
        )


def _keep(judgement: Judgement, file: Path, out: Path) -> dict[str, str]:
    """Write each check's certificate, and the whole judgement; return where the certificates are."""
    with results.storing(out):
        out.mkdir(parents=True, exist_ok=True)
    kept = {}
    for check in judgement.checks:
        if check.certificate is not None:
            place = out / f"certificate-{check.checker}.json"
            content = {
                "checker": check.checker,
                "verdict": check.verdict,
                "history": str(file),
                "certificate": check.certificate,
            }
            results.write(place, msgspec.json.encode(content, enc_hook=_plain) + b"\n")
            kept[check.checker] = str(place)
    whole = msgspec.json.encode([_check_view(check, kept) for check in judgement.checks], enc_hook=_plain)
    results.write(out / "checks.json", msgspec.json.format(whole, indent=2) + b"\n")
    return kept


def _view(
    judgement: Judgement,
    reading: Reading | None,
    file: Path,
    kept: Mapping[str, str],
    *,
    read_s: float,
    checked_s: float,
) -> View:
    return View(
        verdict=judgement.verdict,
        anomalies=judgement.anomalies,
        operations=judgement.operations,
        seconds=round(checked_s, 3),
        reading_seconds=round(read_s, 3),
        file=str(file),
        format="" if reading is None else reading.format,
        chosen=judgement.chosen,
        notes=() if reading is None else reading.notes,
        checks=tuple(_check_view(check, kept) for check in judgement.checks),
    )


def _check_view(check: CheckResult, kept: Mapping[str, str]) -> CheckView:
    return CheckView(
        checker=check.checker,
        verdict=check.verdict,
        summary=check.summary,
        anomalies=check.anomalies,
        figures=check.figures,
        findings=tuple(
            {"verdict": each.verdict, "title": each.title, "lines": each.lines} for each in check.findings
        ),
        certificate=kept.get(check.checker),
    )


def _lines(view: View, checks: tuple[CheckResult, ...]) -> Iterator[str]:
    """Yield what a person reads, the verdict first."""
    told = (
        f" ({plural(view.operations, 'operation')}, format {view.format}, read in "
        f"{view.reading_seconds:.1f} s, checked in {view.seconds:.1f} s)"
    )
    yield f"{view.file}: {str(view.verdict).upper()}{told if view.format else ''}"
    yield from (f"  note: {note}" for note in view.notes)
    if view.chosen:
        yield f"  chosen by the operations: {', '.join(view.chosen)}"
    width = max((len(check.checker) for check in checks), default=0)
    for check in checks:
        yield f"  {check.checker:<{width}}  {check.verdict:<12}  {check.summary}"
    yield from stories(checks)
    yield from (f"  certificate: {each.certificate}" for each in view.checks if each.certificate is not None)


def _plain(value: Any) -> Any:
    """Return numpy's numbers and arrays as plain values."""
    import numpy as np

    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} can't be written as JSON")
