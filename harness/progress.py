"""How a run and a verification show that they get on: live on a terminal, in plain lines everywhere else."""

from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from harness import summary
from harness.episode import Episode
from harness.matrix import NONE, Cell
from harness.observer import Observer
from harness.operation import Invocation, Outcome
from harness.verdict import Verdict
from harness.verify import CellResult, Watcher

REFRESHES_PER_SECOND = 4

STYLES = {
    Verdict.HOLDS: "blue",
    Verdict.INCONCLUSIVE: "yellow",
    Verdict.ERROR: "magenta",
    Verdict.VIOLATED: "bold red",
}
"""The colour of each verdict on a terminal."""


class Display(Watcher, Protocol):
    """A watcher that is on the screen between enter and exit."""

    def __enter__(self) -> "Display":
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the screen as it should stay."""


def line(done: CellResult, number: int, total: int) -> str:
    """Return what is said of a cell that ended.

    For example `[12/61] sync × kill (primary): holds, 812 acknowledged, 0 lost, 6.1 s`.
    """
    result = done.result
    head = f"[{number}/{total}] {title(done.cell)}: {result.verdict}"
    if result.skipped:
        return f"{head}, skipped: {result.skipped}"
    if result.error:
        return f"{head}: {result.error}"
    return f"{head}, {result.acknowledged} acknowledged, {summary.losses(result)}, {done.seconds:.1f} s"


def title(cell: Cell) -> str:
    """Return what a cell is called in lists."""
    if cell.fault is None:
        return cell.name
    if cell.fault == NONE:
        return f"{cell.scenario.mode} × no fault"
    return f"{cell.scenario.mode} × {cell.fault} ({cell.variant})"


class Plain:
    """One line for each cell that ended."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def __enter__(self) -> "Plain":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def started(self, cell: Cell) -> None:
        """Say nothing: the line comes at the end."""

    def ended(self, done: CellResult, number: int, total: int) -> None:
        """Write the cell's line."""
        self._write(line(done, number, total))


class Live:
    """A bar with the cells that run now, below the lines of those that ended."""

    def __init__(self, console: Console, total: int) -> None:
        self._console = console
        self._running: list[str] = []
        self._progress = Progress(
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
            console=console,
            refresh_per_second=REFRESHES_PER_SECOND,
            transient=True,
        )
        self._task = self._progress.add_task("", total=total)

    def __enter__(self) -> "Live":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def started(self, cell: Cell) -> None:
        """Show the cell as running."""
        self._running.append(title(cell))
        self._describe()

    def ended(self, done: CellResult, number: int, total: int) -> None:
        """Write the cell's line above the bar."""
        if title(done.cell) in self._running:
            self._running.remove(title(done.cell))
        self._console.print(Text(line(done, number, total), style=STYLES[done.result.verdict]))
        self._progress.update(self._task, completed=number)
        self._describe()

    def _describe(self) -> None:
        self._progress.update(self._task, description=", ".join(self._running))


class RunLine(Observer):
    """The line of a run on a terminal: its phase, what clients got so far, and the faults that act now."""

    def __init__(self) -> None:
        self._phase = "set up"
        self._outcomes = dict.fromkeys(Outcome, 0)
        self._acting: dict[int, str] = {}

    def __rich__(self) -> Text:
        """Return the line as it is now; asked for at each refresh, so the hooks only count."""
        numbers = self._outcomes
        done = f"{numbers[Outcome.OK]} done, {numbers[Outcome.INFO]} unknown, {numbers[Outcome.FAIL]} failed"
        return Text("  ".join((f"{self._phase:<8}", done, *self._acting.values())))

    def on_phase(self, name: str) -> None:
        """Show the phase."""
        self._phase = name

    def on_return(
        self, invocation: Invocation, *, process: int, outcome: Outcome, call_ns: int, return_ns: int
    ) -> None:
        """Count the operation."""
        self._outcomes[outcome] += 1

    def on_episode(self, episode: Episode) -> None:
        """Show the fault while it acts."""
        if episode.until_ns is None and episode.error is None:
            self._acting[episode.id] = f"[{episode.fault} {', '.join(episode.targets)}]"
        else:
            self._acting.pop(episode.id, None)
