"""A run from beginning to end: set up, run, heal, recover, read, judge, and only then tear down.

Whatever happens, faults are healed, what was recorded is judged, and the machines are torn down, in this
order. The first interrupt (Ctrl-C, SIGTERM) stops the clients, heals, reads what can be read quickly, and
judges; the second heals at once and stops.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec.structs import replace

from harness import assembly, certificates, course, results
from harness.abilities import lacking
from harness.analysis import HISTORY_FILE, SCENARIO_FILE, analyse, unjudged
from harness.course import Course
from harness.deaths import Deaths
from harness.errors import AckedError
from harness.evidence import EvidenceRecorder
from harness.fault import Fault
from harness.interrupts import Interrupts
from harness.machine import Cluster, ClusterConfig, OwnTime
from harness.observer import Observer
from harness.parts import Parts
from harness.result import RunResult
from harness.scenario import Scenario
from harness.system import KeepsConnections, System
from harness.tasks import own_cancellation, uninterrupted
from harness.trial import Trial
from harness.verdict import Verdict, merge
from harness.workload import Workload

DISCONNECT_S = 5.0
"""How long a system may take to drop the connections that it keeps."""

DOWN_S = 60.0
"""How long the machines may take to be torn down."""


async def execute(
    scenario: Scenario,
    *,
    machines: Callable[[ClusterConfig], Cluster],
    system: System,
    workload: Workload,
    faults: Sequence[Fault],
    folder: Path,
    interrupts: Interrupts,
    observer: Observer | None = None,
) -> RunResult:
    """Carry out a scenario and return its verdict; everything is kept in `folder`, which must exist.

    `faults` are those of the scenario's steps, in their order. `machines` is the kind of machines; its
    `enter` has been called. What goes wrong in a run does not make this raise: it is in the result, where
    only a violation that the record shows outranks it. `interrupts` is how it is asked to end early. Raises
    UsageError or MissingError for a folder that can't be written from the start, and CancelledError when it
    is cancelled; then, too, faults are healed and the machines torn down.
    """
    evidence, deaths = EvidenceRecorder(), Deaths()
    cluster = machines(
        ClusterConfig(
            names=assembly.node_names(scenario.nodes),
            folder=folder,
            ip=scenario.ip,
            seed=scenario.seed,
            on_line=evidence.take,
            on_death=deaths.take,
            on_clock=evidence.take_clock,
        )
    )
    results.write_json(folder / SCENARIO_FILE, scenario)
    why = lacking(zip(scenario.faults, faults, strict=True), cluster=cluster, system=system)
    if why is not None:
        results.write_json(folder / course.FILE, Course(skipped=why))
        return _keep(folder, analyse(folder))
    parts = Parts(
        scenario=scenario,
        cluster=cluster,
        system=system,
        workload=workload,
        faults=tuple(faults),
        folder=folder,
        observer=observer or Observer(),
    )
    trial = Trial(parts, evidence=evidence, deaths=deaths, interrupts=interrupts)
    if not isinstance(cluster, OwnTime):  # in a simulation, nothing goes wrong outside of it
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: trial.stray(context["message"], context.get("exception"))
        )
    try:
        await trial.run()
        result = _keep(folder, _judge(trial, parts, interrupts))
    except asyncio.CancelledError:
        trial.break_off()
        _keep_course(trial, folder)
        raise
    finally:
        complaint = await uninterrupted(_tear_down(trial, parts))
    if complaint is not None:
        result = replace(result, warnings=(*result.warnings, complaint))
    return _keep(folder, replace(result, seconds=trial.course.seconds))


def _judge(trial: Trial, parts: Parts, interrupts: Interrupts) -> RunResult:
    _keep_course(trial, parts.folder)
    try:
        result = _analysed(trial, parts, interrupts)
    except Exception as error:
        trial.note(error)
        result = unjudged(parts.scenario, trial.course, Verdict.INCONCLUSIVE)
    went = trial.course
    if went.error is None:
        return result
    return replace(result, error=went.error, verdict=merge((result.verdict, Verdict.ERROR)))


def _analysed(trial: Trial, parts: Parts, interrupts: Interrupts) -> RunResult:
    """Return the verdict; what the user did not wait for is left open, and can be had from `acked check`."""
    try:
        if interrupts.abort.is_set():
            raise KeyboardInterrupt
        with interrupts.blocking(), trial.phase("judge"):
            return analyse(
                parts.folder,
                trial.course,
                system=parts.system,
                workload=parts.workload,
                observer=parts.observer,
            )
    except KeyboardInterrupt:
        return unjudged(parts.scenario, replace(trial.course, interrupted=True), Verdict.INCONCLUSIVE)


def _keep_course(trial: Trial, folder: Path) -> None:
    try:
        results.write_json(folder / course.FILE, trial.course)
    except AckedError as error:
        trial.note(error)


async def _tear_down(trial: Trial, parts: Parts) -> str | None:
    """Return what went wrong, if anything did: it costs the verdict nothing."""
    try:
        with own_cancellation("the end of the machines"):
            async with contextlib.AsyncExitStack() as at_the_end:
                at_the_end.push_async_callback(_down, trial, parts.cluster)
                if isinstance(parts.system, KeepsConnections):
                    at_the_end.push_async_callback(_disconnect, parts.system)
                await trial.heal()
    except Exception as error:
        return f"not all was torn down: {type(error).__name__}: {error}"
    return None


async def _disconnect(system: KeepsConnections) -> None:
    async with asyncio.timeout(DISCONNECT_S):
        await system.disconnect()


async def _down(trial: Trial, cluster: Cluster) -> None:
    with trial.phase("down"):
        async with asyncio.timeout(DOWN_S):
            await cluster.down()


def _keep(folder: Path, result: RunResult) -> RunResult:
    try:
        results.write_json(folder / results.RESULTS_FILE, result)
        certificates.write(folder, result.checks, HISTORY_FILE)
    except AckedError as error:
        return replace(
            result, error=result.error or str(error), verdict=merge((result.verdict, Verdict.ERROR))
        )
    return result
