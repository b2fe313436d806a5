"""A machine's clock: the true time with a drift, and jumps of its wall clock."""

MILLION = 1_000_000
SIMULATION_BEGINS_NS = 946_684_800 * 1_000_000_000
"""Midnight of 1 January 2000, UTC: what every wall clock shows at first."""


class MachineClock:
    """Reads the true time as one machine has it. Its monotonic time may run too fast or too slow, never back."""

    def __init__(self) -> None:
        self._base_ns = 0
        self._since_ns = 0
        self._drift_ppm = 0
        self.ahead_ns: int | None = 0
        """What its monotonic time always is ahead of the true time; None while it drifts."""
        self._offset_ns = SIMULATION_BEGINS_NS

    def read_ns(self, true_ns: int) -> int:
        """Return the monotonic time at a true time."""
        passed_ns = true_ns - self._since_ns
        return self._base_ns + passed_ns + passed_ns * self._drift_ppm // MILLION

    def wall_ns(self, true_ns: int) -> int:
        """Return the wall clock's time, in nanoseconds since 1970, at a true time."""
        return self.read_ns(true_ns) + self._offset_ns

    def true_ns(self, delay_ns: int) -> int:
        """Return how long it truly takes until at least `delay_ns` have passed on this clock."""
        if not self._drift_ppm:
            return delay_ns
        return -(-delay_ns * MILLION // (MILLION + self._drift_ppm))

    def set_drift(self, ppm: int, true_ns: int) -> None:
        """Let the clock run `ppm` millionths too fast from now on (negative: too slow)."""
        assert ppm > -MILLION, "a clock does not run backwards"
        self._base_ns, self._since_ns = self.read_ns(true_ns), true_ns
        self._drift_ppm = ppm
        self.ahead_ns = None if ppm else self._base_ns - self._since_ns

    def jump(self, by_ns: int) -> None:
        """Set the wall clock forward, or back."""
        self._offset_ns += by_ns
