import pytest
from fakes import Appends
from hypothesis import given
from hypothesis import strategies as st

from harness.episode import Episode, Proof
from harness.figures import Figures, measure
from harness.history import History
from harness.operation import Operation, Outcome

MS = 1_000_000


def write(
    call_ms: float, return_ms: float | None, *, process: int = 0, outcome: Outcome = Outcome.OK
) -> Operation:
    return Operation(
        id=0,
        process=process,
        f="append",
        args=("k", int(call_ms)),
        call_ns=int(call_ms * MS),
        return_ns=None if return_ms is None else int(return_ms * MS),
        outcome=outcome,
    )


def read(call_ms: float) -> Operation:
    return Operation(
        id=0, process=0, f="peek", args=(["k"],), call_ns=int(call_ms * MS), return_ns=int(call_ms * MS) + 1
    )


def fault(from_ms: float, until_ms: float | None, *, injected: bool = True) -> Episode:
    return Episode(
        id=0,
        fault="kill",
        targets=("n1",),
        from_ns=int(from_ms * MS),
        injected_ns=int(from_ms * MS) + 1 if injected else None,
        until_ns=None if until_ms is None else int(until_ms * MS),
        injected=(Proof(what="gone", shown=True),),
    )


def figures(operations: list[Operation], *episodes: Episode) -> Figures:
    return measure(History.of(operations), Appends(), episodes)  # type: ignore[arg-type]


def every(step_ms: float, begin_ms: float, end_ms: float) -> list[Operation]:
    count = int((end_ms - begin_ms) / step_ms) + 1
    return [write(begin_ms + i * step_ms - 2, begin_ms + i * step_ms) for i in range(count)]


def test_writes_are_counted_and_reads_are_not() -> None:
    counted = figures(
        [
            write(0, 1),
            write(1, 2, process=-1),
            write(2, 3, outcome=Outcome.FAIL),
            write(3, 4, outcome=Outcome.INFO),
            write(4, None, outcome=Outcome.INFO),
            read(5),
        ]
    )
    assert (counted.acknowledged, counted.failed, counted.unknown, counted.by_clients) == (2, 1, 2, 1)


def test_latency_is_of_the_clients_acknowledged_writes() -> None:
    operations = [write(i, i + 1 + i % 100) for i in range(1000)]
    measured = figures(
        [*operations, write(0, 9000, process=-1), write(0, 9000, outcome=Outcome.INFO)]
    ).latency
    assert measured.p50 == pytest.approx(0.0505)
    assert measured.p99 == pytest.approx(0.0991, abs=1e-3)
    assert figures([]).latency.p50 is None


def test_rto_is_from_the_fault_to_the_next_acknowledgement() -> None:
    calls = [*every(10, 0, 1500), write(1600, None, outcome=Outcome.INFO), *every(10, 3000, 4000)]
    assert figures(calls, fault(1490, 2500)).rto == pytest.approx(1.51)


def test_no_standstill_no_rto() -> None:
    assert figures(every(10, 0, 4000), fault(1490, 2500)).rto is None
    assert figures([], fault(1490, 2500)).rto is None


def test_a_standstill_without_a_fault_is_none() -> None:
    calls = [*every(10, 0, 1500), read(2900), *every(10, 3000, 4000)]
    assert figures(calls).rto is None
    assert figures(calls, fault(3500, 3600)).rto is None
    assert figures(calls, fault(1000, 1200)).rto is None
    assert figures(calls, fault(1490, 2500, injected=False)).rto is None


def test_time_in_which_nobody_called_is_no_standstill() -> None:
    calls = [*every(10, 0, 1500), write(4000, 4001, process=-1)]
    assert figures(calls, fault(1490, 3900)).rto is None


def test_recovery_after_the_clients_end_counts_when_they_had_been_waiting() -> None:
    calls = [*every(10, 0, 1500), read(3000), write(4000, 4001, process=-1)]
    assert figures(calls, fault(1490, 3900)).rto == pytest.approx(2.511)


def test_writes_that_never_come_back_have_no_rto() -> None:
    assert figures([*every(10, 0, 1500), read(5000)], fault(1490, 4900)).rto is None


def test_the_cause_is_the_last_fault_before_the_standstill() -> None:
    calls = [*every(10, 0, 1500), read(2900), *every(10, 3000, 4000)]
    assert figures(calls, fault(500, 2500), fault(1400, 1900), fault(2000, 2600)).rto == pytest.approx(1.6)


def test_a_slow_rate_is_no_standstill() -> None:
    assert figures(every(400, 0, 8000), fault(1490, 6000)).rto is None


@given(st.integers(0, 10**9))
def test_shifting_all_times_changes_nothing(shift_ms: int) -> None:
    def shifted(by_ms: int) -> Figures:
        calls = [*every(10, by_ms, by_ms + 1500), read(by_ms + 1900), *every(10, by_ms + 2000, by_ms + 2500)]
        return figures(calls, fault(by_ms + 1490, by_ms + 1800))

    assert shifted(0) == shifted(shift_ms)
