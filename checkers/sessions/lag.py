"""How far behind replicas were: the age of the oldest write that a read missed, by node.

A read tells it of the keys that it asked for alone, so a node may be further behind than its reads tell.
Nothing was missed: no lag. What is missed counts from its acknowledgement on.
"""

from array import array
from collections.abc import Mapping

from checkers.sessions.traffic import Seen, Traffic


class Lags:
    """The lags of each node's reads, in nanoseconds."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic
        self._by_node: dict[str, array[int]] = {}

    def add(self, read: Seen) -> None:
        """Take in a read of a named node. O(elements of its keys)."""
        if read.operation.node is not None:
            self._by_node.setdefault(read.operation.node, array("q")).append(self._lag_ns(read))

    def figures(self) -> Mapping[str, float]:
        """Return for each node how many reads there were, how many missed something, and quantiles of the lag."""
        import numpy as np

        found: dict[str, float] = {}
        for node, lags in sorted(self._by_node.items()):
            column = np.asarray(lags)
            p50, p99, most = np.quantile(column, (0.5, 0.99, 1.0)).tolist()
            found |= {
                f"{node}_reads": len(column),
                f"{node}_stale": int(np.count_nonzero(column)),
                f"{node}_lag_p50_s": p50 / 1e9,
                f"{node}_lag_p99_s": p99 / 1e9,
                f"{node}_lag_max_s": most / 1e9,
            }
        return found

    @property
    def most_ns(self) -> int:
        """The longest lag of all, 0 without reads."""
        return max((max(lags) for lags in self._by_node.values()), default=0)

    def _lag_ns(self, read: Seen) -> int:
        call_ns, oldest_ns = read.operation.call_ns, read.operation.call_ns
        for key, values in read.shown.items():
            for written in self._traffic.acknowledged.get(key, ()):
                if written.return_ns is None or written.return_ns >= oldest_ns:
                    break
                if written.element[1] not in values:
                    oldest_ns = written.return_ns
                    break
        return call_ns - oldest_ns
