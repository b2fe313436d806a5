"""A run as the judges of durability see it: its writes, elections and reports, each indexed once for all."""

from functools import cached_property
from typing import TYPE_CHECKING

from msgspec.structs import replace

from checkers.evidence.incidents import (
    FOREVER,
    Deception,
    Destruction,
    deceptions,
    destructions,
    unsettling,
)
from checkers.evidence.ledger import Ledger, Write, read_ledger
from checkers.evidence.lineage import ENDLESS, Lineage
from checkers.evidence.reports import Reports
from harness.checker import RecordedRun
from harness.contract import Contract
from harness.events import Cause, Elected

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Case:
    """The indexes of one run, each made once.

    `tolerance_ns` is by how much clocks may differ; more, if more was measured.
    """

    def __init__(self, run: RecordedRun, *, tolerance_ns: int = 0) -> None:
        self.run = run
        self.tolerance_ns = max(tolerance_ns, run.clock_error_ns)

    @property
    def contract(self) -> Contract:
        """Return what the system promised."""
        return self.run.contract

    @cached_property
    def ledger(self) -> Ledger:
        """Return the writes, each under the epoch that appended it; costs one pass over the history.

        A primary may answer the retry of a write that it inherited under its own epoch.
        """
        return self.run.derived(_ledger)

    @cached_property
    def lineage(self) -> Lineage:
        """Return the elections."""
        return self.run.derived(_lineage)

    @cached_property
    def survivor_epoch(self) -> int | None:
        """Return the last epoch of which the surviving node was the primary; None if none was reported."""
        survivor = self.run.survivor
        last = self.lineage.last.get(survivor) if survivor is not None else None
        return last.epoch if last else None

    def may_forget(self, before: Elected, after: Elected) -> bool:
        """Tell whether a node may have forgotten one election by the time of another one that it won.

        So it may if it had lost the disk on which that was written and nobody else was heard, as an operator can
        have it. Others that are heard know the epoch themselves; so only disks that lied are an excuse then.
        """
        if after.heard == (after.node,) and self.lost_its_disk(before, after):
            return True
        since_ns, until_ns = before.at_ns - self.tolerance_ns, after.at_ns + self.tolerance_ns
        return not self.deceived(since_ns=since_ns, until_ns=until_ns).isdisjoint((after.node, *after.heard))

    def lost_its_disk(self, before: Elected, after: Elected) -> bool:
        """Tell whether a fault may have taken the disk of a node between two elections that it won."""
        return any(
            gone.disk
            and gone.node == before.node
            and gone.from_ns <= after.at_ns + self.tolerance_ns
            and gone.until_ns >= before.at_ns - self.tolerance_ns
            for gone in self.destructions
        )

    @cached_property
    def survived(self) -> "NDArray[np.bool_]":
        """Return the mask of rows whose log entry survived, as far as is known: those that are present.

        Not so those whose entry an election left out. Their element is there because a client that got no
        answer sent its request to two primaries, and the other one's entry is in the surviving history.
        """
        import numpy as np

        ledger, survivor_epoch = self.ledger, self.survivor_epoch
        epochs, ranks = np.unique(ledger.epoch, return_inverse=True)
        reach = np.full(len(epochs), ENDLESS, dtype=np.int64)
        for index, epoch in enumerate(epochs.tolist()):
            if survivor_epoch is not None and epoch >= 0:
                known = self.lineage.reach(survivor_epoch, epoch)
                reach[index] = ENDLESS if known is None else known
        survived: NDArray[np.bool_] = ledger.present & (ledger.offset <= reach[ranks])
        return survived

    @cached_property
    def reports(self) -> Reports:
        """Return the nodes' reports."""
        return self.run.derived(_reports)

    @cached_property
    def destructions(self) -> tuple[Destruction, ...]:
        """Return the disk losses, damages and power cuts."""
        return destructions(self.run.episodes)

    @cached_property
    def deceptions(self) -> tuple[Deception, ...]:
        """Return whose disks said that something is durable which was not."""
        return deceptions(self.run.episodes)

    def deceived(self, *, since_ns: int, until_ns: int = FOREVER) -> frozenset[str]:
        """Return the nodes whose disks may have lost in a power cut what they said was durable.

        Something written at `since_ns` or later; the power was cut up to `until_ns`.
        """
        return frozenset(
            lie.node
            for lie in self.deceptions
            for cut in self.destructions
            if cut.node == lie.node
            and cut.power
            and cut.from_ns <= min(lie.until_ns, until_ns)
            and min(cut.until_ns, lie.until_ns) >= since_ns
            and cut.until_ns >= lie.from_ns
        )

    @property
    def primary_may_change(self) -> bool:
        """Tell whether another primary took over, or (without reports) a fault may have led to that."""
        if self.run.reports:
            return any(event.cause is not Cause.BOOTSTRAP for event in self.lineage.elections.values())
        return bool(unsettling(self.run.episodes, since_ns=0))

    def primary_of(self, write: Write) -> str | None:
        """Return the node that acknowledged a write: the one that answered, or else its epoch's primary."""
        if write.node is not None or write.epoch is None:
            return write.node
        election = self.lineage.elections.get(write.epoch)
        return election.node if election else None


def _ledger(run: RecordedRun) -> Ledger:
    ledger = read_ledger(run)
    epochs = ledger.epoch.copy()
    for epoch, election in sorted(run.derived(_lineage).elections.items(), reverse=True):
        if election.log_epoch < epoch:
            epochs[(epochs == epoch) & (ledger.offset <= election.log_offset)] = election.log_epoch
    return replace(ledger, epoch=epochs)


def _lineage(run: RecordedRun) -> Lineage:
    return Lineage.of(run.events)


def _reports(run: RecordedRun) -> Reports:
    return Reports(run.events)
