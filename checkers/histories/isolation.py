"""Isolation of transactions on lists and registers: a history's operations, as `checkers.transactions` reads them.

The analysis, the anomalies and the consistency models are there; here values become codes, and what was found is
put into our words.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from checkers.histories.transactions import APPEND, READ, WRITE, MicroOps, micro_ops
from checkers.transactions import (
    NAMES,
    NEVER,
    NIL,
    STRICTEST,
    Inferences,
    Transactions,
    certificate,
    check,
)
from checkers.transactions.findings import findings, summary
from harness.checker import CheckResult
from harness.columns.identity import identified
from harness.columns.table import Table
from harness.columns.values import Kind, frozen, spanned
from harness.history import INFO
from harness.history_checker import LINEARIZABLE, Request
from harness.options import Options
from harness.verdict import Verdict

_CODES = {READ: 0, WRITE: 1, APPEND: 1}


class _Isolation:
    """Judges the transactions of one workload."""

    name: ClassVar[str]
    writes: ClassVar[int]
    """The code of the workload's writes."""

    infer = Inferences()
    levels = NAMES

    def fits(self, table: Table) -> bool:
        """Whether transactions read, and write in the workload's way."""
        micro = micro_ops(table)
        return bool(len(micro.f)) and set(np.unique(micro.f).tolist()) == {READ, self.writes}

    def check(self, table: Table, request: Request) -> CheckResult:
        """Judge every transaction against the consistency model that is asked for, one of `levels`."""
        asked = STRICTEST if request.consistency in (None, *LINEARIZABLE) else request.consistency
        txns = transactions(table, self.writes)
        result = check(txns, self.name, consistency=asked, infer=self.infer)
        violated = result.verdict is Verdict.VIOLATED
        return CheckResult(
            checker=self.name,
            verdict=result.verdict,
            summary=summary(result),
            findings=findings(result),
            figures={
                "transactions": result.transactions,
                "acknowledged": result.acknowledged,
                "anomalies": {str(each.anomaly): each.count for each in result.found},
                "violated": result.violated,
                "may_hold": result.may_hold,
            },
            anomalies=result.anomalies,
            certificate=certificate(result) if violated else None,
        )


class ListAppend(_Isolation):
    """Transactions that append unique values to lists, and read whole lists."""

    name = "list-append"
    writes = APPEND

    def __init__(self, options: Mapping[str, Any]) -> None:
        Options(options)


class RwRegister(_Isolation):
    """Transactions that write unique values to registers, and read them.

    Options say what is taken for granted of the order of a register's versions: `wfr_keys` (who reads before it
    writes follows what it read), `sequential_keys` (as each client goes), `linearizable_keys` (as time goes).
    """

    name = "rw-register"
    writes = WRITE

    def __init__(self, options: Mapping[str, Any]) -> None:
        read = Options(options, Inferences.__struct_fields__)
        usual = Inferences()
        self.infer = Inferences(
            **{name: read.flag(name, getattr(usual, name)) for name in Inferences.__struct_fields__}
        )


def transactions(table: Table, writes: int) -> Transactions:
    """Return the transactions of a history whose writes have this code; others are passed over. O(n log n).

    O(n) where keys and values are dense numbers.
    """
    micro = micro_ops(table)
    values, rows = table.values, micro.rows
    read, write = micro.f == READ, micro.f == writes
    kept = read | write
    of = micro.of[kept]
    f, key, cell = micro.f[kept], micro.key[kept], micro.value[kept]
    read, write, there = read[kept], write[kept], cell >= 0
    lists = read & there
    lists[lists] = values.kinds_at(cell[lists]) == Kind.LIST
    size = np.zeros(len(cell), np.int64)
    size[lists] = values.size[cell[lists]]
    inside = spanned(values.payload[cell[lists]].astype(np.int64), size[lists])
    alone = there & ~lists
    found = identified(values, np.concatenate((cell[alone], inside)))
    value = np.full(len(cell), NIL, np.int64)
    value[alone] = found.codes[: int(alone.sum())]
    known = table.outcome[rows] != INFO
    return Transactions(
        id=table.id[rows],
        process=table.process[rows].astype(np.int64),
        call_ns=table.call_ns[rows],
        return_ns=np.where(known, table.return_ns[rows], NEVER),
        outcome=table.outcome[rows],
        bounds=_bounds(of, len(rows)),
        f=np.where(f == READ, _CODES[READ], _CODES[writes]).astype(np.uint8),
        key=key,
        value=value,
        start=np.cumsum(size) - size,
        size=size,
        elements=found.codes[int(alone.sum()) :],
        keys=_names(table, micro),
        values=[frozen(each) for each in values.objects(np.concatenate((cell[alone], inside))[found.first])],
    )


def _bounds(of: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    return np.concatenate(([0], np.cumsum(np.bincount(of, minlength=count))))


def _names(table: Table, micro: MicroOps) -> list[Any]:
    return [frozen(name) for name in table.values.objects(micro.keys)]
