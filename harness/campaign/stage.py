"""Where the runs of a self-test are made: in simulation, or with real processes."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from msgspec import Struct
from msgspec.structs import replace

from harness import assembly, episodes, evidence, verify
from harness.analysis import EPISODES_FILE, HISTORY_FILE
from harness.campaign import coverage, one, plan, work
from harness.campaign.draw import Aim
from harness.campaign.one import Outcome, Try
from harness.campaign.rehearsal import Rehearsal
from harness.campaign.search import Search, Source
from harness.campaign.work import Examined
from harness.history import History
from harness.interrupts import Interrupts
from harness.matrix import Cell
from harness.scenario import SIMULATED
from harness.verdict import Verdict
from harness.verify import CellResult, Command
from nodes.planted import Bug

SPAN_S: Final = 4.0
LAST_S: Final = 1.2
"""How long clients work in a real run, and how long before the end the last fault begins."""

RATE: Final = 300.0
"""How many operations a second clients ask for in a real run: with more of them, more meet a fault."""

TRY_S: Final = 300.0
"""How long a real run may take, on a busy machine too."""

_DISKS = shutil.ignore_patterns("machines")
"""What machines leave in a run's folder when the run is killed."""


class Stage(Protocol):
    """Where the runs of a self-test are made."""

    def waits_for(self, bug: Bug) -> str | None:
        """Return the fault that machines here lack and a bug can't be seen without; None if there is none."""

    def search(self, aim: Aim, *, first: int, limit: int | None) -> Source:
        """Return a search of `limit` runs, as near to the aim as can be had here."""

    @property
    def make(self) -> Callable[[Try], Outcome]:
        """The call with which workers make the tries of a search."""

    @property
    def shorten(self) -> Callable[[Outcome], Examined] | None:
        """The call with which workers shrink what was found; None where that can't be done."""


class Simulated:
    """Simulated machines."""

    make = staticmethod(work.tried)
    shorten = staticmethod(work.examined)

    def waits_for(self, bug: Bug) -> None:
        """Return None: simulated machines have all faults."""

    def search(self, aim: Aim, *, first: int, limit: int | None) -> Search:
        """Return a search with the aim as it is."""
        return Search(aim, first=first, limit=limit)


class Real:
    """Machines of a kind with real processes; runs that are violated or fail are kept in a folder."""

    shorten = None
    """Nothing: a real run can't be done again exactly."""

    def __init__(self, machines: str, keep: Path) -> None:
        self._machines = machines
        self.make = Made(keep=keep)

    def waits_for(self, bug: Bug) -> str | None:
        """Return what the bug is said to wait for, unless these machines have it."""
        return None if bug.real is True or bug.real in plan.usual(self._machines) else bug.real

    def search(self, aim: Aim, *, first: int, limit: int | None) -> Source:
        """Return a search with the faults that real machines have, and runs that take few seconds.

        Where there is a bug to be seen it is rehearsed in simulation.
        """
        aim = replace(
            aim,
            machines=self._machines,
            faults=tuple(fault for fault in aim.faults if fault in plan.usual(self._machines)),
            span_s=SPAN_S,
            last_s=LAST_S,
            rate=RATE,
        )
        kind = Rehearsal if "bug" in aim.settings else Search
        return kind(aim, first=first, limit=limit)


class Made(Struct, frozen=True, kw_only=True):
    """Makes tries where their machines are, as sent to a worker. `keep` is for real runs that are worth it."""

    keep: Path

    def __call__(self, wanted: Try) -> Outcome:
        """Make a try."""
        if wanted.scenario.machines == SIMULATED:
            return work.tried(wanted)
        with work.deadline(TRY_S + assembly.patience_of_run_s(wanted.scenario)):
            return attempt(wanted, keep=self.keep / str(wanted.scenario.settings.get("bug", "store")))


def attempt(wanted: Try, *, keep: Path, command: Command = verify.worker) -> Outcome:
    """Make a run as a process of its own; one that is violated or failed is kept as `keep`/seed-N.

    `command` is how it is started. Raises nothing that a run can cause: what goes wrong is in the outcome.
    """
    with tempfile.TemporaryDirectory(prefix="acked-") as scratch:
        cell = Cell(name=f"seed-{wanted.seed}", fault=None, scenario=wanted.scenario)
        done, _ = asyncio.run(
            verify.run_cells(
                [cell],
                Path(scratch),
                jobs=1,
                watcher=_Nobody(),
                interrupts=Interrupts(),
                command=command,
            )
        )
        outcome = _outcome(wanted, done[0])
        if outcome.verdict in (Verdict.VIOLATED, Verdict.ERROR):
            keep.mkdir(parents=True, exist_ok=True)
            shutil.copytree(Path(scratch, "cells"), keep, ignore=_DISKS, dirs_exist_ok=True)
    return replace(outcome, seconds=done[0].seconds)


def _outcome(wanted: Try, done: CellResult) -> Outcome:
    """Return what came of a run, from its folder; a run that began nothing has no history there."""
    operations, features = 0, tuple[str, ...]()
    if (done.folder / HISTORY_FILE).exists():
        history = History.open(done.folder / HISTORY_FILE)
        assert history.origin is not None, "a history on disk has its origin in its header"
        nodes, system = assembly.node_names(wanted.scenario.nodes), assembly.system(wanted.scenario)
        events = evidence.read(done.folder, nodes, system, history.origin).events
        operations = sum(1 for _ in history)
        features = coverage.features(events, episodes.read(done.folder / EPISODES_FILE))
    return one.outcome_of(wanted, done.result, done.folder, operations=operations, features=features)


class _Nobody:
    """Watches nothing."""

    def started(self, cell: Cell) -> None:
        """Say nothing."""

    def ended(self, done: CellResult, number: int, total: int) -> None:
        """Say nothing."""
