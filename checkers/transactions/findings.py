"""What the transactions of a history come to, in the words that all checkers use."""

from checkers.transactions.check import Result
from harness.checker import Finding
from harness.verdict import Verdict
from harness.words import plural


def summary(result: Result) -> str:
    """Return what was found in one line."""
    told = ", ".join(f"{each.anomaly} ({each.count:,})" for each in result.found) or "no anomaly"
    impossible = f"; not {' nor '.join(result.violated)}" if result.violated else ""
    stronger = f"; may be {' and '.join(result.may_hold)}"
    # After a search that was not complete nothing is known of the models that it would have ruled out.
    possible = stronger if result.violated and result.may_hold and not result.reason else ""
    return f"{plural(result.transactions, 'transaction')}: {told}{impossible}{possible}"


def findings(result: Result) -> tuple[Finding, ...]:
    """Return one finding for each anomaly: its first stories; of what the model allows, nothing is at fault."""
    verdict = result.verdict if result.verdict is Verdict.VIOLATED else Verdict.HOLDS
    findings = [
        Finding(
            verdict=verdict,
            title=f"{found.anomaly}: {plural(found.count, 'case')}",
            lines=tuple(line for story in found.stories[:2] for line in (story.title, *story.lines)),
        )
        for found in result.found
    ]
    if result.reason:
        findings.append(Finding(verdict=Verdict.INCONCLUSIVE, title=result.reason))
    return tuple(findings)
