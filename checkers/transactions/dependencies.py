"""What the analysis of a workload hands on: who depends on whom, and what is wrong without any cycle."""

import enum
from collections.abc import Iterator
from typing import Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from checkers.transactions.anomalies import Anomaly
from checkers.transactions.columns import Bytes, Ints, Mask, Transactions
from checkers.transactions.words import Words


class Kind(enum.IntFlag):
    """Why one transaction comes before another (Adya 1999)."""

    WW = 1
    """It wrote the version before the other's."""
    WR = 2
    """It wrote what the other read."""
    RW = 4
    """It read what the other overwrote: an anti-dependency."""
    PROCESS = 8
    """The same client called it before."""
    REALTIME = 16
    """It returned before the other was called."""
    LINK = 32
    """On from a point between transactions: the kind is that of the edge that leads to the point."""


class Edges(Struct, frozen=True, kw_only=True):
    """A graph. The first `transactions` of its `nodes` are rows; the others are points between transactions.

    Points keep it small: what holds between each of some and each of others goes through one of them.
    """

    transactions: int
    nodes: int
    src: NDArray[np.int32]
    dst: NDArray[np.int32]
    kind: Bytes


class Case(Struct, frozen=True, kw_only=True):
    """An anomaly that needs no cycle: in words, and by the micro-operations that show it."""

    text: str
    micro: tuple[int, ...]


class Cases(Struct, frozen=True, kw_only=True):
    """All cases of one anomaly: how many, and some of them."""

    anomaly: Anomaly
    count: int
    some: tuple[Case, ...]


class Evidence(Struct, frozen=True, kw_only=True):
    """Why one transaction depends on another by data: their micro-operations, in words.

    `before` is the micro-operation of the first, which wrote (WW, WR) or read (RW), `after` that of the
    second, which wrote (WW, RW) or read (WR). `witness` is a read that shows the order of two writes; -1
    where none is needed.
    """

    before: int
    after: int
    witness: int = -1
    text: str


class Analysis(Protocol):
    """What a workload's operations tell of a history."""

    txns: Transactions
    words: Words
    lists: bool
    """Whether values are lists; else they are registers."""
    owner: Ints
    """For each micro-operation the row of its transaction."""
    happened: Mask
    """Which transactions surely happened: acknowledged, or what they wrote was read."""
    ambiguous: Ints
    """Micro-operations that wrote what others wrote, too: nothing is told of their keys."""

    def edges(self) -> Edges:
        """Return the dependencies by data."""

    def cases(self) -> Iterator[Cases]:
        """Yield the anomalies that need no cycle."""

    def evidence(self, kind: Kind, before: int, after: int) -> Evidence:
        """Return why there is an edge between two rows."""
