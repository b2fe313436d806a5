"""What a workload is: operations to do, and how to read from a history which writes survived."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

from harness.generator import Generator
from harness.operation import Invocation, Operation, Outcome

Element = tuple[str, int]
"""The trace that one write leaves: (key, value), unique in the run, so that its fate can be told for sure."""


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
