"""Where the runs of a self-test are made: in simulation, or with real processes.

A real run takes seconds, a simulated one hundredths of that. So what is tried with real processes is rehearsed
first: of the scenarios that are drawn from a seed, the first one that is violated in simulation goes on the stage.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from msgspec import Struct
from msgspec.structs import replace

from harness import verify
from harness.campaign import draw, one, work
from harness.campaign.draw import SIMULATED, Aim
from harness.campaign.one import Outcome, Try
from harness.campaign.work import Examined
from harness.draws import derive
from harness.interrupts import Interrupts
from harness.matrix import Cell
from harness.scenario import Scenario
from harness.verdict import Verdict
from harness.verify import CellResult, Command
from nodes.planted import Bug

REHEARSALS: Final = 24
"""How many scenarios are rehearsed for one real run; if none of them is violated, the first is made."""

AS_DRAWN: Final = 4
"""One real run in so many is made without a rehearsal: simulated machines may lack what real ones show."""

SPAN_S: Final = 4.0
LAST_S: Final = 1.2
RATE: Final = 150.0
"""How long clients work in a real run, at which rate, and how long before the end the last fault begins."""

RECOVERY_S: Final = 10.0

TRY_S: Final = 300.0
"""How long a real run may take with its rehearsals, on a busy machine too."""


_DISKS = shutil.ignore_patterns("machines")
"""What machines leave in a run's folder when the run is killed."""


class Stage(Protocol):
    """Where the runs of a self-test are made."""

    def waits_for(self, bug: Bug) -> str | None:
        """Return the fault that machines here lack and a bug can't be seen without; None if there is none."""

    def aimed(self, aim: Aim) -> Aim:
        """Return the aim as it can be had here."""

    def maker(self, aim: Aim) -> Callable[[Try], Outcome]:
        """Return the call with which workers make the tries of a search with this aim."""

    @property
    def shorten(self) -> Callable[[Outcome], Examined] | None:
        """The call with which workers shrink what was found; None where that can't be done."""


class Simulated:
    """Simulated machines."""

    def waits_for(self, bug: Bug) -> None:
        """Return None: simulated machines have all faults."""

    def aimed(self, aim: Aim) -> Aim:
        """Return the aim as it is."""
        return aim

    def maker(self, aim: Aim) -> Callable[[Try], Outcome]:
        """Return the call that makes a try in simulation."""
        return work.tried

    @property
    def shorten(self) -> Callable[[Outcome], Examined]:
        """The call that shrinks in simulation."""
        return work.examined


class Real:
    """Machines of a kind with real processes; runs that are violated or fail are kept in a folder."""

    def __init__(self, machines: str, keep: Path) -> None:
        self._machines = machines
        self._keep = keep

    def waits_for(self, bug: Bug) -> str | None:
        """Return what the bug is said to wait for."""
        return None if bug.real is True else bug.real

    def aimed(self, aim: Aim) -> Aim:
        """Return the aim with the faults that real machines have, and runs that take few seconds."""
        return replace(
            aim,
            machines=self._machines,
            faults=tuple(fault for fault in aim.faults if fault in draw.REAL),
            span_s=SPAN_S,
            last_s=LAST_S,
            rate=RATE,
        )

    def maker(self, aim: Aim) -> Callable[[Try], Outcome]:
        """Return the call that rehearses a try, where there is a bug to be seen, and makes it."""
        return Made(aim=aim, keep=self._keep / str(aim.settings.get("bug", "store")))

    @property
    def shorten(self) -> None:
        """Nothing: a real run can't be done again exactly."""
        return None


class Made(Struct, frozen=True, kw_only=True):
    """Makes tries with real processes, as sent to a worker. `keep` is the folder for runs that are worth it."""

    aim: Aim
    keep: Path

    def __call__(self, wanted: Try) -> Outcome:
        """Make a try, rehearsed if need be."""
        with work.deadline(TRY_S):
            if "bug" in self.aim.settings and wanted.seed % AS_DRAWN:
                wanted = replace(wanted, scenario=rehearsed(wanted, self.aim))
            return attempt(replace(wanted, scenario=timed(wanted.scenario)), keep=self.keep)


def rehearsed(wanted: Try, aim: Aim) -> Scenario:
    """Return the first scenario drawn from a try's seed, its own before all, that is violated in simulation.

    Its own if none is.
    """
    for number in range(REHEARSALS):
        drawn = draw.scenario(derive(wanted.seed, f"rehearsal {number}"), aim) if number else wanted.scenario
        simulated = replace(timed(drawn), machines=SIMULATED, seed=wanted.seed, name=wanted.scenario.name)
        if one.attempt(Try(seed=wanted.seed, scenario=simulated)).violations:
            return replace(simulated, machines=aim.machines)
    return wanted.scenario


def timed(scenario: Scenario) -> Scenario:
    """Return a scenario that does not wait for long when the system can't recover."""
    return replace(scenario, recovery_s=RECOVERY_S)


def attempt(wanted: Try, *, keep: Path, command: Command = verify.worker) -> Outcome:
    """Make a run as a process of its own; one that is violated or failed is kept as `keep`/seed-N.

    `command` is how it is started. Raises nothing that a run can cause: what goes wrong is in the outcome.
    """
    with tempfile.TemporaryDirectory(prefix="acked-") as scratch:
        cell = Cell(name=f"seed-{wanted.seed}", fault=None, scenario=wanted.scenario)
        done, _ = asyncio.run(
            verify.run_cells(
                [cell], Path(scratch), jobs=1, watcher=_Nobody(), interrupts=Interrupts(), command=command
            )
        )
        outcome = one.outcome_of(wanted, done[0].result, done[0].folder)
        if outcome.verdict in (Verdict.VIOLATED, Verdict.ERROR):
            keep.mkdir(parents=True, exist_ok=True)
            shutil.copytree(Path(scratch, "cells"), keep, ignore=_DISKS, dirs_exist_ok=True)
    return replace(outcome, seconds=done[0].seconds)


class _Nobody:
    """Watches nothing."""

    def started(self, cell: Cell) -> None:
        """Say nothing."""

    def ended(self, done: CellResult, number: int, total: int) -> None:
        """Say nothing."""
