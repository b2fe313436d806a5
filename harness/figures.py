"""The figures of a run that come from its history alone: counts, latency, and how long writes stood still."""

from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from harness.episode import Episode
from harness.history import History
from harness.operation import Outcome
from harness.result import Latency
from harness.workload import Workload

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

STANDSTILL_NS = 250_000_000
"""The shortest time without an acknowledged write that is called a standstill."""

STANDSTILL_GAPS = 10
"""…and how many times the median time between acknowledgements it must be."""


class Figures(Struct, frozen=True, kw_only=True):
    """Counts of writes by what is known of them, those of the harness's own included.

    `by_clients` is how many of the acknowledged ones were the clients'. `latency` is theirs, too.

    `rto` is, in seconds, from the beginning of the fault to the first acknowledgement after the first
    standstill that a fault caused; None when there was none or no write was acknowledged after it. A
    standstill is a time between two acknowledgements of at least `STANDSTILL_NS`, and of `STANDSTILL_GAPS`
    times the median of all such times, in which clients were still calling. Its cause is the last
    fault that began before it or no later than `STANDSTILL_NS` into it, if the two overlap.
    """

    acknowledged: int
    failed: int
    unknown: int
    by_clients: int
    latency: Latency
    rto: float | None


def measure(history: History, workload: Workload, episodes: Sequence[Episode]) -> Figures:
    """Read the history once and return its figures; holds 16 bytes for each acknowledged write."""
    import numpy as np

    counts = dict.fromkeys(Outcome, 0)
    calls, returns = array("q"), array("q")
    own_returns = array("q")
    last_call_ns = 0
    for operation in history:
        is_client = operation.process >= 0
        if is_client:
            last_call_ns = max(last_call_ns, operation.call_ns)
        if not workload.writes(operation):
            continue
        counts[operation.outcome] += 1
        if operation.outcome is Outcome.OK and operation.return_ns is not None:
            if is_client:
                calls.append(operation.call_ns)
                returns.append(operation.return_ns)
            else:
                own_returns.append(operation.return_ns)
    returned = np.asarray(returns)
    return Figures(
        acknowledged=counts[Outcome.OK],
        failed=counts[Outcome.FAIL],
        unknown=counts[Outcome.INFO],
        by_clients=len(returns),
        latency=_latency(returned - np.asarray(calls)),
        rto=_rto(np.sort(np.concatenate((returned, np.asarray(own_returns)))), last_call_ns, episodes),
    )


def _latency(spans_ns: "NDArray[np.int64]") -> Latency:
    import numpy as np

    if not len(spans_ns):
        return Latency()
    p50, p99 = np.quantile(spans_ns, (0.5, 0.99)) / 1e9
    return Latency(p50=float(p50), p99=float(p99))


def _rto(acks_ns: "NDArray[np.int64]", last_call_ns: int, episodes: Sequence[Episode]) -> float | None:
    import numpy as np

    if len(acks_ns) < 2:
        return None
    gaps = np.diff(acks_ns)
    shortest = max(STANDSTILL_NS, STANDSTILL_GAPS * float(np.median(gaps)))
    tried = np.minimum(acks_ns[1:], last_call_ns) - acks_ns[:-1]
    for index in np.flatnonzero((gaps >= shortest) & (tried >= shortest)):
        begin, end = int(acks_ns[index]), int(acks_ns[index + 1])
        cause = _cause(episodes, begin, end)
        if cause is not None:
            return (end - cause.from_ns) / 1e9
    return None


def _cause(episodes: Sequence[Episode], begin_ns: int, end_ns: int) -> Episode | None:
    guilty = [
        episode
        for episode in episodes
        if episode.injected_ns is not None
        and episode.from_ns <= min(begin_ns + STANDSTILL_NS, end_ns)
        and (episode.until_ns is None or episode.until_ns > begin_ns)
    ]
    return max(guilty, key=lambda episode: episode.from_ns, default=None)
