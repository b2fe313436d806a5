"""What a certificate shows, drawn: a failing window, a cycle of transactions.

Who can draw a certificate is found by its kind, in the entry-point group `acked.pictures`: a function that takes
a certificate and the faults of the run, and yields an SVG for each of its claims. A picture is made from the
certificate's data whenever a page is, so that no recorded file is ever put into a page as markup.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from harness import plugins
from harness.checker import CheckResult
from harness.episode import Episode

GROUP = "acked.pictures"

MOST = 5
"""How many claims of one certificate are drawn."""

Draw = Callable[[Mapping[str, Any], Sequence[Episode]], Iterator[str]]


def of_checks(
    checks: Sequence[CheckResult], episodes: Sequence[Episode] = ()
) -> Mapping[str, tuple[str, ...]]:
    """Return the pictures of each checker's certificate as SVG, in the order of its claims, by checker.

    Those of a kind that nobody draws are left out. Raises PluginError for a certificate that can't be drawn.
    """
    drawn = {check.checker: _of(check, episodes) for check in checks}
    return {checker: pictures for checker, pictures in drawn.items() if pictures}


def _of(check: CheckResult, episodes: Sequence[Episode]) -> tuple[str, ...]:
    certificate = check.certificate
    if certificate is None or certificate.get("kind") not in plugins.installed(GROUP):
        return ()
    draw: Draw = plugins.load(GROUP, certificate["kind"])
    with plugins.blaming(f"the certificate of {check.checker} can't be drawn"):
        return tuple(islice(draw(certificate, episodes), MOST))
