"""Whether each node found on its disk, when it started again, what it had reported to be there.

A copy counts because its node said that it is durable. So that must be true on every node and at every restart,
whether or not anything is lost by it: other copies may hide the defect in this run, but not in all. And a node
that refuses its disk is right only if something has damaged it: one that can't read what it has written itself
has lost everything.

What a node has reported to have cut off need not be there any more. A node with another identity has another
disk. Disks that deceive their node, or lose what was durable, are beyond any contract; a bit that rots is, too,
but must not pass unnoticed: the node must refuse its disk instead of starting with less. Only when the power is
cut as well, the last entries can't be told from a write that was under way.

A disk that others can write to may have been damaged by them, so there a refusal is only doubt. So it is on a
real machine where the node's process had died by itself before: what struck that may have struck the disk.
"""

from collections.abc import Iterator, Sequence

from checkers.evidence.incidents import CUTS_POWER, DAMAGES, LIES, RESTARTS
from checkers.words import at
from harness.checker import CheckResult, Finding, RecordedRun
from harness.episode import Episode
from harness.events import Applied, Damaged, Medium, NodeEvent, Started, Stored, Truncated
from harness.verdict import Verdict, merge
from harness.words import plural

ROTS = "bit-rot"


class Retention:
    """Checks that nodes keep what they reported as durable."""

    name = "retention"

    def check(self, run: RecordedRun) -> CheckResult:
        """Judge every restart: one pass over the events."""
        if not run.reports:
            return CheckResult(
                checker=self.name,
                verdict=Verdict.HOLDS,
                summary="not judged: the system does not report what it stores",
            )
        shelves: dict[str, _Shelf] = {}
        findings: list[Finding] = []
        for event in run.events:
            if isinstance(event, Applied):
                continue
            shelf = shelves.get(event.node)
            if shelf is None:
                shelf = shelves[event.node] = _Shelf(event.node, run)
            if isinstance(event, Stored):
                shelf.store(event)
            else:
                findings.extend(shelf.take(event))
        restarts = sum(shelf.restarts for shelf in shelves.values())
        if findings:
            summary = f"of {plural(restarts, 'restart')}, {len(findings)} lacked what had been durable"
            verdict = merge(finding.verdict for finding in findings)
        else:
            summary = f"what was durable was there again: {plural(restarts, 'restart')}"
            verdict = Verdict.HOLDS
        return CheckResult(checker=self.name, verdict=verdict, summary=summary, findings=tuple(findings))


class _Shelf:
    """What one node has reported to be on its disk."""

    def __init__(self, node: str, run: RecordedRun) -> None:
        self.restarts = 0
        self._node = node
        self._episodes = [episode for episode in run.episodes if node in episode.targets]
        self._sealed = run.sealed or not run.strangers
        self._deaths_ns = [death.at_ns for death in run.deaths if run.strangers and death.node == node]
        self._error_ns = run.clock_error_ns
        self._identity: str | None = None
        self._stretches: list[tuple[int, int, int, int]] = []
        """Epoch, first and last offset, and when it was reported; by offset, without overlaps."""

    def store(self, event: Stored) -> None:
        """Take note of entries on the disk, unless they were told before."""
        if event.medium is Medium.DISK and (not self._stretches or self._end() < (event.epoch, event.last)):
            self._cut(event.first)
            self._stretches.append((event.epoch, event.first, event.last, event.at_ns))

    def take(self, event: NodeEvent) -> Iterator[Finding]:
        """Take note of any other report; yield what is wrong with it."""
        match event:
            case Truncated(first=first):
                self._cut(first)
            case Started():
                if event.identity == self._identity:
                    self.restarts += 1
                    yield from self._lacking(event)
                self._identity = event.identity
                self._stretches.clear()
            case Damaged(at_ns=at_ns, reason=reason):
                self.restarts += 1
                if not self._struck(at_ns, (*DAMAGES, *LIES)):
                    yield Finding(
                        verdict=self._refused(at_ns),
                        title=f"{self._node} refused its disk, though no fault had damaged it",
                        lines=(f"{at(at_ns)}: {reason}",),
                    )

    def _refused(self, at_ns: int) -> Verdict:
        sound = self._sealed and all(death_ns > at_ns for death_ns in self._deaths_ns)
        return Verdict.VIOLATED if sound else Verdict.INCONCLUSIVE

    def _lacking(self, started: Started) -> Iterator[Finding]:
        if not self._stretches or self._may_forget(started.at_ns):
            return
        epoch, _, last, reported_ns = self._stretches[-1]
        if started.log_offset > last or (started.log_epoch, started.log_offset) == (epoch, last):
            return
        yield Finding(
            verdict=Verdict.VIOLATED,
            title=f"{self._node} started without entry {last} of epoch {epoch}, which had been on its disk",
            lines=(
                f"{at(reported_ns)}: {self._node} reported it to be on disk",
                f"{at(started.at_ns)}: it started, and its log ended with entry {started.log_offset} "
                f"of epoch {started.log_epoch}",
            ),
        )

    def _end(self) -> tuple[int, int]:
        epoch, _, last, _ = self._stretches[-1]
        return epoch, last

    def _cut(self, first: int) -> None:
        """Forget all entries from `first` on."""
        while self._stretches and self._stretches[-1][2] >= first:
            epoch, begin, _, at_ns = self._stretches.pop()
            if begin < first:
                self._stretches.append((epoch, begin, first - 1, at_ns))

    def _may_forget(self, at_ns: int) -> bool:
        """Tell whether the node's disk, or the node for want of proof, may have forgotten what was durable."""
        deceits = (*(fault for fault in DAMAGES if fault != ROTS), *LIES)
        if self._struck(at_ns, deceits):
            return True
        rots = self._struck(at_ns, (ROTS,))
        several = len(rots) > 1 or any("bits" in episode.detail for episode in rots)
        return bool(rots) and (several or bool(self._struck(at_ns, (*CUTS_POWER, *RESTARTS))))

    def _struck(self, at_ns: int, faults: Sequence[str]) -> list[Episode]:
        """Return the episodes of these faults that may have struck the node by then, if its clock is wrong."""
        by_ns = at_ns + self._error_ns
        return [episode for episode in self._episodes if episode.fault in faults and episode.from_ns <= by_ns]
