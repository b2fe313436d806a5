"""The timeline of a run as geometry: what happened when, in coordinates of a drawing.

A pure function from operations, episodes and marks to plain shapes, which a template turns into SVG. The
panels share one time axis: lanes of faults on top, operations by outcome, latency, and what nodes reported.
"""

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from harness.episode import Episode
from harness.history import FAIL, INFO, OK, Columns

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WIDTH = 1000
LEFT = 64
RIGHT = 16
BINS = 120
LANE = 20
RATES_HEIGHT = 130
LATENCY_HEIGHT = 120

_GAP = 28
_LETTER = 6.2
"""Width of a letter of the labels, about: enough to keep them from covering each other."""
_NS = 1_000_000_000


class Mark(Struct, frozen=True, kw_only=True):
    """Something that happened at an instant, in nanoseconds since the history's origin."""

    at_ns: int
    label: str


class Tick(Struct, frozen=True, kw_only=True):
    """A label on an axis, at a coordinate along it."""

    at: float
    label: str


class Bar(Struct, frozen=True, kw_only=True):
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float


class Label(Struct, frozen=True, kw_only=True):
    """Text at a point; it ends there instead of beginning when `anchor` is `end`."""

    x: float
    y: float
    text: str
    anchor: str


class Lane(Struct, frozen=True, kw_only=True):
    """One fault episode: a band from `x` on, with the label in a row of its own at `y`."""

    x: float
    y: float
    width: float
    label: Label
    bit: bool


class Timeline(Struct, frozen=True, kw_only=True):
    """Everything that is drawn, in a box of `WIDTH` by `height`.

    `ok`, `lost`, `unknown` and `failed` are bars of operations per second, stacked; `median` and `high` are the
    points of the lines of latency (50th and 99th percentile of what was acknowledged), as SVG's polyline
    wants them.
    """

    height: float
    rates_top: float
    latency_top: float
    marks_top: float
    lanes: tuple[Lane, ...]
    ok: tuple[Bar, ...]
    lost: tuple[Bar, ...]
    unknown: tuple[Bar, ...]
    failed: tuple[Bar, ...]
    median: tuple[str, ...]
    high: tuple[str, ...]
    marks: tuple[Label, ...]
    times: tuple[Tick, ...]
    rates: tuple[Tick, ...]
    latencies: tuple[Tick, ...]


class _Axis(Struct, frozen=True, kw_only=True):
    """The time axis: from nanoseconds to a coordinate."""

    start_ns: int
    end_ns: int

    def x(self, at_ns: float) -> float:
        share = (at_ns - self.start_ns) / (self.end_ns - self.start_ns)
        return round(LEFT + min(1.0, max(0.0, share)) * (WIDTH - LEFT - RIGHT), 2)

    def ticks(self) -> tuple[Tick, ...]:
        step_s = _step((self.end_ns - self.start_ns) / _NS, 10)
        first, last = (at_ns / _NS / step_s for at_ns in (self.start_ns, self.end_ns))
        return tuple(
            Tick(at=self.x(number * step_s * _NS), label=f"{number * step_s:.6g} s")
            for number in range(math.ceil(first), math.floor(last) + 1)
        )


def timeline(
    columns: Columns,
    episodes: Sequence[Episode],
    marks: Iterable[Mark],
    *,
    from_ns: int | None = None,
    lost_ns: Sequence[int] = (),
) -> Timeline | None:
    """Return the timeline of a run, or None when nothing was ever called.

    It begins at `from_ns`, or else with the first call, and ends with the last return. Operations are
    counted where they returned; those that never did, where they were called. `lost_ns` are returns of
    acknowledged operations that were lost: they are drawn apart from the others. O(operations).
    """
    import numpy as np

    if not len(columns.call_ns):
        return None
    at_ns = np.where(columns.return_ns < 0, columns.call_ns, columns.return_ns)
    start_ns = int(columns.call_ns.min()) if from_ns is None else from_ns
    axis = _Axis(start_ns=start_ns, end_ns=max(start_ns, int(at_ns.max())) + 1)
    edges = np.linspace(axis.start_ns, axis.end_ns, BINS + 1)
    lanes, rates_top = _lanes(episodes, axis)
    latency_top = rates_top + RATES_HEIGHT + _GAP
    marks_top = latency_top + LATENCY_HEIGHT + _GAP
    labels, height = _labels(marks, axis, marks_top)
    numbers = {code: np.histogram(at_ns[columns.outcome == code], edges)[0] for code in (OK, INFO, FAIL)}
    lost = np.histogram(np.asarray(lost_ns, dtype=np.int64), edges)[0]
    layers = (numbers[OK] - lost, lost, numbers[INFO], numbers[FAIL])
    bars, rates = _rates(layers, rates_top, axis)
    median, high, latencies = _latency(columns, at_ns, edges, latency_top, axis)
    return Timeline(
        height=height,
        rates_top=rates_top,
        latency_top=latency_top,
        marks_top=marks_top,
        lanes=lanes,
        ok=bars[0],
        lost=bars[1],
        unknown=bars[2],
        failed=bars[3],
        median=median,
        high=high,
        marks=labels,
        times=axis.ticks(),
        rates=rates,
        latencies=latencies,
    )


def _lanes(episodes: Sequence[Episode], axis: _Axis) -> tuple[tuple[Lane, ...], float]:
    """Return the bands, and where the next panel begins; each label takes the first row with room for it."""
    lanes: list[Lane] = []
    rows: list[float] = []
    for episode in sorted(episodes, key=lambda episode: episode.from_ns):
        x = axis.x(episode.from_ns)
        end = axis.x(axis.end_ns if episode.until_ns is None else episode.until_ns)
        text = " ".join(filter(None, (episode.fault, episode.detail, ", ".join(episode.targets))))
        row, label = _row(rows, x, max(end, x + 1), text)
        placed = Label(x=label.x, y=row * LANE + 14, text=text, anchor=label.anchor)
        lanes.append(
            Lane(x=x, y=row * LANE, width=max(1.0, round(end - x, 2)), label=placed, bit=episode.bit)
        )
    return tuple(lanes), len(rows) * LANE + 20


def _labels(marks: Iterable[Mark], axis: _Axis, top: float) -> tuple[tuple[Label, ...], float]:
    labels: list[Label] = []
    rows: list[float] = []
    for mark in sorted(marks, key=lambda mark: mark.at_ns):
        if axis.start_ns <= mark.at_ns <= axis.end_ns:
            row, label = _row(rows, axis.x(mark.at_ns), axis.x(mark.at_ns), mark.label)
            y = top + row * LANE + 14
            labels.append(Label(x=label.x, y=y, text=mark.label, anchor=label.anchor))
    return tuple(labels), top + len(rows) * LANE + 8


def _row(rows: list[float], x: float, end: float, text: str) -> tuple[int, Label]:
    """Find the first row that is free from `x` on, and the side on which the text has room.

    `rows` are where each row is free from; it is brought up to date.
    """
    width = len(text) * _LETTER + 12
    anchor = "start" if x + width <= WIDTH else "end"
    left = x if anchor == "start" else min(x, max(end, x) - width)
    right = max(end, x + width) if anchor == "start" else max(end, x)
    row = next((index for index, free in enumerate(rows) if free <= left), len(rows))
    if row == len(rows):
        rows.append(right)
    rows[row] = right
    at = x + 5 if anchor == "start" else max(end, x) - 5
    return row, Label(x=round(at, 2), y=0, text=text, anchor=anchor)


def _rates(
    layers: Sequence["NDArray[np.int64]"], top: float, axis: _Axis
) -> tuple[Sequence[tuple[Bar, ...]], tuple[Tick, ...]]:
    """Return the bars of each layer of counts, the first at the bottom, and the axis."""
    import numpy as np

    bin_s = (axis.end_ns - axis.start_ns) / BINS / _NS
    most = max(int(np.sum(layers, axis=0).max()), 1) / bin_s
    step = _step(most, 3)
    full = math.ceil(most / step) * step
    scale = RATES_HEIGHT / (full * bin_s)
    base = np.full(BINS, float(top + RATES_HEIGHT))
    width = (WIDTH - LEFT - RIGHT) / BINS
    bars = []
    for counted in layers:
        heights = counted * scale
        base = base - heights
        bars.append(
            tuple(
                Bar(
                    x=round(LEFT + index * width, 2),
                    y=round(float(base[index]), 2),
                    width=round(width - 0.6, 2),
                    height=round(float(heights[index]), 2),
                )
                for index in np.flatnonzero(counted)
            )
        )
    ticks = tuple(
        Tick(at=round(top + RATES_HEIGHT * (1 - value / full), 2), label=f"{value:g}")
        for value in (step * number for number in range(round(full / step) + 1))
    )
    return bars, ticks


def _latency(
    columns: Columns, at_ns: "NDArray[np.int64]", edges: "NDArray[np.float64]", top: float, axis: _Axis
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[Tick, ...]]:
    """Return the lines of the median and the 99th percentile of acknowledged operations, and the axis.

    The axis is logarithmic, in whole decades; where nothing was acknowledged the lines have a gap.
    """
    import numpy as np

    chosen = (columns.outcome == OK) & (columns.return_ns >= axis.start_ns)
    if not chosen.any():
        return (), (), ()
    seconds = np.maximum((columns.return_ns[chosen] - columns.call_ns[chosen]) / _NS, 1e-6)
    low = math.floor(math.log10(float(seconds.min())))
    high = max(low + 1, math.ceil(math.log10(float(seconds.max()))))
    bins = np.clip(np.digitize(at_ns[chosen], edges) - 1, 0, BINS - 1)
    order = np.argsort(bins, kind="stable")
    groups = np.split(seconds[order], np.searchsorted(bins[order], np.arange(1, BINS)))

    def y(value: float) -> float:
        return round(top + LATENCY_HEIGHT * (1 - (math.log10(value) - low) / (high - low)), 2)

    lines: tuple[list[list[str]], list[list[str]]] = ([[]], [[]])
    for index, group in enumerate(groups):
        for line, share in zip(lines, (50, 99), strict=True):
            if len(group):
                x = axis.x((edges[index] + edges[index + 1]) / 2)
                line[-1].append(f"{x},{y(float(np.percentile(group, share)))}")
            elif line[-1]:
                line.append([])
    median, upper = (tuple(" ".join(points) for points in line if points) for line in lines)
    ticks = tuple(Tick(at=y(10.0**power), label=_duration(power)) for power in range(low, high + 1))
    return median, upper, ticks


def _duration(power: int) -> str:
    """Return ten to the power of `power` seconds as a label."""
    if power >= 0:
        return f"{10**power} s"
    return f"{10 ** (power + 3)} ms" if power >= -3 else f"{10 ** (power + 6)} µs"


def _step(span: float, most: int) -> float:
    """Return the smallest of 1, 2 and 5 times a power of ten that divides `span` into at most `most` steps."""
    power = 10.0 ** math.floor(math.log10(span / most))
    return next(factor * power for factor in (1, 2, 5, 10) if span / (factor * power) <= most)
