"""What a workload is: operations to do, and how to read from a history which writes survived."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

from harness.errors import UsageError
from harness.generator import Context, Generator, lift
from harness.operation import Invocation, Operation, Outcome

Element = tuple[str, int]
"""The trace that one write leaves: (key, value), unique in the run, so that its fate can be told for sure."""

WAITS = 3
"""How many waits there are in a run: for the start, for recovery, and for the end of degrading."""

MOST_ATTEMPTS = 100
"""How many writes are kept for one wait; attempts are spread so that they last to its deadline."""

RESERVED = WAITS * MOST_ATTEMPTS
"""How many of a workload's writes are taken from it before its clients begin."""


@runtime_checkable
class Manned(Protocol):
    """A workload whose operations belong to certain clients."""

    least_clients: int
    """How many clients there must be."""


class Workload(Protocol):
    """Client operations plus the meaning of their traces.

    Its class is called with its options (raises SettingError); entry-point group `acked.workloads`.
    """

    checkers: tuple[str, ...]
    """The names of the checkers (group `acked.checkers`) that judge it."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Take the options of a scenario's workload entry."""

    def generator(self, nodes: tuple[str, ...], *, seed: int) -> Generator:
        """Return what the clients do, without end; the scenario's time limit stops it."""

    def writes(self, operation: Operation | Invocation) -> tuple[Element, ...]:
        """Return the elements that the operation writes if it happens; () for reads."""

    def sees(self, operation: Operation) -> Iterable[Element]:
        """Return the elements that an `ok` operation showed its client (final reads included)."""

    def final_reads(self, keys: Iterable[str], node: str) -> Iterable[Invocation]:
        """Return the reads of all `keys` on `node` that end a run."""


def reserve(workload: Workload, generator: Generator, count: int) -> tuple[tuple[Invocation, ...], Generator]:
    """Take `count` writes from a workload's generator; return them and the generator that goes on after.

    Reads that come in between are passed over. Raises UsageError when no writes come.
    """
    generator = lift(generator)
    context = Context(now_ns=0, worker=0, process=0, members=1, busy=0)
    writes: list[Invocation] = []
    for _ in range(100 * count):
        if len(writes) == count:
            break
        step, generator = generator.next(context)
        if isinstance(step, Invocation) and workload.writes(step):
            writes.append(step)
    if not writes:
        raise UsageError("the workload does not write: there is nothing that could be lost")
    return tuple(writes), generator


def is_final_read(operation: Operation, *, node: str | None, stopped_ns: int) -> bool:
    """Tell whether this is one of the reads of `node` that end a run, and an answered one."""
    return (
        operation.f == "peek"
        and node is not None
        and operation.node == node
        and operation.call_ns >= stopped_ns
        and operation.outcome is Outcome.OK
        and isinstance(operation.value, list)
        and len(operation.value) == len(operation.args[0])
    )
