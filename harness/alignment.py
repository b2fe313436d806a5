"""What a machine's clock showed, as time on the harness's clock, with the error that this may have.

A clock was compared with the harness's again and again; each comparison bounds by how much it was ahead then
(`harness.machine.ClockSample`). Clocks run at slightly different speeds, so the bound gets wider with the time
since a comparison. The narrowest bound counts.
"""

from bisect import bisect_left
from collections.abc import Sequence

from harness.machine import ClockSample

DRIFT_PPM = 600
"""By how many millionths two clocks may differ in speed: NTP slews by up to 500, and a quartz is off by 50."""
_NEAREST = 8
"""How many comparisons before and after a moment may have the narrowest bound; they come once a second."""


class Alignment:
    """The comparisons of one machine, of which there is at least one."""

    def __init__(self, samples: Sequence[ClockSample]) -> None:
        assert samples, "a clock that was never compared can't be aligned"
        self._samples = sorted(samples, key=lambda sample: sample.at_ns + sample.ahead_ns)
        self._shown_ns = [sample.at_ns + sample.ahead_ns for sample in self._samples]

    def of(self, shown_ns: int) -> tuple[int, int]:
        """Return the harness's time at which the machine's clock showed `shown_ns`, and its error. O(log n).

        Where neighbouring comparisons contradict each other (the machine had been stopped, or its clock was
        changed), all times between them may be wrong by as much as they differ.
        """
        index = bisect_left(self._shown_ns, shown_ns)
        near = range(max(0, index - _NEAREST), min(len(self._samples), index + _NEAREST))
        error_ns, best = min((self._bound(at, shown_ns), at) for at in near)
        if 0 < index < len(self._samples):
            error_ns = max(error_ns, self._contradiction(index))
        return shown_ns - self._samples[best].ahead_ns, error_ns

    def _bound(self, at: int, shown_ns: int) -> int:
        return self._samples[at].error_ns + _drift_ns(abs(shown_ns - self._shown_ns[at]))

    def _contradiction(self, index: int) -> int:
        """Return by how much the comparisons around a moment differ, if both can't be right."""
        before, after = self._samples[index - 1], self._samples[index]
        differ_ns = abs(after.ahead_ns - before.ahead_ns)
        allowed_ns = before.error_ns + after.error_ns + _drift_ns(after.at_ns - before.at_ns)
        return differ_ns if differ_ns > allowed_ns else 0


def _drift_ns(passed_ns: int) -> int:
    return abs(passed_ns) * DRIFT_PPM // 1_000_000
