"""From transactions to a verdict: what is wrong, which consistency models that rules out, and which may hold."""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from checkers.transactions.anomalies import Anomaly
from checkers.transactions.columns import Transactions
from checkers.transactions.cycles import Cycle, cycles
from checkers.transactions.dependencies import Analysis, Case, Cases
from checkers.transactions.fans import merged
from checkers.transactions.list_append import ListAppend
from checkers.transactions.models import MODELS, canonical, ruled_out, strongest, weaker, weakest
from checkers.transactions.orders import by_process, by_realtime
from harness.history import INFO, OK
from harness.verdict import Verdict

STRICTEST = "strict-serializable"

EFFORT = 20_000_000
"""How many edges may be followed in search of short cycles: some ten seconds."""

WORKLOADS: Mapping[str, Callable[..., Analysis]] = {"list-append": ListAppend}
