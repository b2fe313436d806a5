"""What comes of one expectation: met, not shown, or broken."""

from collections.abc import Mapping

from msgspec import Struct

from harness.verdict import Verdict


class Answer(Struct, frozen=True, kw_only=True):
    """One expectation's verdict, what was seen in one line, and the evidence."""

    verdict: Verdict
    seen: str
    lines: tuple[str, ...] = ()
    figures: Mapping[str, float] = {}


def met(seen: str, *lines: str, **figures: float) -> Answer:
    """Return that it was as expected."""
    return Answer(verdict=Verdict.HOLDS, seen=seen, lines=lines, figures=figures)


def not_shown(seen: str, *lines: str, **figures: float) -> Answer:
    """Return that what the scenario is there to show did not happen: the run proves nothing about it."""
    return Answer(verdict=Verdict.INCONCLUSIVE, seen=seen, lines=lines, figures=figures)


def broken(seen: str, *lines: str, **figures: float) -> Answer:
    """Return that a promise was broken."""
    return Answer(verdict=Verdict.VIOLATED, seen=seen, lines=lines, figures=figures)
