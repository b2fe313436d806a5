"""The acknowledged writes that last, by when each was acknowledged: what reads are measured against.

A write that is gone in the end is left out: whether it may be is for the durability checker to say. Where a
failover may lose what was acknowledged last, a write may also be gone for a while, until its old holder is primary
again: then no read is blamed that was answered in an epoch whose election had left it out.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator

from msgspec import Struct

from checkers.evidence.case import Case
from harness.checker import RecordedRun
from harness.contract import Permit
from harness.operation import Operation, Outcome
from harness.workload import Element, is_final_read


class Missed(Struct, frozen=True, kw_only=True):
    """A read that lacks an element, which had been acknowledged at `acknowledged_ns` and lasts."""

    read: Operation
    element: Element
    acknowledged_ns: int


class Lasting:
    """The acknowledged elements that the survivor has in the end."""

    def __init__(self, run: RecordedRun) -> None:
        """Read the history twice."""
        self._workload = run.workload
        final: set[Element] = set()
        for operation in run.history:
            if is_final_read(operation, node=run.survivor, stopped_ns=run.stopped_ns):
                final.update(run.workload.sees(operation))
        forgetful = Permit.FAILOVER_SUFFIX in run.contract.permits
        self._lineage = Case(run).lineage if forgetful else None
        self._entries: dict[Element, tuple[int, int]] = {}
        self._acknowledged: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for operation in run.history:
            if operation.outcome is Outcome.OK and operation.return_ns is not None:
                for key, value in run.workload.writes(operation):
                    if (key, value) in final:
                        self._acknowledged[key].append((operation.return_ns, value))
                        if operation.epoch is not None and operation.offset is not None:
                            self._entries[key, value] = operation.epoch, operation.offset
        for known in self._acknowledged.values():
            known.sort()

    def missed(self, read: Operation, *, before_ns: int) -> Iterator[Missed]:
        """Yield what was acknowledged before a time under the key of an answered read, and is not shown by it.

        O(elements of the key).
        """
        key = read.args[0]
        known = self._acknowledged.get(key, [])
        before = bisect_left(known, (before_ns, 0))
        if not before:
            return
        seen = {value for _, value in self._workload.sees(read)}
        for acknowledged_ns, value in known[:before]:
            if value not in seen and not self._left_out((key, value), read.epoch):
                yield Missed(read=read, element=(key, value), acknowledged_ns=acknowledged_ns)

    def _left_out(self, element: Element, epoch: int | None) -> bool:
        """Tell whether the election of an epoch, or of any if it is not known, has left an element out."""
        entry = self._entries.get(element)
        if self._lineage is None or entry is None:
            return False
        dropped = {election.epoch for election in self._lineage.drops(*entry)}
        return bool(dropped) if epoch is None else epoch in dropped
