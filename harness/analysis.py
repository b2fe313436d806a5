"""From a run's folder to its verdict: what `acked run` does at its end, and `acked check` at any time later.

Everything is read from the folder: the scenario, the course, the history, the episodes and the evidence. So
a verdict can be had again, by anyone, from what was recorded.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from harness import assembly, course, episodes, evidence, figures, memory, plugins, soundness
from harness.checker import Checker, CheckResult, Limits, RecordedRun
from harness.course import Course
from harness.errors import DamagedError, UsageError
from harness.figures import Figures
from harness.guarded import guarded
from harness.history import History
from harness.observer import Observer
from harness.result import Rpo, RunResult
from harness.scenario import SIMULATED, Scenario
from harness.system import Reports, SettingError, System
from harness.verdict import Verdict, merge
from harness.workload import Workload

SCENARIO_FILE = "scenario.json"
HISTORY_FILE = "history.jsonl"
EPISODES_FILE = "episodes.jsonl"


def read_scenario(folder: Path) -> Scenario:
    """Return the scenario of a recorded run; raises UsageError when the folder does not hold one.

    Raises DamagedError when it can't be read.
    """
    path = folder / SCENARIO_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Scenario)
    except FileNotFoundError as error:
        raise UsageError(f"{folder}: not the folder of a run: there is no {SCENARIO_FILE} in it") from error
    except OSError as error:
        raise DamagedError(f"{path}: can't be read: {error.strerror or error}") from error
    except msgspec.DecodeError as error:
        raise DamagedError(f"{path}: damaged: {error}") from error


def made(folder: Path, scenario: Scenario) -> tuple[System, Workload]:
    """Make the system and the workload of a recorded run; raises UsageError where they can't be made here."""
    try:
        return assembly.system(scenario), assembly.workload(scenario)
    except SettingError as error:
        raise UsageError(f"{folder / SCENARIO_FILE}: {error.field}: {error}") from error


def analyse(
    folder: Path,
    went: Course | None = None,
    *,
    system: System | None = None,
    workload: Workload | None = None,
    observer: Observer | None = None,
    limits: Limits | None = None,
) -> RunResult:
    """Judge the recorded run in `folder`, its searches within the limits.

    Its course is read from the folder, and system and workload are made from the scenario, unless they are
    given. A checker that raises is an `error` of its own, with its traceback among the findings; it hides
    nothing that others find. Raises UsageError for a folder that is no run, and DamagedError, with file and
    line, where it is damaged.
    """
    scenario = read_scenario(folder)
    went = went or course.read(folder)
    if went is not None and went.skipped is not None:
        return unjudged(scenario, went, Verdict.INCONCLUSIVE)
    if not (folder / HISTORY_FILE).exists():
        return unjudged(
            scenario, went or Course(), Verdict.ERROR if went and went.error else Verdict.INCONCLUSIVE
        )
    if system is None or workload is None:
        system, workload = made(folder, scenario)
    limits = limits or Limits()
    with memory.limited(limits.memory_limit_mb or memory.available_mb()):
        run = _recorded(folder, scenario, went, system, workload, limits=limits)
        result = _judged(run, scenario, went, observer)
    return replace(result, system=system.name)


def _judged(
    run: RecordedRun,
    scenario: Scenario,
    went: Course | None,
    observer: Observer | None,
) -> RunResult:
    if observer is not None:
        observer.on_recorded(run)
    measured = figures.measure(run.history, run.workload, run.episodes)
    checks = [
        soundness.judge(
            went,
            run.episodes,
            acknowledged=measured.by_clients,
            planned=len(scenario.faults),
            recovery_expected=run.recovery_expected,
        )
    ]
    checks.extend(guarded(name, partial(_check, name, run)) for name in run.workload.checkers)
    if scenario.expect:
        checks.append(guarded("expectations", partial(_expectations, scenario.expect, run, tuple(checks))))
    return _conclude(scenario, went or Course(), measured, checks, run)


def _recorded(
    folder: Path,
    scenario: Scenario,
    went: Course | None,
    system: System,
    workload: Workload,
    *,
    limits: Limits,
) -> RecordedRun:
    from checkers import expectations

    history = History.open(folder / HISTORY_FILE)
    origin = history.origin
    assert origin is not None, "a history on disk has its origin in its header"
    last_ns = None if went is None else went.stopped_ns
    if last_ns is None:
        last_ns = max((operation.return_ns or operation.call_ns for operation in history), default=0)
    reported = evidence.read(folder, assembly.node_names(scenario.nodes), system, origin)
    return RecordedRun(
        contract=system.contract(),
        history=history,
        workload=workload,
        episodes=episodes.read(folder / EPISODES_FILE),
        events=reported.events,
        clock_error_ns=reported.clock_error_ns,
        reports=isinstance(system, Reports),
        survivor=None if went is None else went.survivor,
        recovered=None if went is None else went.recovered,
        protected=None if went is None else went.protected,
        recovery_s=scenario.recovery_s,
        settled=went is not None and went.settled,
        deaths=() if went is None else went.deaths,
        strangers=scenario.machines != SIMULATED,
        sealed=went is not None and went.sealed,
        limits=limits,
        stopped_ns=last_ns,
        recovery_expected=expectations.recovery_expected(scenario.expect),
    )


def _check(name: str, run: RecordedRun) -> CheckResult:
    checker: Checker = plugins.load("acked.checkers", name)()
    return checker.check(run)


def _expectations(expect: Mapping[str, Any], run: RecordedRun, results: Sequence[CheckResult]) -> CheckResult:
    from checkers import expectations

    return expectations.check(expect, run, results)


def unjudged(scenario: Scenario, went: Course, verdict: Verdict) -> RunResult:
    """Return the result of a run that nobody judged: it was skipped, or ended before it began."""
    return RunResult(
        name=scenario.name,
        verdict=verdict,
        mode=scenario.mode,
        seed=scenario.seed,
        skipped=went.skipped,
        interrupted=went.interrupted,
        error=went.error,
        warnings=went.warnings,
        deaths=went.deaths,
        seconds=went.seconds,
    )


def _conclude(
    scenario: Scenario, went: Course, measured: Figures, checks: Sequence[CheckResult], run: RecordedRun
) -> RunResult:
    # Whoever counts lost writes also says what they were; others use the same words for other things.
    told = next((check.figures for check in checks if "lost" in check.figures), {})
    verdicts = [check.verdict for check in checks]
    if went.error is not None:
        verdicts.append(Verdict.ERROR)
    warnings = went.warnings
    if run.history.truncated:
        warnings = (*warnings, "the last line of the history was cut off and is left out")
    return RunResult(
        name=scenario.name,
        verdict=merge(verdicts),
        mode=scenario.mode,
        seed=scenario.seed,
        acknowledged=measured.acknowledged,
        failed=measured.failed,
        unknown=measured.unknown,
        lost=told.get("lost", 0),
        permitted=told.get("permitted", 0),
        forbidden=told.get("forbidden", 0),
        rpo=Rpo(
            operations=told.get("rpo_operations", 0),
            bytes=told.get("rpo_bytes", 0),
            seconds=told.get("rpo_seconds", 0.0),
        ),
        rto=measured.rto,
        latency=measured.latency,
        checks=tuple(checks),
        episodes=tuple(run.episodes),
        interrupted=went.interrupted,
        error=went.error,
        warnings=warnings,
        deaths=went.deaths,
        seconds=went.seconds,
    )
