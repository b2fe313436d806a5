"""Whether there were as many copies as promised when a write was acknowledged.

Fewer is a violation in itself: nothing needs to crash for it. The proof is what the nodes reported, at the
moment when the client got its answer:

- A copy counts if its node reported it by then, whatever became of it later: a copy that a fault destroyed
  before the answer arrived had been made.
- A copy that was reported later was made later, and one that was never reported was not made, provided that
  the reports are complete: a node reports in order and before it acts, so any later report of the same
  process shows that nothing is missing. A node that was killed, paused or without power from the call to the
  return made no copy in between either.
- Otherwise (the node's reports ended around then, or its next one is that of a restart) it can't be told. A
  write that would have enough copies if all such nodes held it is `inconclusive`, any other is `violated`.
- A disk that deceives its node (a fault that no contract covers) counts as holding what was written meanwhile:
  the node could not know better.
- An acknowledgement marked as degraded, by a system that may degrade, promises the primary's own disk, and
  the nodes that its last report of degrading said are in sync. If that changed between the call and the
  return, each of the states in between is good enough.

Systems that report nothing can't be judged here; what they lose still is.
"""

from collections.abc import Iterator, Mapping

from checkers.evidence.case import Case
from checkers.evidence.holders import Copies, Holders, count_copies
from checkers.evidence.ledger import Write
from checkers.words import at, names, rest, seconds
from harness.checker import CheckResult, Finding, RecordedRun
from harness.events import Medium
from harness.verdict import Verdict, merge
from harness.words import plural

STORIES = 10
"""How many acknowledgements are told one by one; the others are counted."""


class CopiesAtAck:
    """Checks that each write had the copies that its contract promises when it was acknowledged.

    `tolerance_s` is by how much the nodes' clocks may differ from the clients'; 0 on one machine.
    """

    name = "copies"

    def __init__(self, tolerance_s: float = 0.0) -> None:
        self._tolerance_ns = round(tolerance_s * 1e9)

    def check(self, run: RecordedRun) -> CheckResult:
        """Judge every acknowledged write. About 4 µs a write."""
        if not run.reports:
            return self._result(Verdict.HOLDS, "not judged: the system does not report its copies")
        case = Case(run, tolerance_ns=self._tolerance_ns)
        copies = count_copies(case)
        ledger = case.ledger
        acknowledged, degraded, short, unproved, untraced = (
            ledger.operations(mask)
            for mask in (
                ledger.acknowledged(),
                ledger.acknowledged() & ledger.degraded,
                copies.short,
                copies.unproved,
                copies.untraced,
            )
        )
        figures = {"judged": acknowledged - untraced, "short": short, "unproved": unproved}
        if not acknowledged:
            return self._result(Verdict.INCONCLUSIVE, "no write was acknowledged", figures=figures)
        findings = list(_findings(case, copies))
        if untraced:
            title = f"{plural(untraced, 'acknowledged write')} without the log entry that carries it"
            findings.append(Finding(verdict=Verdict.INCONCLUSIVE, title=title))
        if findings:
            summary = f"of {plural(acknowledged, 'acknowledged write')}, {short} had too few copies"
            summary += f"; of {unproved + untraced} it can't be told" if unproved + untraced else ""
        else:
            summary = f"{plural(acknowledged - degraded, 'write')} acknowledged {run.contract.promise}"
            summary += f"; {degraded} degraded, with the copies they had" if degraded else ""
        verdict = merge((Verdict.HOLDS, *(finding.verdict for finding in findings)))
        return self._result(verdict, summary, findings=tuple(findings), figures=figures)

    def _result(
        self,
        verdict: Verdict,
        summary: str,
        *,
        findings: tuple[Finding, ...] = (),
        figures: Mapping[str, int] = {},
    ) -> CheckResult:
        return CheckResult(
            checker=self.name, verdict=verdict, summary=summary, findings=findings, figures=figures
        )


def _findings(case: Case, copies: Copies) -> Iterator[Finding]:
    for verdict, mask, what in (
        (Verdict.VIOLATED, copies.short, "acknowledged with too few copies"),
        (Verdict.INCONCLUSIVE, copies.unproved, "acknowledged with copies that can't be proved"),
    ):
        untold = []
        for told, write in enumerate(case.ledger.writes(mask)):
            if told < STORIES:
                lines = tuple(_story(case, write, copies.holders(write.row)))
                yield Finding(verdict=verdict, title=f"{write.element} was {what}", lines=lines)
            else:
                untold.append((write.epoch, write.offset))
        if untold:
            yield rest(verdict, what, untold)


def _story(case: Case, write: Write, holders: Holders) -> Iterator[str]:
    contract, returned_ns = case.contract, write.return_ns or 0
    degraded = " (degraded)" if holders.demand else ""
    yield (
        f"{at(returned_ns)}: acknowledged{degraded} by {holders.primary or 'an unknown primary'} "
        f"as offset {write.offset} of epoch {write.epoch}"
    )
    if holders.demand:
        others = " or ".join(names(nodes) for nodes in holders.demand if nodes)
        yield "promised: on the primary's own disk" + (f", and on those in sync: {others}" if others else "")
    else:
        yield f"promised: {contract.promise}"
    yield f"by then on the disks of {names(holders.disk)}"
    if contract.medium is Medium.MEMORY:
        yield f"by then in the memory of {names(holders.memory)}"
    for node in contract.nodes:
        for medium in Medium if node not in holders.disk else ():
            at_ns = case.reports.when_stored(node, medium, write.epoch, write.offset)
            if at_ns is not None and at_ns > returned_ns:
                yield f"{at(at_ns)}: {node} had it ({medium}), {seconds(at_ns - returned_ns)} after the answer"
    for node in sorted(holders.unknown):
        yield f"not known: the reports of {node} may be incomplete around then"
