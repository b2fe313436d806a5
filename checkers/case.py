"""A run as the judges of durability see it: its writes, elections and reports, each indexed once."""

from functools import cached_property

from checkers.incidents import Destruction, destructions
from checkers.ledger import Ledger, Write, read_ledger
from checkers.lineage import Lineage
from checkers.reports import Reports
from harness.checker import RecordedRun
from harness.contract import Contract


class Case:
    """The indexes of one run, each made once. `tolerance_ns` is by how much clocks may differ."""

    def __init__(self, run: RecordedRun, *, tolerance_ns: int = 0) -> None:
        self.run = run
        self.tolerance_ns = tolerance_ns

    @property
    def contract(self) -> Contract:
        """Return what the system promised."""
        return self.run.contract

    @cached_property
    def ledger(self) -> Ledger:
        """Return the writes; costs one pass over the history."""
        return read_ledger(self.run)

    @cached_property
    def lineage(self) -> Lineage:
        """Return the elections."""
        return Lineage.of(self.run.events)

    @cached_property
    def reports(self) -> Reports:
        """Return the nodes' reports."""
        return Reports(self.run.events)

    @cached_property
    def destructions(self) -> tuple[Destruction, ...]:
        """Return the disk losses and power cuts."""
        return destructions(self.run.episodes)

    def primary_of(self, write: Write) -> str | None:
        """Return the node that acknowledged a write: the one that answered, or else its epoch's primary."""
        if write.node is not None or write.epoch is None:
            return write.node
        election = self.lineage.elections.get(write.epoch)
        return election.node if election else None
