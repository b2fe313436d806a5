"""What all pages have in common: templates that escape everything, and the words and signs of verdicts.

A page makes no request, runs no script, and whatever a system, a scenario or a history calls itself is text in it:
the template engine escapes everything, and a policy in the page forbids the rest.
"""

from collections.abc import Mapping

import jinja2
from markupsafe import Markup

from harness import charts, deaths, summary
from harness.verdict import Verdict
from harness.words import brief, plural

SYMBOLS: Mapping[Verdict, str] = {
    Verdict.HOLDS: "✔",
    Verdict.INCONCLUSIVE: "?",
    Verdict.ERROR: "!",
    Verdict.VIOLATED: "✘",
}
"""What tells verdicts apart where colour does not."""


def environment() -> jinja2.Environment:
    """Return the templates."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("harness"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(symbols=SYMBOLS, charts=charts, Verdict=Verdict)
    made.filters.update(
        seconds=summary.seconds,
        milliseconds=summary.milliseconds,
        rpo=summary.rpo,
        losses=summary.losses,
        clock=_clock,
        told=deaths.told,
        plural=plural,
        brief=brief,
        drawing=_drawing,
    )
    return made


def _clock(at_ns: int | None) -> str:
    """Return a time of the run in seconds."""
    return "-" if at_ns is None else f"{at_ns / 1e9:.3f} s"


def _drawing(svg: str) -> Markup:
    """Return a picture that `harness.pictures` has made as part of the page; its texts are escaped already."""
    return Markup(svg)  # noqa: S704 - drawn from data by a template of its own
