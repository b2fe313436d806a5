"""Who held each write when it was acknowledged, and whether that was enough.

What is known of one node's copy at the moment of the return is one of four things: on its disk, in its
memory, not there, or unknown; `checkers.copies` says by which rules. Rows with the same answers for all
nodes form a pattern, and the contract is asked once for each pattern, so a million rows cost a few array
operations a node.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from checkers.evidence.case import Case
from checkers.evidence.incidents import down
from checkers.evidence.ledger import Write
from checkers.evidence.reports import NEVER
from harness.checker import RecordedRun
from harness.contract import Contract
from harness.events import Medium

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Demand = tuple[frozenset[str], ...]
"""Sets of nodes, one of which must hold, beside the primary, what was acknowledged as degraded; else ()."""

_DISK, _MEMORY, _UNKNOWN = 1, 2, 4


class Holders(Struct, frozen=True, kw_only=True):
    """The nodes that had a write at its acknowledgement, by what is known of each, and what was demanded."""

    primary: str | None
    disk: frozenset[str]
    memory: frozenset[str]
    unknown: frozenset[str]
    demand: Demand = ()

    def enough(self, contract: Contract) -> bool:
        """Tell whether the copies that are known are what was promised."""
        return self.primary is not None and self._satisfies(contract, self.primary, frozenset())

    def perhaps_enough(self, contract: Contract) -> bool:
        """Tell whether it would be enough if every node of which nothing is known held it."""
        return self.primary is None or self._satisfies(contract, self.primary, self.unknown)

    def _satisfies(self, contract: Contract, primary: str, assumed: frozenset[str]) -> bool:
        disk, memory = self.disk | assumed, self.memory | assumed
        if not self.demand:
            return contract.enough(primary=primary, on_disk=disk, in_memory=memory)
        held = disk | memory if contract.medium is Medium.MEMORY else disk
        return primary in disk and any(nodes <= held for nodes in self.demand)


class Copies(Struct, frozen=True, kw_only=True):
    """Which rows of a ledger had too few copies when they were acknowledged.

    `judged` are the acknowledged rows that name their log entry, `untraced` those that don't. `short` rows
    surely had too few, `unproved` ones may have had enough. `patterns[pattern[row]]` tells who held a row.
    """

    judged: "NDArray[np.bool_]"
    untraced: "NDArray[np.bool_]"
    short: "NDArray[np.bool_]"
    unproved: "NDArray[np.bool_]"
    pattern: "NDArray[np.int64]"
    patterns: tuple[Holders, ...]

    def holders(self, row: int) -> Holders:
        """Return who held the element of a judged row when it was acknowledged."""
        holders: Holders = self.patterns[self.pattern[row]]
        return holders


def count_copies(case: Case) -> Copies:
    """Judge the copies of every acknowledged row of the ledger, once. O(n log n) in rows and reports."""
    return case.run.derived(_copies, case.tolerance_ns)


def _copies(run: RecordedRun, tolerance_ns: int) -> Copies:
    import numpy as np

    case = Case(run, tolerance_ns=tolerance_ns)
    ledger, contract = case.ledger, case.contract
    acknowledged = ledger.acknowledged()
    judged = acknowledged & (ledger.epoch >= 0) & (ledger.offset >= 0)
    rows = np.flatnonzero(judged)
    rows = rows[np.lexsort((ledger.offset[rows], ledger.epoch[rows]))]
    columns = [_state(case, rows, node) for node in contract.nodes]
    primary, primaries = _primaries(case, rows)
    demand, demands = _demands(case, rows)
    first, code = _distinct([*columns, primary, demand], len(rows))
    patterns = tuple(
        _holders(
            {node: int(column[row]) for node, column in zip(contract.nodes, columns, strict=True)},
            primary=primaries[primary[row]],
            demand=demands[demand[row]],
        )
        for row in first
    )
    proved = np.array([holders.enough(contract) for holders in patterns], np.bool_)
    possible = np.array([holders.perhaps_enough(contract) for holders in patterns], np.bool_)
    short, unproved = np.zeros_like(judged), np.zeros_like(judged)
    pattern = np.full(len(judged), -1, dtype=np.int64)
    pattern[rows] = code
    short[rows], unproved[rows] = ~possible[code], (possible & ~proved)[code]
    return Copies(
        judged=judged,
        untraced=acknowledged & ~judged,
        short=short,
        unproved=unproved,
        pattern=pattern,
        patterns=patterns,
    )


def _state(case: Case, rows: "NDArray[np.int64]", node: str) -> "NDArray[np.int64]":
    """Return what is known of one node's copies of the rows at their returns, as bits."""
    import numpy as np

    call, returned = case.ledger.call_ns[rows], case.ledger.return_ns[rows] + case.tolerance_ns
    on_disk = _first_report(case, rows, node, Medium.DISK) <= returned
    in_memory = _first_report(case, rows, node, Medium.MEMORY) <= returned
    idle = np.zeros(len(rows), np.bool_)
    for from_ns, until_ns in down(case.run.episodes, node):
        idle |= (call >= from_ns) & (returned <= until_ns)
    for lie in case.deceptions:
        if lie.node == node:
            on_disk |= (call <= lie.until_ns) & (returned >= lie.from_ns)
    unknown = case.reports.silent_since(node, returned) & ~on_disk & ~idle
    state: NDArray[np.int64] = _DISK * on_disk + _MEMORY * (in_memory | on_disk) + _UNKNOWN * unknown
    return state


def _first_report(case: Case, rows: "NDArray[np.int64]", node: str, medium: Medium) -> "NDArray[np.int64]":
    """Return when `node` first reported the entries of `rows`, sorted by entry, on `medium`."""
    import numpy as np

    epochs, offsets = case.ledger.epoch[rows], case.ledger.offset[rows]
    first_ns = np.full(len(rows), NEVER, dtype=np.int64)
    for epoch in case.reports.epochs(node, medium):
        begin, end = np.searchsorted(epochs, [epoch, epoch + 1]).tolist()
        first_ns[begin:end] = case.reports.first_stored(node, medium, epoch, offsets[begin:end])
    return first_ns


def _primaries(case: Case, rows: "NDArray[np.int64]") -> "tuple[NDArray[np.int64], tuple[str | None, ...]]":
    """Return who acknowledged each row, as codes and their names: who answered, or its epoch's primary."""
    import numpy as np

    ledger, elections = case.ledger, case.lineage.elections
    primaries = (*ledger.nodes, *(election.node for election in elections.values()), None)
    unnamed = ledger.node[rows] < 0
    codes = np.where(unnamed, len(primaries) - 1, ledger.node[rows])
    for index, epoch in enumerate(elections):
        codes[unnamed & (ledger.epoch[rows] == epoch)] = len(ledger.nodes) + index
    return codes, primaries


def _demands(case: Case, rows: "NDArray[np.int64]") -> "tuple[NDArray[np.int64], list[Demand]]":
    """Return what each degraded acknowledgement promised, as codes and what they stand for."""
    import numpy as np

    codes = np.zeros(len(rows), dtype=np.int64)
    found: dict[Demand, int] = {(): 0}
    if case.contract.degrades:
        for index in np.flatnonzero(case.ledger.degraded[rows]).tolist():
            demand = _demand(case, case.ledger.write(int(rows[index])))
            codes[index] = found.setdefault(demand, len(found))
    return codes, list(found)


def _demand(case: Case, write: Write) -> Demand:
    """Return which nodes had to hold it beside the primary, in each state that the primary was in meanwhile."""
    until_ns = write.call_ns if write.return_ns is None else write.return_ns
    states = case.reports.degraded_states(
        case.primary_of(write), write.epoch, from_ns=write.call_ns, until_ns=until_ns
    )
    return tuple(dict.fromkeys(frozenset(nodes) for nodes in states)) or (frozenset(),)


def _holders(states: Mapping[str, int], *, primary: str | None, demand: Demand) -> Holders:
    disk, memory, unknown = (
        frozenset(node for node, state in states.items() if state & bit) for bit in (_DISK, _MEMORY, _UNKNOWN)
    )
    return Holders(primary=primary, disk=disk, memory=memory, unknown=unknown, demand=demand)


def _distinct(columns: "Sequence[NDArray[np.int64]]", length: int) -> "tuple[list[int], NDArray[np.int64]]":
    """Return the first place of each distinct row of a table, and for every row the number of its kind."""
    import numpy as np

    first, code = np.zeros(min(length, 1), np.int64), np.zeros(length, np.int64)
    for column in columns if length else ():
        combined = code * (int(column.max()) + 1) + column
        _, first, code = np.unique(combined, return_index=True, return_inverse=True)
    return first.tolist(), code
