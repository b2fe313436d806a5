"""The nodes' reports, indexed so that a million offsets can be looked up at once.

Reports of one node arrive in the order in which it made them, each before the node acted on it. So a copy
that was reported late was made late; and once any later report of the same process has arrived, a copy that
it did not report before was not there.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.events import Degraded, Medium, NodeEvent, Started, Stored, Truncated

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NEVER = (1 << 62) - 1
"""The time of what was not reported."""


class Reports:
    """All reports of a run by node. `events` must be sorted by time.

    The position of a report is its index among all; it orders reports of the same nanosecond, too.
    """

    def __init__(self, events: Sequence[NodeEvent]) -> None:
        self._all_ns = [event.at_ns for event in events]
        self._stored: dict[tuple[str, Medium, int], list[tuple[int, Stored]]] = defaultdict(list)
        self._truncated: dict[str, list[tuple[int, Truncated]]] = defaultdict(list)
        self._times: dict[str, list[int]] = defaultdict(list)
        self._starts: dict[str, list[int]] = defaultdict(list)
        self._degraded: dict[tuple[str, int], list[Degraded]] = defaultdict(list)
        for position, event in enumerate(events):
            times = self._times[event.node]
            times.append(event.at_ns)
            if isinstance(event, Stored):
                self._stored[event.node, event.medium, event.epoch].append((position, event))
            elif isinstance(event, Started):
                self._starts[event.node].append(len(times) - 1)
            elif isinstance(event, Truncated):
                self._truncated[event.node].append((position, event))
            elif isinstance(event, Degraded):
                self._degraded[event.node, event.epoch].append(event)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Return the nodes that reported anything, sorted."""
        return tuple(sorted(self._times))

    def epochs(self, node: str, medium: Medium) -> tuple[int, ...]:
        """Return the epochs of which the node reported entries on `medium`, ascending."""
        return tuple(sorted(epoch for name, kind, epoch in self._stored if (name, kind) == (node, medium)))

    def position(self, time_ns: int) -> int:
        """Return the position of the last report up to a time; -1 if there is none."""
        return bisect_right(self._all_ns, time_ns) - 1

    def truncations(self, node: str) -> tuple[tuple[int, Truncated], ...]:
        """Return what the node reported to have cut off its log, with the positions of these reports."""
        return tuple(self._truncated.get(node, ()))

    def degraded_states(
        self, node: str | None, epoch: int | None, *, from_ns: int, until_ns: int
    ) -> tuple[tuple[str, ...], ...]:
        """Return which nodes a degraded primary said are in sync: at `from_ns`, and then to `until_ns`."""
        if node is None or epoch is None:
            return ()
        log = self._degraded.get((node, epoch), [])
        begin = bisect_right(log, from_ns, key=lambda event: event.at_ns)
        end = bisect_right(log, until_ns, key=lambda event: event.at_ns)
        return tuple(event.in_sync for event in log[max(0, begin - 1) : end])

    def degraded_by(self, time_ns: int) -> bool:
        """Tell whether any primary had reported by then that it goes on with fewer copies."""
        return any(log[0].at_ns <= time_ns for log in self._degraded.values())

    def when_stored(self, node: str, medium: Medium, epoch: int | None, offset: int | None) -> int | None:
        """Return when the node first reported one entry on `medium`; None if it did not. O(reports)."""
        if epoch is None or offset is None:
            return None
        lines = self._stored.get((node, medium, epoch), ())
        return next((event.at_ns for _, event in lines if event.first <= offset <= event.last), None)

    def first_stored(
        self,
        node: str,
        medium: Medium,
        epoch: int,
        offsets: "NDArray[np.int64]",
        *,
        after: int = -1,
        until: int = NEVER,
    ) -> "NDArray[np.int64]":
        """Return when the node first reported each entry of `epoch` on `medium`; NEVER if it did not.

        `offsets` must be sorted. Only reports at the positions after < position <= until count. O(reports of
        the epoch times log n, and the lengths of their ranges).
        """
        import numpy as np

        first_ns = np.full(len(offsets), NEVER, dtype=np.int64)
        lines = self._stored.get((node, medium, epoch), ())
        told = [event for position, event in lines if after < position <= until]
        if told and len(offsets):
            begins = np.searchsorted(offsets, [event.first for event in told], side="left").tolist()
            ends = np.searchsorted(offsets, [event.last for event in told], side="right").tolist()
            for event, begin, end in zip(reversed(told), reversed(begins), reversed(ends), strict=True):
                first_ns[begin:end] = event.at_ns
        return first_ns

    def silent_since(self, node: str, times_ns: "NDArray[np.int64]") -> "NDArray[np.bool_]":
        """Tell for each time whether the node's reports up to it may be incomplete.

        They are complete if the same process reported anything later; not if there is no later report, or if
        the next one is that of a restart.
        """
        import numpy as np

        at_ns = np.array(self._times.get(node, ()), dtype=np.int64)
        broken = np.zeros(len(at_ns) + 1, dtype=np.bool_)
        broken[[*self._starts.get(node, ()), -1]] = True
        silent: NDArray[np.bool_] = broken[np.searchsorted(at_ns, times_ns, side="right")]
        return silent
