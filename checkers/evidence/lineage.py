"""Which history each epoch continues: the tree of epochs that elections grow, and what each one left behind.

A log entry is named by its epoch and its offset. A primary elected with (`log_epoch`, `log_offset`) as the
last entry of its log continues that history up to there, and nothing else; what the older epoch appended
beyond it is cut off on every node that follows. So the elections alone tell which entries a surviving
history must contain, and which election dropped an entry that it does not.

Epochs grow, with one exception: a node that has lost its disk has forgotten them, and whom an operator promotes
then asks nobody. It may begin a lower epoch than one before, or even the same. From there on, the elections tell
nothing.
"""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from harness.events import Elected, NodeEvent

ENDLESS = (1 << 62) - 1
"""The reach of an epoch into itself: all that it ever appends."""


class Lineage(Struct, frozen=True, kw_only=True):
    """The elections of a run: the first of each epoch, and the last that each node won.

    `rivals` are pairs of primaries that were elected for the same epoch. `forgotten` are pairs of successive
    elections of one node, of which the second is for no later epoch.
    """

    elections: Mapping[int, Elected]
    last: Mapping[str, Elected]
    rivals: tuple[tuple[Elected, Elected], ...] = ()
    forgotten: tuple[tuple[Elected, Elected], ...] = ()

    @classmethod
    def of(cls, events: Iterable[NodeEvent]) -> "Lineage":
        """Build the tree from a run's events; the first primary reported for an epoch counts."""
        elections: dict[int, Elected] = {}
        last: dict[str, Elected] = {}
        rivals = []
        forgotten = []
        for event in events:
            if isinstance(event, Elected):
                first = elections.setdefault(event.epoch, event)
                if first.node != event.node:
                    rivals.append((first, event))
                before = last.get(event.node, event)
                if before != event and before.epoch >= event.epoch:
                    forgotten.append((before, event))
                last[event.node] = event
        return cls(elections=elections, last=last, rivals=tuple(rivals), forgotten=tuple(forgotten))

    def reach(self, epoch: int, ancestor: int) -> int | None:
        """Return the offset of the last entry of `ancestor` that the history of `epoch` contains.

        ENDLESS for the epoch itself, -1 when that history contains nothing of `ancestor`, None when it can't
        be told because an election in between was not reported. O(epochs).
        """
        limit = ENDLESS
        while epoch > ancestor:
            election = self.elections.get(epoch)
            if election is None:
                return None
            if election.log_epoch >= epoch:
                return None
            epoch, limit = election.log_epoch, election.log_offset
        return limit if epoch == ancestor else -1

    def contains(self, epoch: int, entry_epoch: int, offset: int) -> bool | None:
        """Tell whether the history of `epoch` contains an entry; None when it can't be told."""
        reach = self.reach(epoch, entry_epoch)
        return None if reach is None else offset <= reach

    def chain(self, epoch: int) -> tuple[int, ...]:
        """Return the epochs whose entries the history of `epoch` consists of, newest first."""
        epochs = [epoch]
        while (election := self.elections.get(epochs[-1])) is not None and 0 < election.log_epoch < epochs[
            -1
        ]:
            epochs.append(election.log_epoch)
        return tuple(epochs)

    @property
    def reliable_below(self) -> int:
        """Return the epoch below which numbers tell what came after what; ENDLESS if no node has forgotten one."""
        return min((after.epoch for _, after in self.forgotten), default=ENDLESS)

    def drops(self, entry_epoch: int, offset: int) -> tuple[Elected, ...]:
        """Return all elections whose winner's history lacks the entry, of later epochs, by epoch."""
        return tuple(
            election
            for epoch, election in sorted(self.elections.items())
            if epoch > entry_epoch and self.contains(epoch, entry_epoch, offset) is False
        )

    def dropped_by(self, survivor_epoch: int, entry_epoch: int, offset: int) -> Elected | None:
        """Return the election that left the entry out of the history of `survivor_epoch`.

        That is the first one after the entry's epoch among the ancestors of the surviving epoch; None when
        the surviving history contains the entry, is older than it, or is not known.
        """
        if self.contains(survivor_epoch, entry_epoch, offset) is not False:
            return None
        later = [epoch for epoch in self.chain(survivor_epoch) if epoch > entry_epoch]
        return self.elections[later[-1]] if later else None
