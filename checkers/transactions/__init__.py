"""Isolation of transactions: which anomalies a history shows, and which consistency models these rule out.

    builder = Builder()                          # or columns made elsewhere: see `Transactions`
    builder.add([("append", "x", 1)], id=0, call_ns=0, return_ns=10, process=0)
    builder.add([("r", "x", [])], id=1, call_ns=20, return_ns=30, process=1)
    result = check(builder.build(), "list-append", consistency="snapshot-isolation")
    result.verdict                               # of the model that was asked for
    result.anomalies                             # G-single-realtime
    result.violated, result.may_hold             # strong-consistent-view, …; strong-session-serializable
    result.found[0].stories[0].lines             # the cycle in words

The analysis is that of Elle (Kingsbury and Alvaro, Elle: Inferring Isolation Anomalies from Experimental
Observations, 2020), on numpy columns.
"""

from checkers.transactions.anomalies import Anomaly
from checkers.transactions.certificate import certificate
from checkers.transactions.check import EFFORT, STRICTEST, Found, Result, check
from checkers.transactions.columns import NEVER, NIL, READ, WRITE, Builder, Transactions
from checkers.transactions.explanation import Pointer, Step, Story
from checkers.transactions.models import MODELS, NAMES
from checkers.transactions.registers import Inferences

__all__ = [
    "EFFORT", "MODELS", "NAMES", "NEVER", "NIL", "READ", "STRICTEST", "WRITE", "Anomaly", "Builder", "Found",
    "Inferences", "Pointer", "Result", "Step", "Story", "Transactions", "certificate", "check",
]  # fmt: skip
