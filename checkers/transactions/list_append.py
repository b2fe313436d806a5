"""The list-append workload: what its operations tell."""

from collections.abc import Iterator

from checkers.transactions.columns import Transactions
from checkers.transactions.dependencies import Cases, Edges, Evidence, Kind
from checkers.transactions.groups import groups
from checkers.transactions.list_cases import ListCases
from checkers.transactions.list_edges import ListEdges
from checkers.transactions.lists import Lists
from checkers.transactions.words import Words


class ListAppend:
    """The analysis of one history; see `Analysis`."""

    lists = True

    def __init__(self, txns: Transactions) -> None:
        self.txns = txns
        self._lists = Lists(txns)
        self._edges = ListEdges(self._lists)
        self.owner = self._lists.owner
        self.happened = self._lists.happened
        self.ambiguous = self._lists.ambiguous
        self.words = Words(txns, self.owner)

    def edges(self) -> Edges:
        """Return the dependencies by data."""
        return self._edges.edges()

    def cases(self) -> Iterator[Cases]:
        """Yield the anomalies that need no cycle."""
        return ListCases(self._lists, groups(self.txns, self.owner)).cases()

    def evidence(self, kind: Kind, before: int, after: int) -> Evidence:
        """Return why there is an edge between two rows."""
        return self._edges.evidence(kind, before, after)
