"""`acked check FILE`: anyone's history, judged."""

import contextlib
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec
from msgspec import Struct
from msgspec.structs import replace

from harness import certificates, judging, log_patterns, logs, memory, results
from harness.checker import CheckResult
from harness.errors import UsageError
from harness.guarded import out_of_memory, ran_out
from harness.history_checker import Request
from harness.judging import Judgement
from harness.overrides import of_set
from harness.reading.read import Reading, read
from harness.summary import stories
from harness.verdict import Verdict, exit_code
from harness.words import plural

READING = "reading"
"""The check that says that a history does not fit into memory."""

PAGE_FILE = "report.html"
"""What the page of a judged history is called."""


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
    page: str | None


class Told(Struct, frozen=True, kw_only=True):
    """What is told of the file."""

    format: str
    notes: tuple[str, ...]


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
    judging.refuse_unknown_level(wanted.request.consistency, named or available)
    measures = judging.measures(options)
    limit_mb = wanted.request.memory_limit_mb or memory.available_mb()
    request = replace(wanted.request, memory_limit_mb=limit_mb)
    began = time.monotonic()
    with memory.limited(limit_mb), _watching(quiet=wanted.as_json) as (progress, watch):
        reading = _reading(file, wanted, limit_mb, progress)
        was_read = time.monotonic()
        if isinstance(reading, CheckResult):
            judgement = Judgement(verdict=reading.verdict, operations=0, checks=(reading,))
            told = Told(format=wanted.format_name or "unknown", notes=())
        else:
            told = Told(format=reading.format, notes=reading.notes)
            judgement = judging.judge(
                reading.table, request, named=named, available=available, measures=measures, watch=watch
            )
    if patterns:
        judgement = judgement.with_check(
            log_patterns.search(log_patterns.logs_in(_logs(file, wanted)), patterns)
        )
    ended = time.monotonic()
    kept = {} if wanted.out is None else _keep(judgement, told, file, wanted.out)
    view = _view(
        judgement, told, file, kept, out=wanted.out, read_s=was_read - began, checked_s=ended - was_read
    )
    if wanted.as_json:
        click.echo(msgspec.json.encode(view, enc_hook=certificates.plain))
    else:
        for line in _lines(view, judgement.checks):
            click.echo(line)
    return exit_code(judgement.verdict)


def _reading(
    file: Path, wanted: Wanted, limit_mb: int, progress: Callable[[int, int], None]
) -> Reading | CheckResult:
    """Return the history, or an inconclusive result where it does not fit into memory."""
    jobs = memory.workers(wanted.request.jobs, limit_mb)
    left_mb = limit_mb if jobs == 1 else limit_mb - jobs * memory.WORKER_MB
    try:
        with memory.limited(left_mb):
            return read(file, format_name=wanted.format_name, jobs=jobs, progress=progress)
    except Exception as error:
        if not ran_out(error):
            raise
        return out_of_memory(READING, MemoryError(f"the history does not fit into {left_mb} MB"))


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
    from rich.filesize import decimal
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from harness import cli_console
    from harness.progress import REFRESHES_PER_SECOND

    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        console=cli_console.console(stderr=True),
        refresh_per_second=REFRESHES_PER_SECOND,
        transient=True,
    )
    with bar:
        reading = bar.add_task("reading", total=None)
        steps = [reading]

        def read_so_far(done: int, total: int) -> None:
            told = f"reading, {decimal(done)} of {decimal(total)}"
            bar.update(reading, completed=done, total=total, description=told)

        def checking(name: str) -> None:
            bar.update(steps[-1], visible=False)
            steps.append(bar.add_task(f"checking {name}", total=None))

        yield read_so_far, checking


def _keep(judgement: Judgement, told: Told, file: Path, out: Path) -> Mapping[str, Path]:
    """Write each check's certificate, the whole judgement and its page; return where the certificates are."""
    from harness import check_page

    with results.storing(out):
        out.mkdir(parents=True, exist_ok=True)
    kept = certificates.write(out, judgement.checks, str(file))
    whole = msgspec.json.encode(
        [_check_view(check, kept) for check in judgement.checks], enc_hook=certificates.plain
    )
    results.write(out / "checks.json", msgspec.json.format(whole, indent=2) + b"\n")
    page = check_page.CheckPage(
        verdict=judgement.verdict,
        file=str(file),
        format=told.format,
        operations=judgement.operations,
        notes=told.notes,
        checks=judgement.checks,
        certificates={checker: place.name for checker, place in kept.items()},
        commands=(
            ("Judge it again", shlex.join(("acked", *sys.argv[1:]))),
            *(
                (
                    f"Compare what {checker} claims with it, independently of the checkers",
                    _comparing(place, file),
                )
                for checker, place in kept.items()
            ),
        ),
    )
    results.write(out / PAGE_FILE, check_page.render(page).encode())
    return kept


def _comparing(certificate: Path, history: Path) -> str:
    return shlex.join(("acked", "verify-certificate", str(certificate), str(history)))


def _view(
    judgement: Judgement,
    told: Told,
    file: Path,
    kept: Mapping[str, Path],
    *,
    out: Path | None,
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
        format=told.format,
        chosen=judgement.chosen,
        notes=told.notes,
        checks=tuple(_check_view(check, kept) for check in judgement.checks),
        page=None if out is None else str(out / PAGE_FILE),
    )


def _check_view(check: CheckResult, kept: Mapping[str, Path]) -> CheckView:
    return CheckView(
        checker=check.checker,
        verdict=check.verdict,
        summary=check.summary,
        anomalies=check.anomalies,
        figures=check.figures,
        findings=tuple(
            {"verdict": each.verdict, "title": each.title, "lines": each.lines} for each in check.findings
        ),
        certificate=str(kept[check.checker]) if check.checker in kept else None,
    )


def _lines(view: View, checks: tuple[CheckResult, ...]) -> Iterator[str]:
    """Yield what a person reads, the verdict first."""
    size = plural(view.operations, "operation")
    yield (
        f"{view.file}: {str(view.verdict).upper()} ({size}, format {view.format}, read in "
        f"{view.reading_seconds:.1f} s, checked in {view.seconds:.1f} s)"
    )
    yield from (f"  note: {note}" for note in view.notes)
    if view.chosen:
        yield f"  chosen by the operations: {', '.join(view.chosen)}"
    width = max((len(check.checker) for check in checks), default=0)
    for check in checks:
        yield f"  {check.checker:<{width}}  {check.verdict:<12}  {check.summary}"
    yield from stories(checks)
    yield from (f"  certificate: {each.certificate}" for each in view.checks if each.certificate is not None)
    if view.page is not None:
        yield f"  page: {view.page}"
