"""The page of a judged history: its verdict, what each checker found, and pictures of that."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from harness import pages, pictures
from harness.checker import CheckResult
from harness.verdict import Verdict

SENTENCES: Mapping[Verdict, str] = {
    Verdict.HOLDS: "Nothing in this history contradicts what it was checked for.",
    Verdict.INCONCLUSIVE: "This shows nothing for sure: neither that the promise was kept nor that it was broken.",
    Verdict.ERROR: "A checker failed: this says nothing about the history.",
    Verdict.VIOLATED: "The history contradicts what was promised.",
}


class CheckPage(Struct, frozen=True, kw_only=True):
    """All that the page of a history shows; `certificates` are the names of files beside it, by checker."""

    verdict: Verdict
    file: str
    format: str
    operations: int
    notes: tuple[str, ...]
    checks: Sequence[CheckResult]
    certificates: Mapping[str, str]
    commands: tuple[tuple[str, str], ...]


def render(page: CheckPage) -> str:
    """Return the page as HTML."""
    return (
        pages.environment()
        .get_template("check.html")
        .render(page=page, sentence=SENTENCES[page.verdict], drawn=pictures.of_checks(page.checks))
    )
