"""The acknowledged writes that the surviving history lacks, each with a ruling."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from msgspec import Struct

from checkers.evidence.case import Case
from checkers.evidence.fates import fates
from checkers.evidence.holders import Copies, count_copies
from checkers.evidence.ledger import Write
from checkers.rulings.judge import Judge
from checkers.rulings.ruling import Judgement
from checkers.rulings.unreported import CoarseJudge, Trace

_AT_ONCE = 50_000
"""Of how many writes the copies are looked up together: they take half a kilobyte each."""


class Lost(Struct, frozen=True, kw_only=True):
    """One lost element and the ruling on it."""

    write: Write
    judgement: Judgement


class Court:
    """Rules on any acknowledged element of a run that the survivor's final state lacks."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self.copies: Copies = count_copies(case)
        self._judge = Judge(case, self.copies)
        self._coarse = CoarseJudge(case)

    def lost_rows(self) -> list[int]:
        """Return the lost rows of the ledger: acknowledged, their keys read in the end, and not there."""
        import numpy as np

        ledger = self._case.ledger
        rows: list[int] = np.flatnonzero(ledger.acknowledged() & ledger.covered & ~ledger.present).tolist()
        return rows

    def rulings(self, rows: Iterable[int]) -> Iterator[Lost]:
        """Yield the ruling on each of these rows: traced ones by epoch and offset, then the others."""
        ledger = self._case.ledger
        by_epoch: dict[int, list[int]] = defaultdict(list)
        untraced = []
        for row in rows:
            if self._case.run.reports and self.copies.judged[row]:
                by_epoch[int(ledger.epoch[row])].append(row)
            else:
                untraced.append(row)
        for epoch in sorted(by_epoch):
            yield from self._of_epoch(epoch, by_epoch[epoch])
        for row in untraced:
            write = ledger.write(row)
            yield Lost(write=write, judgement=self._coarse.rule(Trace.of(write)))

    def coarse(self, trace: Trace) -> Judgement:
        """Return the ruling on a write whose log entry is not known."""
        return self._coarse.rule(trace)

    def _of_epoch(self, epoch: int, rows: list[int]) -> Iterator[Lost]:
        import numpy as np

        ledger = self._case.ledger
        found = np.array(rows, dtype=np.int64)
        found = found[np.argsort(ledger.offset[found], kind="stable")]
        for first in range(0, len(found), _AT_ONCE):
            some = found[first : first + _AT_ONCE]
            for row, copies in zip(some.tolist(), fates(self._case, epoch, ledger.offset[some]), strict=True):
                write = ledger.write(row)
                yield Lost(write=write, judgement=self._judge.rule(write, copies))
