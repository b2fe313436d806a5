"""Reports from a run's folder: one HTML file that needs nothing else, and JUnit XML.

What is common to all pages, and why whatever is told in them is harmless, is in `harness.pages`.
"""

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import msgspec
from msgspec import Struct

from harness import (
    assembly,
    charts,
    course,
    evidence,
    junit,
    losses,
    marks,
    pages,
    pictures,
    results,
    sequence,
    summary,
)
from harness.charts import Timeline
from harness.contract import TEXTS, Contract
from harness.errors import AckedError, DamagedError, PluginError, UsageError
from harness.events import NodeEvent
from harness.result import RunResult
from harness.results import RESULTS_FILE, RunInfo
from harness.scenario import Scenario
from harness.sequence import Chart
from harness.summary import RunSummary
from harness.system import SettingError
from harness.verdict import Verdict
from harness.verify import VERIFY_FILE, VerifyResult

T = TypeVar("T")

REPORT_FILE = "report.html"
JUNIT_FILE = "junit.xml"

EXPECTATIONS = "expectations"
"""The check of what a scenario expects beyond the promise."""

SENTENCES: Mapping[Verdict, str] = {
    Verdict.HOLDS: "What the mode promises was kept.",
    Verdict.INCONCLUSIVE: "This shows nothing for sure: neither that the promise was kept nor that it was broken.",
    Verdict.ERROR: "The harness or a node failed: this says nothing about the promise.",
    Verdict.VIOLATED: "The promise was broken.",
}


def sentence(result: RunResult) -> str:
    """Return what a run's verdict means."""
    violated = {check.checker for check in result.checks if check.verdict is Verdict.VIOLATED}
    if violated == {EXPECTATIONS}:
        return "What the mode promises was kept, but not what the scenario expects."
    return SENTENCES[result.verdict]


class RunPage(Struct, frozen=True, kw_only=True):
    """All that the page of a run shows."""

    result: RunResult
    scenario: Scenario | None
    info: RunInfo | None
    contract: Contract | None
    timeline: Timeline | None
    started_ns: int | None
    """When the clients began. All times on the page count, as those of the stories, from the history's origin."""
    commands: tuple[tuple[str, str], ...]
    pictures: Mapping[str, tuple[str, ...]] = {}
    """What the certificates show, as SVG, by checker."""
    sequence: Chart | None = None
    """How it came to the violation, step by step; None without one, and for long runs."""
    untold: str | None = None
    """Why there is no such sequence though there should be one."""


def write(folder: Path) -> Path:
    """Write the reports of a run or of a verification again; returns the path of the page.

    Raises UsageError when the folder holds neither, and DamagedError when it can't be read.
    """
    if (folder / VERIFY_FILE).is_file():
        return write_verification(folder)
    if (folder / RESULTS_FILE).is_file():
        return write_run(folder)
    raise UsageError(f"{folder}: neither {RESULTS_FILE} nor {VERIFY_FILE} is in it: no run, or not finished")


def write_run(folder: Path) -> Path:
    """Write the page and the JUnit file of a finished run."""
    page = load(folder)
    results.write(folder / JUNIT_FILE, junit.of_run(page.result))
    results.write(folder / REPORT_FILE, render_run(page).encode())
    return folder / REPORT_FILE


def write_verification(folder: Path) -> Path:
    """Write the page and the JUnit file of a verification."""
    outcome = _read(folder / VERIFY_FILE, VerifyResult)
    info = _read_if_there(folder / "run.json", RunInfo)
    results.write(folder / JUNIT_FILE, junit.of_verification(outcome.cells))
    links = {cell.name: link for cell in outcome.cells if (link := _link(folder, cell.name))}
    results.write(folder / REPORT_FILE, render_verification(outcome, info, links).encode())
    return folder / REPORT_FILE


def render_run(page: RunPage) -> str:
    """Return the page of a run."""
    return (
        pages.environment()
        .get_template("run.html")
        .render(page=page, result=page.result, sentence=sentence(page.result), texts=TEXTS)
    )


def render_verification(outcome: VerifyResult, info: RunInfo | None, links: Mapping[str, str]) -> str:
    """Return the page of a verification; `links` are the relative addresses of the cells' own pages."""
    modes = tuple(dict.fromkeys(cell.mode for cell in outcome.cells if cell.fault is not None))
    faults = tuple(dict.fromkeys(cell.fault for cell in outcome.cells if cell.fault is not None))
    grid: dict[tuple[str, str], list[RunSummary]] = {}
    for cell in outcome.cells:
        if cell.fault is not None:
            grid.setdefault((cell.mode, cell.fault), []).append(cell)
    kinds = summary.kinds(outcome.cells)
    return (
        pages.environment()
        .get_template("verify.html")
        .render(
            outcome=outcome,
            kinds=kinds if len(kinds) > 1 else (),
            side_by_side=summary.side_by_side(outcome.cells),
            sentence=_sentence(outcome),
            info=info,
            modes=modes,
            faults=faults,
            grid=grid,
            links=links,
            textbook=[cell for cell in outcome.cells if cell.fault is None],
            numbers={verdict: sum(cell.verdict is verdict for cell in outcome.cells) for verdict in Verdict},
            commands=(("Verify again", _verify_again(outcome, info)),),
        )
    )


def load(folder: Path) -> RunPage:
    """Read what the page of a run shows; raises DamagedError for a file that is."""
    from harness.history import History

    result = _read(folder / RESULTS_FILE, RunResult)
    scenario = _read_if_there(folder / "scenario.json", Scenario)
    system = _installed(assembly.system, scenario)
    went = course.read(folder)
    started_ns = went.started_ns if went else None
    timeline = chart = untold = None
    if (folder / "history.jsonl").is_file():
        history = History.open(folder / "history.jsonl")
        columns = history.columns()
        events: tuple[NodeEvent, ...] = ()
        if scenario and system and history.origin:
            nodes = assembly.node_names(scenario.nodes)
            events = evidence.read(folder, nodes, system, history.origin).events
            if result.verdict is Verdict.VIOLATED and columns.id.size <= sequence.MOST_OPERATIONS:
                chart, untold = _sequence(folder, result)
        lost_ns: tuple[int, ...] = ()
        workload = _installed(assembly.workload, scenario)
        if workload and result.lost:
            lost_ns = losses.times_ns(history, workload, went, lost=result.lost)
        timeline = charts.timeline(
            columns, result.episodes, marks.of(events), from_ns=started_ns, lost_ns=lost_ns
        )
    scenario_file = shlex.quote(str(folder / "scenario.yaml"))
    return RunPage(
        result=result,
        scenario=scenario,
        info=_read_if_there(folder / "run.json", RunInfo),
        contract=system.contract() if system else None,
        timeline=timeline,
        started_ns=started_ns,
        commands=(
            ("Run it again", f"acked run {scenario_file}"),
            ("Judge the recording again", f"acked check {shlex.quote(str(folder))}"),
        ),
        pictures=pictures.of_checks(result.checks, result.episodes),
        sequence=chart,
        untold=untold,
    )


def _link(folder: Path, name: str) -> str | None:
    """Return the address of a cell's page as seen from the verification's, if it has one."""
    page = Path("cells") / name / REPORT_FILE
    return quote(str(page)) if (folder / page).is_file() else None


def _sequence(folder: Path, result: RunResult) -> tuple[Chart | None, str | None]:
    """Return the sequence of a run, or why it can't be told: the rest of the page is worth having without it."""
    try:
        return sequence.judged(folder, result.checks), None
    except (AckedError, OSError) as error:
        return None, str(error)


def _installed(make: Callable[[Scenario], T], scenario: Scenario | None) -> T | None:
    """Return what a scenario names; None when it is not installed where the report is made."""
    if scenario is None:
        return None
    try:
        return make(scenario)
    except (UsageError, SettingError, PluginError):
        return None


def _sentence(outcome: VerifyResult) -> str:
    violated = [cell for cell in outcome.cells if cell.verdict is Verdict.VIOLATED]
    promises = [
        check
        for cell in violated
        for check in cell.checks
        if check.verdict is Verdict.VIOLATED and check.checker != EXPECTATIONS
    ]
    if violated and not promises:
        return "Every mode kept its promise, but not everything that was expected came true."
    return SENTENCES[outcome.verdict]


def _verify_again(outcome: VerifyResult, info: RunInfo | None) -> str:
    return shlex.join(info.command) if info else f"acked verify --seed {outcome.seed}"


def _read_if_there(path: Path, kind: type[T]) -> T | None:
    return _read(path, kind) if path.is_file() else None


def _read(path: Path, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise DamagedError(f"{path}: can't be read: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise DamagedError(f"{path}: damaged: {error}") from error
