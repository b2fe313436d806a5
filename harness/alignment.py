"""What a machine's clock showed, as time on the harness's clock, with the error that this may have.

A clock was compared with the harness's again and again; each comparison bounds by how much it was ahead then
(`harness.machine.ClockSample`). Clocks run at slightly different speeds, so the bound gets wider with the time
since a comparison. The narrowest bound counts.

A machine that lost its power has a clock that began anew: it may show the same times again. So the comparisons of
each start are a matter of their own, and a report belongs to the start in which it arrived.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import groupby

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


class Alignments:
    """The comparisons of one machine over all its starts; there is at least one."""

    def __init__(self, samples: Sequence[ClockSample]) -> None:
        by_time = sorted(samples, key=lambda sample: sample.at_ns)
        of_starts = [list(of_one) for _, of_one in groupby(by_time, key=lambda sample: sample.start)]
        self._begun_ns = [of_one[0].at_ns for of_one in of_starts]
        self._alignments = [Alignment(of_one) for of_one in of_starts]

    def of(self, shown_ns: int, *, heard_ns: int) -> tuple[int, int]:
        """Return the time at which the clock showed `shown_ns`, as told in a report, and its error.

        `heard_ns` is when the report arrived. What arrived before the first comparison is of the first start.
        """
        start = max(0, bisect_right(self._begun_ns, heard_ns) - 1)
        return self._alignments[start].of(shown_ns)


def _drift_ns(passed_ns: int) -> int:
    return abs(passed_ns) * DRIFT_PPM // 1_000_000
