"""Clocks of machines, put on the harness's time: never further off than it says."""

from hypothesis import given
from hypothesis import strategies as st

from harness.alignment import Alignment, Alignments
from harness.machine import ClockSample

SECOND = 1_000_000_000


def sample(at_ns: int, ahead_ns: int, error_ns: int = 1000) -> ClockSample:
    return ClockSample(at_ns=at_ns, ahead_ns=ahead_ns, error_ns=error_ns)


def test_a_reading_is_put_back_by_what_the_clock_was_ahead() -> None:
    assert Alignment([sample(5 * SECOND, 100 * SECOND)]).of(105 * SECOND) == (5 * SECOND, 1000)


def test_the_error_grows_with_the_time_since_the_comparison() -> None:
    _, error_ns = Alignment([sample(0, 0)]).of(SECOND)
    assert error_ns == 1000 + 600_000


def test_the_narrowest_bound_counts() -> None:
    alignment = Alignment([sample(0, 7, error_ns=10), sample(SECOND // 1000, 999, error_ns=10**6)])
    assert alignment.of(SECOND // 1000)[0] == SECOND // 1000 - 7


def test_comparisons_that_contradict_each_other_make_all_between_them_doubtful() -> None:
    alignment = Alignment([sample(0, 0), sample(SECOND, -SECOND // 2)])
    assert alignment.of(SECOND // 4)[1] >= SECOND // 2
    assert alignment.of(-1)[1] < SECOND // 2


@given(
    drift_ppm=st.floats(-500, 500),
    ahead_ns=st.integers(-(10**15), 10**15),
    delays=st.lists(st.tuples(st.integers(0, 10**8), st.integers(0, 10**8)), min_size=1, max_size=20),
    moment=st.floats(0, 1),
)
def test_the_truth_is_within_the_error(
    drift_ppm: float, ahead_ns: int, delays: list[tuple[int, int]], moment: float
) -> None:
    def shown(true_ns: int) -> int:
        return true_ns + ahead_ns + round(true_ns * drift_ppm / 1e6)

    samples = []
    for number, (there_ns, back_ns) in enumerate(delays):
        asked_ns = number * SECOND
        middle_ns = (2 * asked_ns + there_ns + back_ns) // 2
        samples.append(
            sample(middle_ns, shown(asked_ns + there_ns) - middle_ns, (there_ns + back_ns + 1) // 2)
        )
    true_ns = round(moment * len(delays) * SECOND)
    said_ns, error_ns = Alignment(samples).of(shown(true_ns))
    assert abs(said_ns - true_ns) <= error_ns + 1000  # rounding, and the drift while an answer was on its way


@given(
    uptimes=st.lists(st.integers(0, 10**12), min_size=1, max_size=4),
    life=st.integers(0, 3),
    moment=st.floats(0, 1),
)
def test_the_truth_is_within_the_error_over_all_starts(uptimes: list[int], life: int, moment: float) -> None:
    """Each life lasts a minute; its clock starts wherever it likes, also where a former one had been already."""
    minute = 60 * SECOND
    samples = [
        ClockSample(
            at_ns=number * minute + second * SECOND,
            ahead_ns=uptime - number * minute,
            error_ns=1000,
            start=f"start {number}",
        )
        for number, uptime in enumerate(uptimes)
        for second in range(50)
    ]
    number = life % len(uptimes)
    true_ns = number * minute + round(moment * 49 * SECOND)
    shown_ns = true_ns + uptimes[number] - number * minute
    said_ns, error_ns = Alignments(samples).of(shown_ns, heard_ns=true_ns + 1000)
    assert abs(said_ns - true_ns) <= error_ns <= 1000 + 600_000
