"""A failing window as a picture: lanes of processes, intervals of operations, the point where it gets stuck.

Geometry first, as plain shapes; a template turns them into one SVG that needs nothing else. What is told by colour
is also told by pattern, outline and mark.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import jinja2
import msgspec
from msgspec import Struct
from msgspec.structs import replace

from checkers.linearizability.certificate import Role, Window, WindowOperation
from checkers.linearizability.models.words import either, shown
from harness.episode import Episode

WIDTH = 1000
LEFT = 96
RIGHT = 24
TOP = 40
BAND = 18
HEAD = 30
ROW = 40
BAR = 14

_LETTER = 6.4
"""Width of a letter of the labels, about."""


class Band(Struct, frozen=True, kw_only=True):
    """A fault that was there from an instant to another, None while it lasted."""

    label: str
    from_ns: int
    until_ns: int | None


class Shade(Struct, frozen=True, kw_only=True):
    """A band as it is drawn: its head and label in a row of its own."""

    x: float
    width: float
    y: float
    label: str
    label_x: float
    anchor: str


class Interval(Struct, frozen=True, kw_only=True):
    """An operation as it is drawn; `open_left` and `open_right` where it goes on beyond the picture.

    Its text begins at `text_x`, or ends there where `anchor` is "end".
    """

    x: float
    y: float
    width: float
    kind: str
    text: str
    text_x: float
    anchor: str
    title: str
    place: int | None
    open_left: bool
    open_right: bool


class Lane(Struct, frozen=True, kw_only=True):
    """The rows of one process."""

    y: float
    height: float
    label: str


class Tick(Struct, frozen=True, kw_only=True):
    """A time on the axis, and where the middle of its label is."""

    x: float
    label: str
    label_x: float


class Picture(Struct, frozen=True, kw_only=True):
    """All that is drawn, in a box of `WIDTH` by `height`."""

    title: str
    height: float
    top: float
    bottom: float
    entry: str
    entry_x: float
    stuck: str
    stuck_x: float
    shades: tuple[Shade, ...]
    lanes: tuple[Lane, ...]
    intervals: tuple[Interval, ...]
    ticks: tuple[Tick, ...]


def pictures(certificate: Mapping[str, Any], episodes: Sequence[Episode] = ()) -> Iterator[str]:
    """Yield the pictures of a certificate's windows, with faults as bands; entry-point group `acked.pictures`.

    Raises msgspec.ValidationError for what is no certificate of windows.
    """
    bands = [
        Band(
            label=" ".join(filter(None, (each.fault, each.detail, ", ".join(each.targets)))),
            from_ns=each.from_ns,
            until_ns=each.until_ns,
        )
        for each in episodes
    ]
    for each in certificate["windows"]:
        yield svg(msgspec.convert(each, Window), bands)


def svg(window: Window, bands: Iterable[Band] = ()) -> str:
    """Return the picture of a window, with faults as bands behind it."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("checkers.linearizability"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("window.svg")
    return template.render(
        picture=picture(window, bands), width=WIDTH, left=LEFT, right=WIDTH - RIGHT, bar=BAR
    )


def picture(window: Window, bands: Iterable[Band] = ()) -> Picture:
    """Return the geometry of a window."""
    axis = _Axis(*_span(window))
    shades = _shades([band for band in bands if axis.shows(band)], axis)
    top = TOP + BAND * len(shades)
    lanes, intervals, bottom = _lanes(window, axis, top + HEAD)
    stuck = next(each for each in window.operations if each.id == window.stuck)
    named = "" if window.key is None else f" {shown(window.key)}"
    held = "whatever it held" if window.any_state else f"holds {either(window.entry_texts)}"
    entry_x = axis.x(axis.start_ns if window.from_ns is None else window.from_ns)
    return Picture(
        title=f"{window.model}{named}: no order of these is possible",
        height=bottom + 44,
        top=top,
        bottom=bottom,
        entry=_fitting(f"entry: {held}", WIDTH - RIGHT - entry_x),
        entry_x=entry_x,
        stuck=f"stuck: {stuck.text} must have happened",
        stuck_x=axis.x(window.until_ns),
        shades=shades,
        lanes=lanes,
        intervals=intervals,
        ticks=axis.ticks(),
    )


def _fitting(text: str, width: float) -> str:
    """Return as much of a text as there is room for."""
    most = int(width / _LETTER)
    return text if len(text) <= most else f"{text[: most - 1]}…"


class _Axis:
    """From nanoseconds to a coordinate."""

    def __init__(self, start_ns: int, end_ns: int) -> None:
        self.start_ns, self.end_ns = start_ns, end_ns

    def x(self, at_ns: float) -> float:
        share = (at_ns - self.start_ns) / (self.end_ns - self.start_ns)
        return round(LEFT + min(1.0, max(0.0, share)) * (WIDTH - LEFT - RIGHT), 2)

    def shows(self, band: Band) -> bool:
        return band.from_ns <= self.end_ns and (band.until_ns is None or band.until_ns >= self.start_ns)

    def ticks(self) -> tuple[Tick, ...]:
        span = self.end_ns - self.start_ns
        power = 10.0 ** math.floor(math.log10(span / 8))
        step = next(factor * power for factor in (1, 2, 5, 10) if span / (factor * power) <= 8)
        # One place after the point is easier to read than three more letters.
        unit, name = next((unit, name) for unit, name in _UNITS if step * 10 >= unit or unit == 1)
        first, last = math.ceil(self.start_ns / step), math.floor(self.end_ns / step)
        return tuple(
            _tick(self.x(number * step), f"{number * step / unit:,.10g} {name}")
            for number in range(first, last + 1)
        )


def _tick(x: float, label: str) -> Tick:
    """Return a tick whose label ends within the picture."""
    return Tick(x=x, label=label, label_x=round(min(x, WIDTH - 4 - len(label) * _LETTER / 2), 2))


_UNITS = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1, "ns"))


def _span(window: Window) -> tuple[int, int]:
    """Return the time that is shown: the window, and a little on both sides."""
    start_ns = min(each.call_ns for each in window.required)
    if window.from_ns is not None:
        start_ns = min(start_ns, window.from_ns)
    margin = max(1, (window.until_ns - start_ns) // 12)
    return start_ns - margin, window.until_ns + margin


def _shades(bands: Sequence[Band], axis: _Axis) -> tuple[Shade, ...]:
    shades = []
    for row, band in enumerate(sorted(bands, key=lambda band: band.from_ns)):
        x = axis.x(band.from_ns)
        end = axis.x(axis.end_ns if band.until_ns is None else band.until_ns)
        fits = x + len(band.label) * _LETTER + 8 < WIDTH
        shades.append(
            Shade(
                x=x,
                width=round(max(2.0, end - x), 2),
                y=TOP + BAND * row - 12,
                label=band.label,
                label_x=x + 5 if fits else end - 5,
                anchor="start" if fits else "end",
            )
        )
    return tuple(shades)


def _lanes(window: Window, axis: _Axis, top: float) -> tuple[tuple[Lane, ...], tuple[Interval, ...], float]:
    """Return a lane for each process, with as many rows as its labels need."""
    lanes: list[Lane] = []
    intervals: list[Interval] = []
    for process in sorted({each.process for each in window.operations}):
        free: list[float] = []
        for each in window.operations:
            if each.process == process:
                drawn = _interval(window, each, axis)
                begin, end = _reach(drawn)
                row = next((index for index, until in enumerate(free) if until <= begin), len(free))
                free[row : row + 1] = [end + 4]
                intervals.append(replace(drawn, y=top + ROW * row + 20))
        lanes.append(Lane(y=top, height=ROW * len(free), label=f"process {process}"))
        top += ROW * len(free)
    return tuple(lanes), tuple(intervals), top


def _interval(window: Window, each: WindowOperation, axis: _Axis) -> Interval:
    """Return an operation in the first row, its text where there is more room for it."""
    x = axis.x(each.call_ns)
    width = round(max(3.0, axis.x(_end(each, axis)) - x), 2)
    kind = "stuck" if each.id == window.stuck else "required" if each.role is Role.REQUIRED else "possible"
    text = f"✘ {each.text}" if kind == "stuck" else each.text
    text_x, room = x + (2 if each.place is None else 18), WIDTH - x - 20
    to_left = len(text) * _LETTER > room and x + width - LEFT > room
    return Interval(
        x=x,
        y=0,
        width=width,
        kind=kind,
        text=_fitting(text, x + width - LEFT if to_left else room),
        text_x=x + width if to_left else text_x,
        anchor="end" if to_left else "start",
        title=f"operation {each.id}: {each.story or 'it may have happened, which does not help'}",
        place=each.place,
        open_left=each.call_ns < axis.start_ns,
        open_right=each.return_ns is None or each.return_ns > axis.end_ns,
    )


def _reach(each: Interval) -> tuple[float, float]:
    """Return from where to where an interval and its text go."""
    long = len(each.text) * _LETTER
    if each.anchor == "end":
        return min(each.x, each.text_x - long), each.x + each.width
    return each.x, max(each.x + each.width, each.text_x + long + 8)


def _end(each: WindowOperation, axis: _Axis) -> int:
    return axis.end_ns if each.return_ns is None else each.return_ns
