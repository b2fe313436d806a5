"""Whether clients saw what they may expect to see from one read to the next, and whether old epochs fell silent.

What is expected depends on the contract (design: `Contract.primary_reads`). Where reads of the primary are
linearizable, a client finds there what it wrote and what it saw before; and any read, of replicas too, shows
no write without those that were acknowledged before it was called, since every node applies one log in its
order. Where that is not promised, or where something happened that excuses losses (a disk destroyed or
damaged, a primary made by an operator, a degraded acknowledgement), it is measured and no more. So is what
replicas show of a client's own past: they may be behind, and say how far.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from checkers.evidence.case import Case
from checkers.evidence.excuses import excuse
from checkers.sessions.epochs import Late, late, window_ns
from checkers.sessions.guarantees import Breach, Guarantee, Watch
from checkers.sessions.lag import Lags
from checkers.sessions.traffic import Traffic
from checkers.words import at, seconds
from harness.checker import CheckResult, Finding, RecordedRun
from harness.verdict import Verdict
from harness.words import plural

STORIES = 5
"""How many breaches of one guarantee are told."""

_OF_SESSIONS = (Guarantee.READ_YOUR_WRITES, Guarantee.MONOTONIC_READS)
"""What only the primary promises; the others hold for the log, and so for every node."""

_WORDS = {
    Guarantee.READ_YOUR_WRITES: "its own write",
    Guarantee.MONOTONIC_READS: "what it had read before",
    Guarantee.MONOTONIC_WRITES: "an earlier write of the client whose later one it showed",
    Guarantee.WRITES_FOLLOW_READS: "what the client had read whose write it showed",
    Guarantee.PREFIX: "a write that was acknowledged before one that it showed was called",
}


class Sessions:
    """Checks session guarantees, prefixes and epochs; measures the lag of replicas."""

    name = "sessions"

    def check(self, run: RecordedRun) -> CheckResult:
        """Judge the run: four passes over the history, O(elements of its keys) a read."""
        if run.left_down:
            return self._result(Verdict.HOLDS, "not judged: the system is expected not to recover")
        if run.survivor is None:
            return self._result(Verdict.INCONCLUSIVE, "there is no final state to compare reads with")
        traffic, case = Traffic(run), Case(run)
        watch, lags = Watch(traffic), Lags(traffic)
        counts: Counter[str] = Counter()
        breaches: list[Breach] = []
        for read in traffic.reads():
            where = "primary" if read.primary else "replica"
            counts[f"{where}_reads"] += 1
            for breach in watch.breaches(read):
                counts[f"{where}_{breach.guarantee}"] += 1
                if read.primary or breach.guarantee not in _OF_SESSIONS:
                    breaches.append(breach)
            if not read.primary:
                lags.add(read)
        excused = excuse(case)
        stale = () if excused else tuple(late(case.ledger))
        findings = () if excused else (*_told(breaches), *map(_told_late, stale[:STORIES]))
        figures = {
            **{name: counts[name] for name in sorted(counts)},
            **lags.figures(),
            "late_acknowledgements": len(stale),
            "epoch_window_s": window_ns(case.ledger) / 1e9,
        }
        verdict = Verdict.VIOLATED if findings else Verdict.HOLDS
        summary = f"{_summary(counts)}; replicas up to {seconds(lags.most_ns)} behind"
        summary += f"; not judged: {excused}" if excused else ""
        return CheckResult(
            checker=self.name, verdict=verdict, summary=summary, findings=findings, figures=figures
        )

    def _result(self, verdict: Verdict, summary: str) -> CheckResult:
        return CheckResult(checker=self.name, verdict=verdict, summary=summary)


def _told(breaches: Iterable[Breach]) -> Iterator[Finding]:
    count: Counter[Guarantee] = Counter()
    for breach in sorted(breaches, key=lambda each: (each.read.return_ns, each.read.operation.id)):
        count[breach.guarantee] += 1
        if count[breach.guarantee] <= STORIES:
            yield Finding(verdict=Verdict.VIOLATED, title=_title(breach), lines=tuple(_lines(breach)))


def _title(breach: Breach) -> str:
    read, (key, value) = breach.read.operation, breach.missed.element
    where = "the primary" if breach.read.primary else f"{read.node}"
    return f"a read of {where} missed {_WORDS[breach.guarantee]}: {key}={value}"


def _lines(breach: Breach) -> Iterator[str]:
    read, missed = breach.read.operation, breach.missed
    key, value = missed.element
    if missed.return_ns is not None:
        yield f"{at(missed.return_ns)}: {key}={value} was acknowledged to process {missed.process}"
    if breach.earlier is not None:
        yield f"operation {breach.earlier} had shown it"
    if breach.instead is not None:
        later = breach.instead
        yield f"{at(later.call_ns)}: {later.element[0]}={later.element[1]} was called by process {later.process}"
    yield f"{at(read.call_ns)}: process {read.process} asked (operation {read.id})"
    shown = (
        "" if breach.instead is None else f", with {breach.instead.element[0]}={breach.instead.element[1]}"
    )
    yield f"{at(breach.read.return_ns)}: {read.node or 'a node'} answered{shown}, without {key}={value}"
    yield f"in the end {key}={value} is there"


def _told_late(late: Late) -> Finding:
    write, newer = late.write, late.newer
    return Finding(
        verdict=Verdict.VIOLATED,
        title=f"epoch {write.epoch} acknowledged {write.element} after epoch {newer.epoch} had begun to",
        lines=(
            f"{at(newer.return_ns or 0)}: {newer.element} was acknowledged in epoch {newer.epoch}",
            f"{at(write.call_ns)}: {write.element} was called",
            f"{at(write.return_ns or 0)}: it was acknowledged in epoch {write.epoch}",
            "in the end it is not there",
        ),
    )


def _summary(counts: Counter[str]) -> str:
    return (
        f"{plural(counts['primary_reads'], 'read')} of the primary, {counts['replica_reads']} of named nodes"
    )
