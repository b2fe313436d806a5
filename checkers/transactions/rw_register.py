"""The rw-register workload: what its operations tell."""

from collections.abc import Iterator

from checkers.transactions.columns import Transactions
from checkers.transactions.dependencies import Cases, Edges, Evidence, Kind
from checkers.transactions.register_cases import RegisterCases
from checkers.transactions.register_edges import RegisterEdges
from checkers.transactions.registers import Inferences, Registers
from checkers.transactions.words import Words


class RwRegister:
    """The analysis of one history; see `Analysis`."""

    lists = False

    def __init__(self, txns: Transactions, infer: Inferences) -> None:
        self.txns = txns
        self._registers = Registers(txns, infer)
        self._edges = RegisterEdges(self._registers)
        self.owner = self._registers.owner
        self.happened = self._registers.happened
        self.ambiguous = self._registers.ambiguous
        self.words = Words(txns, self.owner)

    def edges(self) -> Edges:
        """Return the dependencies by data."""
        return self._edges.edges()

    def cases(self) -> Iterator[Cases]:
        """Yield the anomalies that need no cycle."""
        return RegisterCases(self._registers).cases()

    def evidence(self, kind: Kind, before: int, after: int) -> Evidence:
        """Return why there is an edge between two rows."""
        return self._edges.evidence(kind, before, after)
