"""Long fork: no two readers see two writes in opposite orders.

Each key is written once, by a transaction of that one write, and read-only transactions read groups of keys. A
read shows which writes of its group had happened. In any order of the writes these are growing prefixes, so of two
reads of the same group one shows all that the other does. Two reads of which each shows something that the other
misses are a long fork, which parallel snapshot isolation allows and snapshot isolation does not.

Reads of one group are sorted by how much they show: they are in one line if each shows all that the one before it
shows, so no pairs are compared. Reads of different groups are not compared with each other.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from checkers.histories.transactions import READ, WRITE, MicroOps, micro_ops
from checkers.histories.wording import finding, told
from harness.checker import CheckResult, Finding
from harness.columns.identity import Ranked, paired, ranked
from harness.columns.table import Table
from harness.history import FAIL, OK
from harness.history_checker import Request
from harness.options import Options
from harness.verdict import Verdict
from harness.words import plural

Ints = NDArray[np.int64]


class LongFork:
    """Checks that all readers see writes in one order."""

    name = "long-fork"

    def __init__(self, options: Mapping[str, Any]) -> None:
        Options(options)

    def fits(self, table: Table) -> bool:
        """Whether transactions either write one key, and each key once, or read several."""
        micro = micro_ops(table)
        if not len(micro.rows) or not np.isin(micro.f, (READ, WRITE)).all():
            return False
        writes = np.bincount(micro.of[micro.f == WRITE], minlength=len(micro.rows))
        sizes = np.diff(micro.bounds)
        pure = ((writes == 0) & (sizes > 1)) | ((writes == 1) & (sizes == 1))
        return bool(pure.all() and (writes == 0).any() and _written_once(table, micro))

    def check(self, table: Table, request: Request) -> CheckResult:
        """Judge every read: O(micro-operations × log)."""
        micro = micro_ops(table)
        reads = _reads(table, micro)
        forks = list(_forks(micro, reads)) if _written_once(table, micro) else []
        findings = tuple(_findings(table, micro, reads, forks))
        return CheckResult(
            checker=self.name,
            verdict=findings[0].verdict if findings else Verdict.HOLDS,
            summary=f"{plural(len(reads), 'read')}: {plural(len(forks), 'fork')}",
            findings=findings,
            figures={"reads": len(reads), "forks": len(forks)},
            anomalies=("long-fork",) if forks else (),
            certificate={
                "kind": "long-fork",
                "forks": [[int(table.id[row]) for row in fork] for fork in forks],
            }
            if forks
            else None,
        )


def _written_once(table: Table, micro: MicroOps) -> bool:
    of = micro.rows[micro.of]
    written = micro.key[(micro.f == WRITE) & (table.outcome[of] != FAIL)]
    return len(np.unique(written)) == len(written)


def _reads(table: Table, micro: MicroOps) -> Ints:
    """Return the places in `micro.rows` of answered transactions that only read."""
    other = np.bincount(micro.of[micro.f != READ], minlength=len(micro.rows)) > 0
    return np.flatnonzero(~other & (table.outcome[micro.rows] == OK))


def _forks(micro: MicroOps, reads: Ints) -> Iterator[tuple[int, int]]:
    """Yield pairs of rows that each show what the other misses, one for each group that has some."""
    sizes = np.diff(micro.bounds)[reads]
    found: list[tuple[int, int]] = []
    for size in np.unique(sizes).tolist():
        if size:
            found += _forks_of(micro, reads[sizes == size], size)
    return iter(sorted(found))


def _forks_of(micro: MicroOps, reads: Ints, size: int) -> list[tuple[int, int]]:
    """Return the forks among reads of so many keys; a group is known by its first read."""
    cells = micro.bounds[reads][:, None] + np.arange(size)
    keys, present = micro.key[cells], micro.value[cells] >= 0
    order = np.argsort(keys, axis=1, kind="stable")
    keys, present = np.take_along_axis(keys, order, axis=1), np.take_along_axis(present, order, axis=1)
    _spread(keys, present)
    groups = _coded(keys)
    kinds = paired(groups.codes, _coded(present.astype(np.int64)).codes)
    line = np.lexsort((kinds.first, present[kinds.first].sum(axis=1), groups.codes[kinds.first]))
    place = kinds.first[line]
    same = groups.codes[place[1:]] == groups.codes[place[:-1]]
    forked = np.flatnonzero(same & (present[place[:-1]] & ~present[place[1:]]).any(axis=1))
    _, first = np.unique(groups.codes[place[forked]], return_index=True)
    rows = micro.rows[reads[place]].tolist()
    return [(rows[at], rows[at + 1]) for at in forked[first].tolist()]


def _spread(keys: Ints, present: NDArray[np.bool_]) -> None:
    """Let a key that a read names twice be shown everywhere or nowhere in it; keys are sorted."""
    twice = keys[:, 1:] == keys[:, :-1]
    if twice.any():
        for place in range(1, keys.shape[1]):
            present[:, place] |= twice[:, place - 1] & present[:, place - 1]
        for place in range(keys.shape[1] - 1, 0, -1):
            present[:, place - 1] |= twice[:, place - 1] & present[:, place]


def _coded(columns: Ints) -> Ranked:
    """Return codes of rows of numbers: equal rows have equal ones."""
    found = ranked(columns[:, 0])
    for place in range(1, columns.shape[1]):
        found = paired(found.codes, ranked(columns[:, place]).codes)
    return found


def _findings(table: Table, micro: MicroOps, reads: Ints, forks: list[tuple[int, int]]) -> Iterator[Finding]:
    if forks:
        cases = (f"{told(table, one)}; {told(table, other)}" for one, other in forks)
        title = f"{plural(len(forks), 'group')} of keys with two reads that saw writes in opposite orders"
        yield finding(Verdict.VIOLATED, title, cases, len(forks))
    elif not _written_once(table, micro):
        yield Finding(
            verdict=Verdict.INCONCLUSIVE, title="a key is written more than once: reads can't be ordered"
        )
    elif not len(reads):
        yield Finding(verdict=Verdict.INCONCLUSIVE, title="nothing was read")
