"""What every role of a node answers to."""

from typing import TYPE_CHECKING, Protocol

from nodes.reference.state import Command, Result

if TYPE_CHECKING:
    from nodes.reference.node import Node


class Role(Protocol):
    """A primary, a replica or a candidate: what differs between them at each event."""

    def settle(self, now: int) -> None:
        """After a batch of events: write, flush, send and acknowledge what can be."""

    def tick(self, now: int) -> None:
        """Do what is due."""

    def wake_at(self) -> int:
        """Return when `tick` is due."""

    def connected(self, peer: str, now: int) -> None:
        """A connection to `peer` is up."""

    def disconnected(self, peer: str, now: int) -> None:
        """The connection to `peer` is gone."""

    def command_at(self, index: int) -> Command | None:
        """Return the command to apply at `index`."""

    def applied(self, index: int, result: Result) -> None:
        """The entry at `index` was applied with this result."""


class Quiet:
    """A role that takes no notice of most events."""

    def __init__(self, node: "Node") -> None:
        self.node = node

    def settle(self, now: int) -> None:
        """Nothing waits."""

    def connected(self, peer: str, now: int) -> None:
        """Nothing changes."""

    def disconnected(self, peer: str, now: int) -> None:
        """Nothing changes."""

    def command_at(self, index: int) -> Command | None:
        """Return the command to apply at `index`."""
        return self.node.command_in_log(index)

    def applied(self, index: int, result: Result) -> None:
        """Nobody waits for the result."""
