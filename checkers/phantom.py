"""Whether reads showed values that did not last.

Under `on_ack` a write is readable once it has the copies that its contract asks for, so what a read showed may
vanish only where the contract permits the loss itself, whether or not its client ever got an answer. Under
`on_apply` a read may show what is lost a moment later: that is counted, and no violation. A write of unknown
outcome that becomes visible later is no phantom either.
"""

from collections.abc import Iterator, Sequence
from functools import partial

from msgspec import Struct

from checkers.evidence.case import Case
from checkers.evidence.ledger import Write
from checkers.evidence.sightings import Sighting, Sightings, all_sightings
from checkers.rulings.losses import Court
from checkers.rulings.ruling import GRAVEST_FIRST, Judgement
from checkers.rulings.story import VERDICTS, Gravest
from checkers.rulings.unreported import Trace
from checkers.words import at
from harness.checker import CheckResult, Finding, RecordedRun
from harness.contract import Visibility
from harness.history import INFO, OK
from harness.verdict import Verdict, merge
from harness.words import plural


class Phantom(Struct, frozen=True, kw_only=True):
    """An element that a read showed and that is gone in the end."""

    write: Write
    sighting: Sighting
    judgement: Judgement


class PhantomReads:
    """Checks that what reads showed was there to stay, as far as the contract's visibility promises."""

    name = "phantom"

    def __init__(self, tolerance_s: float = 0.0) -> None:
        self._tolerance_ns = round(tolerance_s * 1e9)

    def check(self, run: RecordedRun) -> CheckResult:
        """Judge the run: two passes over its history."""
        if run.left_down:
            return self._result(
                Verdict.HOLDS, "reads not compared: the system is expected not to recover", ()
            )
        case = Case(run, tolerance_ns=self._tolerance_ns)
        if not case.ledger.final:
            return self._result(Verdict.INCONCLUSIVE, "there is no final state to compare reads with", ())
        sightings = all_sightings(case)
        phantoms = sorted(_phantoms(case, sightings), key=lambda phantom: phantom.sighting.return_ns)
        if run.contract.visibility is Visibility.ON_APPLY:
            summary = f"reads showed {plural(len(phantoms), 'element')} that did not last, as on_apply allows"
            return self._result(Verdict.HOLDS, summary, phantoms)
        story = partial(_story, case)
        findings = tuple(Gravest(phantoms).findings(story, what="read and not there in the end"))
        verdict = merge((Verdict.HOLDS, *(finding.verdict for finding in findings)))
        return self._result(verdict, _summary(phantoms), phantoms, findings)

    def _result(
        self,
        verdict: Verdict,
        summary: str,
        phantoms: Sequence[Phantom],
        findings: tuple[Finding, ...] = (),
    ) -> CheckResult:
        rulings = [phantom.judgement.ruling for phantom in phantoms]
        figures = {"phantoms": len(phantoms), **{str(r): rulings.count(r) for r in GRAVEST_FIRST}}
        return CheckResult(
            checker=self.name, verdict=verdict, summary=summary, findings=findings, figures=figures
        )


def _phantoms(case: Case, sightings: Sightings) -> Iterator[Phantom]:
    """Yield what clients saw, before they stopped, of writes that are gone in the end."""
    court = Court(case)
    writes = case.ledger.absent() if sightings.absent else {}
    acknowledged = {}
    for element, sighting in sightings.absent.items():
        write = writes.get(element)
        if write is None or sighting.call_ns >= case.run.stopped_ns:
            continue
        outcome = case.ledger.outcome[write.row]
        if outcome == OK:
            acknowledged[write.row] = sighting
        elif outcome == INFO:
            trace = Trace(
                call_ns=write.call_ns,
                there_ns=sighting.return_ns,
                shown_by=sighting.node,
                degraded=case.reports.degraded_by(sighting.return_ns),
            )
            yield Phantom(write=write, sighting=sighting, judgement=court.coarse(trace))
    for lost in court.rulings(acknowledged):
        yield Phantom(write=lost.write, sighting=acknowledged[lost.write.row], judgement=lost.judgement)


def _story(case: Case, phantom: Phantom) -> Finding:
    write, sighting = phantom.write, phantom.sighting
    acknowledged = case.ledger.outcome[write.row] == OK
    fate = (
        f"{at(write.return_ns or 0)}: acknowledged"
        if acknowledged
        else "its outcome is unknown to its client"
    )
    where = "" if sighting.node is None else f" on {sighting.node}"
    return Finding(
        verdict=VERDICTS[phantom.judgement.ruling],
        title=f"{write.element} was read, and is not there in the end: {phantom.judgement.ruling}",
        lines=(
            f"{at(write.call_ns)}: called",
            fate,
            f"{at(sighting.return_ns)}: read{where} by process {sighting.process} (operation {sighting.id})",
            f"{phantom.judgement.ruling}: {phantom.judgement.reason}",
        ),
    )


def _summary(phantoms: Sequence[Phantom]) -> str:
    if not phantoms:
        return "everything that reads showed was there in the end"
    rulings = [phantom.judgement.ruling for phantom in phantoms]
    counts = ", ".join(f"{rulings.count(r)} {r}" for r in GRAVEST_FIRST if r in rulings)
    return f"reads showed {plural(len(phantoms), 'element')} that did not last: {counts}"
