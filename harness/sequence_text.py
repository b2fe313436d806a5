"""A sequence chart as text, columns side by side, and below it what was found."""

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from harness import sequence
from harness.sequence import MOST_STORIES, Chart, Gap, Row
from harness.words import brief, plural

WIDTH: Final = 24
MOST_LINES: Final = 8
"""How many lines of a story are told before something is left out, and how many after that."""

_TIME = 11
"""The width of the times on the left."""


def chart(folder: Path) -> str:
    """Return the chart of a recorded run."""
    return drawn(sequence.of(folder))


def drawn(chart: Chart) -> str:
    """Return a chart as text."""
    return "\n".join([*_rows(chart), *_violations(chart)]) + "\n"


def _rows(chart: Chart) -> Iterator[str]:
    yield "   time s  " + _side_by_side(chart.columns)
    for row in chart.rows:
        match row:
            case Gap(rows=rows):
                yield f"{'…':>9}  ({plural(rows, 'row')} left out)"
            case Row(who=None, text=text):
                across = (WIDTH + 1) * len(chart.columns)
                yield f"{row.at_ns / 1e9:9.4f}  " + f"─── {text} ".ljust(across, "─")
            case Row(who=who, text=text):
                time = f"{row.at_ns / 1e9:9.4f}  "
                for part in textwrap.wrap(text, WIDTH) or [""]:
                    yield time + _side_by_side([part if name == who else "│" for name in chart.columns])
                    time = " " * _TIME


def _side_by_side(cells: Sequence[str]) -> str:
    return " ".join(cell.ljust(WIDTH) for cell in cells).rstrip()


def _violations(chart: Chart) -> Iterator[str]:
    for checker, finding in chart.violations[:MOST_STORIES]:
        yield ""
        yield f"VIOLATED, says {checker}: {brief(finding.title)}"
        yield from (f"  {brief(line)}" for line in _abridged(finding.lines))
    if len(chart.violations) > MOST_STORIES:
        yield ""
        yield f"{plural(len(chart.violations) - MOST_STORIES, 'more violation')}, told in the report"


def _abridged(lines: Sequence[str]) -> Iterator[str]:
    """Yield the first and the last lines of a long story."""
    if len(lines) <= 2 * MOST_LINES:
        yield from lines
        return
    yield from lines[:MOST_LINES]
    yield f"… {len(lines) - 2 * MOST_LINES} more lines"
    yield from lines[-MOST_LINES:]
