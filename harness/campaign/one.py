"""One run of a search: from a scenario to what a search must know of it, and how it is made in simulation."""

import contextlib
import gc
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from harness import running, schema
from harness.campaign import coverage
from harness.checker import RecordedRun
from harness.errors import HarnessError
from harness.observer import Observer
from harness.result import RunResult
from harness.scenario import Scenario
from harness.verdict import Verdict


class Try(Struct, frozen=True, kw_only=True):
    """A run to be made. `twice` asks for a second one, which must give the same bytes."""

    seed: int
    scenario: Scenario
    twice: bool = False


class Outcome(Struct, frozen=True, kw_only=True):
    """What came of a try.

    `violations` are the findings' titles by checker, in order. `digest` stands for all that the run wrote.
    `seconds` is the time it took, `simulated_s` the time that passed in it.
    """

    seed: int
    scenario: Scenario
    verdict: Verdict
    error: str | None = None
    acknowledged: int = 0
    operations: int = 0
    violations: tuple[tuple[str, str], ...] = ()
    features: tuple[str, ...] = ()
    digest: str = ""
    seconds: float = 0.0
    simulated_s: float = 0.0


def attempt(wanted: Try, *, keep: Path | None = None) -> Outcome:
    """Make a run in a temporary folder; one that is violated or failed is kept as `keep`/seed-N.

    Raises nothing that a run can cause: what goes wrong is in the outcome. A second run that differs is an
    error of the harness.
    """
    began = time.perf_counter()
    with _little_garbage(), tempfile.TemporaryDirectory(prefix="acked-", dir=_scratch()) as scratch:
        folder = Path(scratch) / f"seed-{wanted.seed}"
        try:
            outcome = _simulated(wanted, folder)
            if wanted.twice:
                outcome = _repeated(wanted, folder, outcome)
        except Exception as error:
            outcome = Outcome(
                seed=wanted.seed,
                scenario=wanted.scenario,
                verdict=Verdict.ERROR,
                error=f"{type(error).__name__}: {error}",
            )
        if keep is not None and outcome.verdict in (Verdict.VIOLATED, Verdict.ERROR) and folder.exists():
            target = keep / folder.name
            shutil.rmtree(target, ignore_errors=True)
            keep.mkdir(parents=True, exist_ok=True)
            shutil.copytree(folder, target)
            (target / "scenario.yaml").write_text(schema.dump(wanted.scenario), encoding="utf-8")
    return _timed(outcome, time.perf_counter() - began)


class _Watch(Observer):
    """Keeps what a search wants to know beyond the verdict, while the record is at hand."""

    def __init__(self) -> None:
        self.operations = 0
        self.features: tuple[str, ...] = ()

    def on_recorded(self, run: RecordedRun) -> None:
        self.operations = sum(1 for _ in run.history)
        self.features = coverage.features(run.events, run.episodes)


def _simulated(wanted: Try, folder: Path) -> Outcome:
    folder.mkdir(parents=True)
    watch = _Watch()
    result = running.perform(wanted.scenario, folder, observer=watch)
    return outcome_of(wanted, result, folder, operations=watch.operations, features=watch.features)


def outcome_of(
    wanted: Try, result: RunResult, folder: Path, *, operations: int, features: tuple[str, ...]
) -> Outcome:
    """Return what came of a try from its run's result, its folder, and what the record shows."""
    return Outcome(
        seed=wanted.seed,
        scenario=wanted.scenario,
        verdict=result.verdict,
        error=result.error,
        acknowledged=result.acknowledged,
        operations=operations,
        violations=violations(result),
        features=features,
        digest=digest(folder),
        simulated_s=sum(result.seconds.values()),
    )


def _repeated(wanted: Try, folder: Path, first: Outcome) -> Outcome:
    shutil.rmtree(folder)
    second = _simulated(wanted, folder)
    if second.digest != first.digest:
        raise HarnessError(f"seed {wanted.seed} gave two different runs: {first.digest} and {second.digest}")
    return first


def violations(result: RunResult) -> tuple[tuple[str, str], ...]:
    """Return the violated checks of a run, each with the title of its first such finding."""
    return tuple(
        (
            check.checker,
            next((f.title for f in check.findings if f.verdict is Verdict.VIOLATED), check.summary),
        )
        for check in result.checks
        if check.verdict is Verdict.VIOLATED
    )


def digest(folder: Path) -> str:
    """Return a hash of every file below a folder, names included."""
    total = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        total.update(f"{path.relative_to(folder)}\0".encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()[:16]


@contextlib.contextmanager
def _little_garbage() -> Iterator[None]:
    """Look for garbage once, at the end, and only among what is new; earlier if very much comes together."""
    usual = gc.get_threshold()
    gc.set_threshold(500_000, *usual[1:])
    try:
        yield
    finally:
        gc.collect(0)
        gc.set_threshold(*usual)


def _timed(outcome: Outcome, seconds: float) -> Outcome:
    from msgspec.structs import replace

    return replace(outcome, seconds=seconds)


def _scratch() -> str | None:
    """Return where files cost no disk, if there is such a place; None where TMPDIR names another."""
    if "TMPDIR" in os.environ:
        return None
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a fresh folder is made in it
