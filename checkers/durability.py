"""Whether every acknowledged write was still there after the faults, and if not, whether that was permitted.

The judge of the whole project's question. An element is lost if its write was acknowledged (not merely of
unknown outcome) and the survivor's final state, read after the clients had stopped, lacks it. Each loss is
ruled on: from the nodes' reports (`checkers.rulings.judge`), or for systems that report nothing from roles and
faults alone (`checkers.rulings.unreported`). What no contract permits is looked for as well
(`checkers.integrity`).

A run in which nothing was acknowledged, or whose final state could not be read, proves nothing.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from checkers.counters import Counters
from checkers.evidence.case import Case
from checkers.evidence.sightings import Sightings
from checkers.integrity import breaches
from checkers.rulings.losses import Court, Lost
from checkers.rulings.ruling import Ruling
from checkers.rulings.story import VERDICTS, tell
from checkers.words import names, plural, rest
from harness.checker import CheckResult, Finding, RecordedRun
from harness.verdict import Verdict, merge

STORIES = 10
"""How many lost writes have their story told; the others are counted."""

_GRAVEST_FIRST = (Ruling.FORBIDDEN, Ruling.UNPROVED, Ruling.PERMITTED)


class Durability:
    """Checks that no acknowledged write is lost, but where the contract permits it.

    `tolerance_s` is by how much the machines' clocks may differ; 0 on one machine.
    """

    name = "durability"

    def __init__(self, tolerance_s: float = 0.0) -> None:
        self._tolerance_ns = round(tolerance_s * 1e9)

    def check(self, run: RecordedRun) -> CheckResult:
        """Judge the run: two passes over its history, about 15 µs an operation."""
        case = Case(run, tolerance_ns=self._tolerance_ns)
        court = Court(case)
        ledger = case.ledger
        lost = tuple(court.rulings(court.lost_rows()))
        sightings, counters = Sightings(case), Counters(case)
        for operation in run.history:
            sightings.see(operation)
            counters.see(operation)
        findings = (
            *_rivals(case),
            *_stories(case, lost),
            *breaches(case, sightings),
            *counters.out_of_bounds(),
            *_gaps(case),
        )
        verdict = merge((Verdict.HOLDS, *(finding.verdict for finding in findings)))
        figures = {
            "acknowledged": ledger.operations(ledger.acknowledged()),
            "degraded": ledger.operations(ledger.acknowledged() & ledger.degraded),
            **_counts(lost),
            **_rpo(case, lost),
        }
        return CheckResult(
            checker=self.name,
            verdict=verdict,
            summary=_summary(run, figures),
            findings=findings,
            figures=figures,
        )


def _rivals(case: Case) -> Iterator[Finding]:
    for first, second in case.lineage.rivals:
        yield Finding(
            verdict=Verdict.VIOLATED,
            title=f"epoch {first.epoch} had two primaries, {first.node} and {second.node}",
        )


def _stories(case: Case, lost: Sequence[Lost]) -> Iterator[Finding]:
    """Yield the gravest losses as stories, and the rest as ranges of offsets."""
    told = 0
    for ruling in _GRAVEST_FIRST:
        group = [loss for loss in lost if loss.judgement.ruling is ruling]
        stories = group[: STORIES - told]
        told += len(stories)
        for loss in stories:
            yield tell(case, loss)
        if untold := group[len(stories) :]:
            entries = [(loss.write.epoch, loss.write.offset) for loss in untold]
            yield rest(VERDICTS[ruling], f"acknowledged and lost, {ruling}", entries)


def _gaps(case: Case) -> Iterator[Finding]:
    """Yield the reasons why the run proves less than it should, or nothing."""
    ledger, survivor = case.ledger, case.run.survivor
    acknowledged = ledger.acknowledged()
    if not acknowledged.any():
        yield Finding(verdict=Verdict.INCONCLUSIVE, title="no write was acknowledged: the run proves nothing")
    elif survivor is None:
        yield Finding(verdict=Verdict.INCONCLUSIVE, title="no primary survived whose state could be read")
    elif unread := ledger.operations(acknowledged & ~ledger.covered):
        title = f"of {plural(unread, 'acknowledged write')} the keys were not read on {survivor} in the end"
        keys = sorted({write.key for write in ledger.writes(acknowledged & ~ledger.covered)})
        lines = (f"keys {names(keys[:10])}" + (f" and {len(keys) - 10} more" if len(keys) > 10 else ""),)
        yield Finding(verdict=Verdict.INCONCLUSIVE, title=title, lines=lines)


def _counts(lost: Sequence[Lost]) -> dict[str, int]:
    """Return how many operations are lost, by the gravest ruling on what each of them wrote."""
    worst: dict[int, Ruling] = {}
    for loss in lost:
        ruling = loss.judgement.ruling
        worst[loss.write.id] = min(worst.get(loss.write.id, ruling), ruling, key=_GRAVEST_FIRST.index)
    rulings = list(worst.values())
    return {"lost": len(rulings), **{str(ruling): rulings.count(ruling) for ruling in _GRAVEST_FIRST}}


def _rpo(case: Case, lost: Sequence[Lost]) -> dict[str, Any]:
    """Return what was lost: operations, bytes, and how far back in time the loss reaches.

    That is the age of the oldest lost acknowledgement at the fault that cost it; or, where the primary went
    on acknowledging what was lost while the fault lasted, at the last of these.
    """
    began = {episode.id: episode.from_ns for episode in case.run.episodes}
    acknowledged: dict[int, list[int]] = defaultdict(list)
    for loss in lost:
        if loss.judgement.episodes and loss.write.return_ns is not None:
            acknowledged[loss.judgement.episodes[0]].append(loss.write.return_ns)
    ages = [max(began[episode], *times) - min(times) for episode, times in acknowledged.items()]
    return {
        "rpo_operations": len({loss.write.id for loss in lost}),
        "rpo_bytes": sum(loss.write.size_bytes for loss in lost),
        "rpo_seconds": max(ages, default=0) / 1e9,
    }


def _summary(run: RecordedRun, figures: dict[str, Any]) -> str:
    if not figures["acknowledged"]:
        return "no write was acknowledged"
    told = f"{plural(figures['acknowledged'], 'write')} acknowledged, {figures['lost']} lost"
    if figures["lost"]:
        told += ": " + ", ".join(f"{figures[str(r)]} {r}" for r in _GRAVEST_FIRST if figures[str(r)])
        told += (
            "" if run.reports else ", by roles and faults alone, since the system does not report its copies"
        )
    return told
