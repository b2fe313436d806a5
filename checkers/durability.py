"""Whether every acknowledged write was still there after the faults, and if not, whether that was permitted.

The judge of the whole project's question. An element is lost if its write was acknowledged (not merely of
unknown outcome) and the survivor's final state, read after the clients had stopped, lacks it. Each loss is
ruled on: from the nodes' reports (`checkers.rulings.judge`), or for systems that report nothing from roles and
faults alone (`checkers.rulings.unreported`). What no contract permits is looked for as well
(`checkers.integrity`).

A run in which nothing was acknowledged, or whose final state could not be read, proves nothing.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from checkers.counters import Counters
from checkers.evidence.case import Case
from checkers.evidence.sightings import all_sightings
from checkers.integrity import breaches
from checkers.rulings.certificate import certificate
from checkers.rulings.losses import Court
from checkers.rulings.ruling import GRAVEST_FIRST
from checkers.rulings.story import tell
from checkers.toll import Toll
from checkers.words import at, names
from harness.checker import CheckResult, Finding, RecordedRun
from harness.verdict import Verdict, merge
from harness.words import plural


class Durability:
    """Checks that no acknowledged write is lost, but where the contract permits it.

    `tolerance_s` is by how much the machines' clocks may differ; 0 on one machine.
    """

    name = "durability"

    def __init__(self, tolerance_s: float = 0.0) -> None:
        self._tolerance_ns = round(tolerance_s * 1e9)

    def check(self, run: RecordedRun) -> CheckResult:
        """Judge the run: three passes over its history, about 15 µs an operation."""
        case = Case(run, tolerance_ns=self._tolerance_ns)
        court = Court(case)
        ledger = case.ledger
        toll = Toll(case, court.rulings(court.lost_rows()))
        counters = Counters(case)
        for operation in run.history:
            counters.see(operation)
        rivals = tuple(_rivals(case))
        others = (*breaches(case, all_sightings(case)), *counters.out_of_bounds(), *_gaps(case))
        losses = toll.gravest.findings(partial(tell, case), what="acknowledged and lost")
        findings = (*rivals, *losses, *others)
        verdict = merge((Verdict.HOLDS, *(finding.verdict for finding in findings)))
        figures = {
            "acknowledged": ledger.operations(ledger.acknowledged()),
            "degraded": ledger.operations(ledger.acknowledged() & ledger.degraded),
            **toll.counts(),
            **toll.rpo(),
        }
        return CheckResult(
            checker=self.name,
            verdict=verdict,
            summary=_summary(run, figures) + _besides((*rivals, *others)),
            findings=findings,
            figures=figures,
            certificate=certificate(case, court.lost_rows()),
        )


def _rivals(case: Case) -> Iterator[Finding]:
    for before, after in case.lineage.forgotten:
        if not case.may_forget(before, after):
            twice = "twice" if before.epoch == after.epoch else f"after epoch {before.epoch}"
            lost = case.lost_its_disk(before, after)
            why = f"{names(after.heard)} elected it" if lost else "no fault had taken its disk meanwhile"
            yield Finding(
                verdict=Verdict.VIOLATED,
                title=f"{after.node} began epoch {after.epoch} {twice}",
                lines=(f"at {at(before.at_ns)} and at {at(after.at_ns)}: {why}",),
            )
    for first, second in case.lineage.rivals:
        forgetful = case.deceived(since_ns=0, until_ns=second.at_ns + case.tolerance_ns)
        yield Finding(
            verdict=Verdict.INCONCLUSIVE if forgetful else Verdict.VIOLATED,
            title=f"epoch {first.epoch} had two primaries, {first.node} and {second.node}",
            lines=(f"the disks of {names(forgetful)} may have lost a vote that they had said is durable",)
            if forgetful
            else (),
        )


def _gaps(case: Case) -> Iterator[Finding]:
    """Yield the reasons why the run proves less than it should, or nothing."""
    ledger, survivor = case.ledger, case.run.survivor
    acknowledged = ledger.acknowledged()
    if not acknowledged.any():
        yield Finding(verdict=Verdict.INCONCLUSIVE, title="no write was acknowledged: the run proves nothing")
    elif survivor is None:
        if not case.run.left_down:
            yield Finding(verdict=Verdict.INCONCLUSIVE, title="no primary survived whose state could be read")
    elif unread := ledger.operations(acknowledged & ~ledger.covered):
        title = f"of {plural(unread, 'acknowledged write')} the keys were not read on {survivor} in the end"
        keys = sorted({write.key for write in ledger.writes(acknowledged & ~ledger.covered)})
        lines = (f"keys {names(keys[:10])}" + (f" and {len(keys) - 10} more" if len(keys) > 10 else ""),)
        yield Finding(verdict=Verdict.INCONCLUSIVE, title=title, lines=lines)


def _summary(run: RecordedRun, figures: dict[str, Any]) -> str:
    if not figures["acknowledged"]:
        return "no write was acknowledged"
    if run.left_down:
        return f"{plural(figures['acknowledged'], 'write')} acknowledged; no recovery is expected"
    told = f"{plural(figures['acknowledged'], 'write')} acknowledged, {figures['lost']} lost"
    if figures["lost"]:
        told += ": " + ", ".join(f"{figures[str(r)]} {r}" for r in GRAVEST_FIRST if figures[str(r)])
        told += (
            "" if run.reports else ", by roles and faults alone, since the system does not report its copies"
        )
    return told


def _besides(others: Sequence[Finding]) -> str:
    """Say what is violated besides losses."""
    titles = [finding.title for finding in others if finding.verdict is Verdict.VIOLATED]
    if not titles:
        return ""
    return f"; {titles[0]}" + (f", and {len(titles) - 1} more such" if len(titles) > 1 else "")
