"""When a node writes a snapshot of its state, in small steps, and forgets the log before it."""

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from nodes.reference import effects as fx

if TYPE_CHECKING:
    from nodes.reference.node import Node

ROWS_A_STEP = 500
"""How many rows are written between two looks at the outside world."""

AGAIN_NS = 1_000_000_000
"""How long to wait after a snapshot could not be written before the next is begun."""


class Snapshots:
    """The snapshot that is current, and the one in the making."""

    def __init__(self, node: "Node", current: int) -> None:
        self._node = node
        self.current = current
        self.wanted = False
        self._limit_bytes = node.settings.snapshot_bytes + node.settings.retain_bytes
        self.busy = False
        """Whether rows wait to be written."""
        self._rows: Iterator[list[Any]] = iter(())
        self._making: int | None = None
        self._again_ns = 0

    @property
    def floor(self) -> int:
        """The index behind which the log may be cut: a snapshot, once it is begun, can't be taken back."""
        return max(self.current, self._making or 0)

    def settle(self, now: int) -> None:
        """Begin a snapshot if the log has grown too long, or write the next rows of the one in the making."""
        node = self._node
        if self.busy:
            rows = tuple(islice(self._rows, ROWS_A_STEP))
            if rows:
                node.out.append(fx.SnapshotRows(rows))
            else:
                self.busy = False
                node.state.thaw()
                node.out.append(fx.SnapshotEnd())
        elif (self.wanted or node.log.size_bytes > self._limit_bytes) and self._possible(now):
            self._making = node.applied
            self._rows, self.busy = node.state.freeze().rows(), True
            self.wanted = False
            node.out.append(fx.SnapshotBegin(node.applied, tuple(node.log.stretches(1, node.applied))))

    def _possible(self, now: int) -> bool:
        node = self._node
        return (
            self._making is None
            and not node.reloading
            and node.applied > self.current
            and now >= self._again_ns
        )

    def saved(self, index: int) -> None:
        """The snapshot is durable: keep only the end of the log, for replicas that are a little behind.

        What this node has yet to apply stays too: its state may have gone back to an older snapshot meanwhile.
        """
        if self._making != index:
            return
        self.current, self._making = index, None
        node = self._node
        kept, upto, held = 0, node.log.last, min(self.current, node.applied)
        while upto > node.log.base and (kept < node.settings.retain_bytes or upto > held):
            kept += len(node.log.frame(upto))
            upto -= 1
        if upto > node.log.base:
            node.log.compact(upto)
            node.out.append(fx.Compact(upto))

    def failed(self, now: int) -> None:
        """The snapshot could not be written (a full disk): the log stays as it is, for a later try."""
        self._making = None
        self._again_ns = now + AGAIN_NS

    def forget(self, current: int) -> None:
        """Another node's snapshot has taken the place of everything here."""
        if self.busy:
            self._node.state.thaw()
        self.busy, self._making = False, None
        self.current = current
