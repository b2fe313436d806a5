"""What is told of a run in short: the JSON object for scripts and the lines for people."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from harness.checker import CheckResult
from harness.deaths import told
from harness.machine import Death
from harness.result import Latency, Rpo, RunResult
from harness.verdict import Verdict
from harness.words import brief, plural


class CheckLine(Struct, frozen=True, kw_only=True):
    """One check in short."""

    checker: str
    verdict: Verdict
    summary: str


class RunSummary(Struct, frozen=True, kw_only=True):
    """What `acked run --json` prints, and each cell of `acked verify --json`.

    `fault` is the column of the matrix and `variant` how it was injected; None and "" for a run on its own
    and for textbook cases. `machines` is the kind that a cell was run on, and `title` what it has in common with
    those on other kinds; "" for a run on its own. Times are in seconds; `seconds` is how long it all took.
    """

    name: str
    title: str = ""
    machines: str = ""
    mode: str
    system: str = ""
    fault: str | None = None
    variant: str = ""
    verdict: Verdict
    seed: int
    acknowledged: int
    failed: int
    unknown: int
    lost: int
    permitted: int
    forbidden: int
    rpo: Rpo
    rto: float | None
    latency: Latency
    checks: tuple[CheckLine, ...]
    skipped: str | None
    interrupted: bool
    error: str | None
    warnings: tuple[str, ...]
    deaths: tuple[Death, ...] = ()
    seconds: float
    folder: str | None


def summarise(
    result: RunResult,
    *,
    folder: Path | None,
    title: str = "",
    machines: str = "",
    fault: str | None = None,
    variant: str = "",
) -> RunSummary:
    """Return a run's result in short."""
    return RunSummary(
        name=result.name,
        title=title,
        machines=machines,
        mode=result.mode,
        system=result.system,
        fault=fault,
        variant=variant,
        verdict=result.verdict,
        seed=result.seed,
        acknowledged=result.acknowledged,
        failed=result.failed,
        unknown=result.unknown,
        lost=result.lost,
        permitted=result.permitted,
        forbidden=result.forbidden,
        rpo=result.rpo,
        rto=result.rto,
        latency=result.latency,
        checks=tuple(
            CheckLine(checker=check.checker, verdict=check.verdict, summary=check.summary)
            for check in result.checks
        ),
        skipped=result.skipped,
        interrupted=result.interrupted,
        error=result.error,
        warnings=result.warnings,
        deaths=result.deaths,
        seconds=round(sum(result.seconds.values()), 3),
        folder=None if folder is None else str(folder),
    )


def kinds(cells: Sequence[RunSummary]) -> tuple[str, ...]:
    """Return the kinds of machines that cells were run on, in order."""
    return tuple(dict.fromkeys(cell.machines for cell in cells))


def side_by_side(cells: Sequence[RunSummary]) -> Mapping[str, Mapping[str, RunSummary]]:
    """Return the cells by their title, and by the kind of machines that they were run on."""
    found: dict[str, dict[str, RunSummary]] = {}
    for cell in cells:
        found.setdefault(cell.title, {})[cell.machines] = cell
    return found


def lines(result: RunResult) -> Iterator[str]:
    """Yield what a person reads of a run, the verdict first."""
    system = f"{result.system}, " if result.system else ""
    yield f"{result.name}: {str(result.verdict).upper()} ({system}mode {result.mode}, seed {result.seed})"
    if result.skipped:
        yield f"  skipped: {result.skipped}"
    if result.error:
        yield f"  error: {result.error}"
    if result.interrupted:
        yield f"  interrupted{': this judges what was recorded until then' if result.checks else ''}"
    called = result.acknowledged + result.failed + result.unknown
    # Of a run that failed before it began, no more is to be said than why.
    checks = result.checks if called or result.error is None else ()
    if checks:
        yield (
            f"  {plural(result.acknowledged, 'write')} acknowledged, {result.failed} failed, "
            f"{result.unknown} unknown"
        )
        yield f"  {losses(result)}"
        yield (
            f"  RPO {rpo(result.rpo)}; RTO {seconds(result.rto)}; write latency p50 "
            f"{milliseconds(result.latency.p50)}, p99 {milliseconds(result.latency.p99)}"
        )
    width = max((len(check.checker) for check in checks), default=0)
    for check in checks:
        yield f"  {check.checker:<{width}}  {check.verdict:<12}  {check.summary}"
    yield from (f"  warning: {warning}" for warning in result.warnings)
    yield from (f"  died: {line}" for line in told(result.deaths))
    yield from stories(checks)


def stories(checks: tuple[CheckResult, ...]) -> Iterator[str]:
    """Yield the findings that keep a run from holding, worst first, each as its story."""
    findings = [finding for check in checks for finding in check.findings]
    for verdict in (Verdict.VIOLATED, Verdict.ERROR, Verdict.INCONCLUSIVE):
        for finding in findings:
            if finding.verdict is verdict:
                told = str if verdict is Verdict.ERROR else brief
                yield f"  {verdict}: {told(finding.title)}"
                yield from (f"    {told(line)}" for line in finding.lines)


def losses(result: RunResult | RunSummary) -> str:
    """Return how many acknowledged writes were lost, and whether that was permitted."""
    if not result.lost:
        return "0 lost"
    return f"{result.lost} lost ({result.permitted} permitted, {result.forbidden} forbidden)"


def rpo(value: Rpo) -> str:
    """Return a recovery point in words."""
    if not value.operations:
        return "0"
    return f"{plural(value.operations, 'operation')}, {value.bytes} bytes, {value.seconds:.2f} s"


def seconds(value: float | None) -> str:
    """Return a time in seconds, or a dash."""
    return "-" if value is None else f"{value:.2f} s"


def milliseconds(value: float | None) -> str:
    """Return a time given in seconds as milliseconds, or a dash."""
    if value is None:
        return "-"
    return f"{value * 1000:.1f} ms" if value < 0.1 else f"{value * 1000:.0f} ms"
