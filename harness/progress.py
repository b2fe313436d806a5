"""How a verification shows that it gets on: a live line on a terminal, plain lines everywhere else."""

from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from harness import summary
from harness.matrix import NONE, Cell
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
