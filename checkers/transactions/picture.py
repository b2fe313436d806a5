"""A cycle as a picture: transactions from top to bottom, what they did, and an arrow for each "comes before".

Geometry first, as plain shapes; a template turns them into one SVG that needs nothing else. What is told by
colour is told by a mark, an outline or a pattern of the line as well.
"""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jinja2
import msgspec
from msgspec import Struct

from checkers.transactions.explanation import Step, Story
from harness.episode import Episode

WIDTH = 1000
LEFT = 24
RIGHT = 64
"""How much is left free on the right, for the arrow back."""
TOP = 44
BOX = 58
CELL = 22
LINE = 15

_LETTER = 6.6
"""Width of a letter, about."""
_MOST = 46
"""How many letters a cell has at most."""
_WRAP = 118


class Cell(Struct, frozen=True, kw_only=True):
    """A micro-operation as it is drawn; `proves` tells whether an edge rests on it."""

    x: float
    y: float
    width: float
    text: str
    title: str
    proves: bool


class Box(Struct, frozen=True, kw_only=True):
    """A transaction as it is drawn."""

    y: float
    kind: str
    text: str
    cells: tuple[Cell, ...]


class Arrow(Struct, frozen=True, kw_only=True):
    """An edge as it is drawn: its path, and the lines of its reason."""

    path: str
    kind: str
    closing: bool
    y: float
    lines: tuple[str, ...]


class Picture(Struct, frozen=True, kw_only=True):
    """All that is drawn, in a box of `WIDTH` by `height`."""

    title: str
    height: float
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


def pictures(certificate: Mapping[str, Any], _: Sequence[Episode] = ()) -> Iterator[str]:
    """Yield the pictures of a certificate's cycles; entry-point group `acked.pictures`.

    Raises msgspec.ValidationError for what is no certificate of transactions.
    """
    for each in certificate["anomalies"]:
        story = msgspec.convert(each["story"], Story)
        if story.is_cycle:
            yield svg(story)


def svg(story: Story) -> str:
    """Return the picture of a cycle."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("checkers.transactions"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("cycle.svg")
    return template.render(
        picture=picture(story), width=WIDTH, left=LEFT, right=WIDTH - RIGHT, box=BOX, cell=CELL
    )


def picture(story: Story) -> Picture:
    """Return the geometry of a cycle."""
    proving = _proving(story)
    reasons = [_reason(step) for step in story.steps]
    tops, y = [], float(TOP)
    for reason in reasons:
        tops.append(y)
        y += BOX + 30 + LINE * len(reason)
    boxes = tuple(_box(step, top, proving) for step, top in zip(story.steps, tops, strict=True))
    arrows = tuple(_arrow(place, boxes, story, reason) for place, reason in enumerate(reasons))
    return Picture(title=story.title, height=y + 34, boxes=boxes, arrows=arrows)


def _proving(story: Story) -> set[tuple[int, int]]:
    pointers = [
        pointer for step in story.steps for pointer in (step.before, step.after) if pointer is not None
    ]
    return {(pointer.id, pointer.place) for pointer in pointers}


def _reason(step: Step) -> tuple[str, ...]:
    return tuple(textwrap.wrap(f"{step.edge}: {step.why}", _WRAP))


def _box(step: Step, y: float, proving: set[tuple[int, int]]) -> Box:
    when = f"called at {step.call_ns / 1e9:.6f} s"
    known = step.outcome != "info"
    when += f", returned at {step.return_ns / 1e9:.6f} s" if known else ", outcome unknown, but it was read"
    cells: list[Cell] = []
    x = float(LEFT + 10)
    for place, text in enumerate(step.micro):
        shown = text if len(text) <= _MOST else f"{text[: _MOST - 1]}…"
        width = len(shown) * _LETTER + 14
        if x + width > WIDTH - RIGHT - 30 and place + 1 < len(step.micro):
            shown, width = "…", 24.0
        proves = (step.id, place) in proving
        cells.append(Cell(x=x, y=y + 28, width=width, text=shown, title=text, proves=proves))
        x += width + 8
        if shown == "…":
            break
    return Box(
        y=y,
        kind="ok" if known else "unknown",
        text=f"T{step.id}{'' if known else ' ?'} · process {step.process} · {when}",
        cells=tuple(cells),
    )


def _arrow(place: int, boxes: tuple[Box, ...], story: Story, reason: tuple[str, ...]) -> Arrow:
    closing = place + 1 == len(boxes)
    one, other = boxes[place], boxes[(place + 1) % len(boxes)]
    if closing:
        path = f"M{WIDTH - RIGHT} {one.y + BOX / 2} h26 V{other.y + BOX / 2} h-20"
    else:
        path = f"M{LEFT + 14} {one.y + BOX} V{other.y - 6}"
    return Arrow(path=path, kind=story.steps[place].edge, closing=closing, y=one.y + BOX + 19, lines=reason)
