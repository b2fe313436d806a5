"""Builds recorded runs for the checkers' tests: a few lines a run, times in milliseconds."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from checkers.workloads import append, mixed
from harness.checker import CheckResult, RecordedRun
from harness.contract import Contract, Mode, contract_for
from harness.episode import Episode, Proof
from harness.events import Cause, Elected, Medium, NodeEvent, Stored, Truncated
from harness.history import History
from harness.operation import Operation, Outcome
from harness.workload import Workload

MS = 1_000_000
NODES = ("n1", "n2", "n3")
STOPPED = 10_000
"""When the clients of these runs stop, in milliseconds."""

SHOWN = (Proof(what="seen", shown=True),)


class Script:
    """A run in the making; every method adds something and returns nothing."""

    def __init__(
        self,
        mode: Mode = Mode.ASYNC,
        nodes: tuple[str, ...] = NODES,
        *,
        contract: Contract | None = None,
        workload: Workload | None = None,
        reports: bool = True,
        **settings: Any,
    ) -> None:
        self.contract = contract or contract_for(mode, nodes, **settings)
        self.workload = workload or append({})
        self.reports = reports
        self.operations: list[Operation] = []
        self.events: list[NodeEvent] = []
        self.episodes: list[Episode] = []
        self.next_id = 0

    def op(
        self,
        f: str,
        *args: Any,
        at: float,
        returned: float | None = None,
        outcome: Outcome = Outcome.OK,
        **fields: Any,
    ) -> Operation:
        """Add an operation called at `at`; an unanswered one is given by `outcome`."""
        return_ns = (
            None
            if returned is None and outcome is Outcome.INFO
            else ms(at + 1 if returned is None else returned)
        )
        operation = Operation(
            id=self.next_id,
            process=0,
            f=f,
            args=args,
            call_ns=ms(at),
            return_ns=return_ns,
            outcome=outcome,
            **fields,
        )
        self.next_id += 1
        self.operations.append(operation)
        return operation

    def append(
        self,
        value: int,
        *,
        at: float,
        entry: tuple[int, int] | None = None,
        by: str | None = "n1",
        key: str = "list-0",
        **fields: Any,
    ) -> Operation:
        """Add an acknowledged append, one millisecond long unless said otherwise."""
        epoch, offset = entry or (None, None)
        return self.op("append", key, value, at=at, epoch=epoch, offset=offset, node=by, **fields)

    def write(
        self,
        value: int,
        *,
        at: float,
        entry: tuple[int, int],
        on: Sequence[str] = ("n1",),
        memory: Sequence[str] = (),
        by: str = "n1",
        key: str = "list-0",
        **fields: Any,
    ) -> Operation:
        """Add an acknowledged append that the nodes `on` reported on disk, and those in `memory` there."""
        for node in on:
            self.stored(node, entry, at=at + 0.5)
        for node in memory:
            self.stored(node, entry, at=at + 0.5, medium=Medium.MEMORY)
        return self.append(value, at=at, entry=entry, by=by, key=key, **fields)

    def stored(
        self,
        node: str,
        entry: tuple[int, int],
        *,
        at: float,
        last: int | None = None,
        medium: Medium = Medium.DISK,
    ) -> None:
        """Add a report of entries from `entry` to offset `last`."""
        epoch, first = entry
        self.events.append(
            Stored(node=node, at_ns=ms(at), epoch=epoch, first=first, last=last or first, medium=medium)
        )

    def elected(
        self,
        node: str,
        epoch: int,
        *,
        at: float,
        log: tuple[int, int] = (0, 0),
        heard: Iterable[str] | None = None,
        cause: Cause = Cause.ELECTION,
    ) -> None:
        """Add the report of a new primary."""
        self.events.append(
            Elected(
                node=node,
                at_ns=ms(at),
                epoch=epoch,
                cause=cause,
                heard=tuple(heard or (node,)),
                log_epoch=log[0],
                log_offset=log[1],
            )
        )

    def bootstrap(self, node: str = "n1", *, at: float = 0.0) -> None:
        """Add the first primary."""
        self.elected(node, 1, at=at, heard=self.contract.nodes, cause=Cause.BOOTSTRAP)

    def truncated(self, node: str, epoch: int, first: int, last: int, *, at: float) -> None:
        """Add the report of a cut log."""
        self.events.append(Truncated(node=node, at_ns=ms(at), epoch=epoch, first=first, last=last))

    def episode(self, fault: str, *targets: str, at: float, until: float | None = None) -> Episode:
        """Add a fault that took a millisecond to inject and one to heal."""
        episode = Episode(
            id=len(self.episodes) + 1,
            fault=fault,
            targets=targets,
            from_ns=ms(at),
            injected_ns=ms(at + 1),
            healing_ns=None if until is None else ms(until - 1),
            until_ns=None if until is None else ms(until),
            injected=SHOWN,
            healed=SHOWN,
        )
        self.episodes.append(episode)
        return episode

    def final(self, node: str, lists: Mapping[str, Any], *, at: float = STOPPED + 100) -> None:
        """Add the reads that end a run on one node."""
        self.op("peek", tuple(lists), at=at, node=node, value=list(lists.values()))

    def run(self, survivor: str | None = "n1", **fields: Any) -> RecordedRun:
        """Return the run."""
        return RecordedRun(
            contract=self.contract,
            history=History.of(self.operations),
            workload=self.workload,
            episodes=tuple(self.episodes),
            events=tuple(sorted(self.events, key=lambda event: event.at_ns)) if self.reports else (),
            reports=self.reports,
            survivor=survivor,
            **{"recovered": True, "settled": True, "stopped_ns": ms(STOPPED), **fields},
        )


def ms(time_ms: float) -> int:
    """Return milliseconds as nanoseconds."""
    return round(time_ms * MS)


def told(result: CheckResult) -> str:
    """Return all that a result says."""
    lines = [result.summary]
    for finding in result.findings:
        lines += [f"{finding.verdict}: {finding.title}", *finding.lines]
    return "\n".join(lines)


def mixed_script(mode: Mode = Mode.ASYNC, **settings: Any) -> Script:
    """Return a script of the mixed workload."""
    return Script(mode, workload=mixed({}), **settings)
