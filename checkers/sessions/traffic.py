"""What clients wrote and read, as far as it can be compared with the end: only writes that last count.

A write that is gone in the end is left out, whoever missed it: whether it may be gone is for the durability
checker to say. What clients saw of it is for the phantom checker.
"""

from collections.abc import Iterator
from typing import NamedTuple

from msgspec import Struct

from harness.checker import RecordedRun
from harness.operation import Operation, Outcome
from harness.workload import Element, is_final_read


class Written(NamedTuple):
    """One write that lasts. `return_ns` is None where its client never heard of it."""

    element: Element
    id: int
    process: int
    call_ns: int
    return_ns: int | None
    epoch: int | None


class Seen(Struct, frozen=True, kw_only=True):
    """One answered read of a client: what it showed of each key that it asked for, as far as it lasts.

    `primary` tells whether the primary answered, or said so; else a named node told what it had.
    """

    operation: Operation
    primary: bool
    shown: dict[str, frozenset[int]]

    @property
    def return_ns(self) -> int:
        """When it was answered."""
        return self.operation.return_ns or self.operation.call_ns


class Traffic:
    """The writes that last, by key and in the order of their acknowledgements, and the reads of clients."""

    def __init__(self, run: RecordedRun) -> None:
        """Read the history twice."""
        self._run = run
        final: set[Element] = set()
        for operation in run.history:
            if is_final_read(operation, node=run.survivor, stopped_ns=run.stopped_ns):
                final.update(run.workload.sees(operation))
        self.written: dict[Element, Written] = {}
        self.acknowledged: dict[str, list[Written]] = {}
        for operation in run.history:
            for element in run.workload.writes(operation) if operation.outcome is not Outcome.FAIL else ():
                if element in final:
                    self._add(operation, element)

    def reads(self) -> Iterator[Seen]:
        """Yield the reads of clients before they stopped, in the order of their answers. O(elements shown)."""
        for operation in self._run.history:
            if operation.outcome is Outcome.OK and 0 <= operation.call_ns < self._run.stopped_ns:
                keys = _asked(operation)
                if keys and operation.process >= 0:
                    yield self._seen(operation, keys)

    def _add(self, operation: Operation, element: Element) -> None:
        acknowledged = operation.outcome is Outcome.OK
        written = Written(
            element=element,
            id=operation.id,
            process=operation.process,
            call_ns=operation.call_ns,
            return_ns=operation.return_ns if acknowledged else None,
            epoch=operation.epoch,
        )
        self.written[element] = written
        if acknowledged:
            self.acknowledged.setdefault(element[0], []).append(written)

    def _seen(self, operation: Operation, keys: tuple[str, ...]) -> Seen:
        shown: dict[str, set[int]] = {key: set() for key in keys}
        for element in self._run.workload.sees(operation):
            key, value = element
            if element in self.written and key in shown:
                shown[key].add(value)
        return Seen(
            operation=operation,
            primary=operation.f == "get",
            shown={key: frozenset(values) for key, values in shown.items()},
        )


def _asked(operation: Operation) -> tuple[str, ...]:
    """Return the keys that a read asked for. What a transaction reads may be its own: it is left out."""
    match operation.f:
        case "get" | "get_within":
            return (operation.args[0],)
        case "peek":
            return tuple(operation.args[0])
    return ()
