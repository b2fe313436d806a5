"""The lost writes of a run as plain values that an independent program can check against the history."""

from collections.abc import Mapping, Sequence
from typing import Any

from checkers.evidence.case import Case
from harness.workload import is_final_read

MOST = 1_000
"""How many lost writes are certified one by one."""


def certificate(case: Case, rows: Sequence[int]) -> Mapping[str, Any] | None:
    """Return who lost which writes, and the reads that show it; None where nothing is lost.

    `rows` are those of the ledger. One more pass over the history.
    """
    if not rows:
        return None
    writes = [case.ledger.write(row) for row in rows[:MOST]]
    keys, reads = {write.key for write in writes}, dict[str, int]()
    for operation in case.run.history:
        if is_final_read(operation, node=case.run.survivor, stopped_ns=case.run.stopped_ns):
            reads.update(dict.fromkeys(keys.intersection(operation.args[0]), operation.id))
    return {
        "kind": "lost-writes",
        "survivor": case.run.survivor,
        "lost": len(rows),
        "writes": [
            {"id": write.id, "key": write.key, "value": write.value, "read": reads[write.key]}
            for write in writes
        ],
    }
