from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from workers_in_virtual_time import Done, drive

from harness.draws import Draws
from harness.generator import BLOCKED, Blocked, Context, Generator, Source, Wait, lift
from harness.generators import (
    delay,
    each_worker,
    limit,
    mapped,
    mix,
    on_workers,
    once,
    per_key,
    phases,
    rate,
    repeat,
    sequence,
    stagger,
    time_limit,
    to_node,
    until,
)
from harness.generators.pace import CATCH_UP_NS
from harness.operation import Invocation

A, B, C = (Invocation(f=name) for name in "abc")
SECOND = 1_000_000_000
MS = 1_000_000


def names(source: Source, **options: int) -> str:
    return "".join(done.f for done in drive(source, **options))


def context(worker: int = 0, *, now_ns: int = 0, workers: int = 3, busy: int = 0) -> Context:
    return Context(now_ns=now_ns, worker=worker, process=worker, members=(1 << workers) - 1, busy=busy)


leaves = st.sampled_from([A, B, C, None, [A, B], [A, [B, C]]])


def extend(children: st.SearchStrategy[Source]) -> st.SearchStrategy[Source]:
    small, span = st.integers(0, 5), st.integers(1, 200)
    return st.one_of(
        st.lists(children, max_size=3),
        st.lists(children, max_size=3).map(lambda kids: phases(*kids)),
        st.lists(children, max_size=3).map(lambda kids: sequence(*kids)),
        st.builds(lambda kids, seed: mix(kids, seed=seed), st.lists(children, max_size=3), small),
        st.builds(limit, children, small),
        st.builds(repeat, children, small),
        st.builds(time_limit, children, span),
        st.builds(rate, children, st.sampled_from([0, 1e8, 1e9])),
        st.builds(lambda kid, seed: stagger(kid, 2e8, seed=seed), children, small),
        st.builds(delay, children, span),
        st.builds(each_worker, children),
        st.builds(on_workers, children, st.sets(st.integers(0, 2), min_size=1)),
        st.builds(lambda kid: to_node(kid, "n2"), children),
        st.builds(lambda kid, end: until(kid, lambda ctx: ctx.now_ns > end), children, span),
        st.builds(
            lambda kid, keys, group: per_key(lambda i: [kid, C] if i < keys else None, group=group),
            children,
            small,
            st.integers(1, 3),
        ),
    )


sources = st.recursive(leaves, extend, max_leaves=12)


def lengths(_: Done, draws: Draws) -> int:
    return 1 + draws.below(30)


@given(sources, st.integers(0, 100))
def test_any_combination_is_pure_repeatable_and_never_stuck(source: Source, seed: int) -> None:
    # drive asks everything twice, and raises when all workers are blocked with nobody to free them
    first = drive(source, latency_ns=lengths, seed=seed, most=300)
    assert first == drive(source, latency_ns=lengths, seed=seed, most=300)


@given(sources, st.integers(0, 20))
def test_limit_is_never_exceeded_and_reached_if_there_is_enough(source: Source, count: int) -> None:
    everything = len(drive(source, most=300))
    assert len(drive(limit(source, count), most=300)) <= count
    if everything == 300:
        assert len(drive(limit(source, count))) == count


@given(st.lists(sources, min_size=2, max_size=4), st.integers(0, 100))
def test_phases_are_separated_by_barriers(parts: list[Source], seed: int) -> None:
    tagged = [
        mapped(part, lambda op, _, phase=index: Invocation(f=op.f, args=(phase,)))
        for index, part in enumerate(parts)
    ]
    done = drive(phases(*tagged), latency_ns=lengths, seed=seed, most=300)
    for phase in range(1, len(parts)):
        starts = [op.start_ns for op in done if op.invocation.args[0] >= phase]
        ends = [op.end_ns for op in done if op.invocation.args[0] < phase]
        if starts and ends:
            assert min(starts) >= max(ends)


@given(sources, st.integers(0, 500), st.integers(0, 100))
def test_nothing_begins_after_a_time_limit(source: Source, span_ns: int, seed: int) -> None:
    done = drive(time_limit(source, span_ns), latency_ns=lengths, seed=seed, most=300)
    assert all(op.start_ns < span_ns for op in done)


@given(sources, st.sets(st.integers(0, 3), min_size=1), st.integers(0, 100))
def test_only_the_named_workers_work(source: Source, workers: set[int], seed: int) -> None:
    done = drive(on_workers(source, workers), workers=4, latency_ns=lengths, seed=seed, most=300)
    assert {op.worker for op in done} <= workers


def test_sequence_and_repeat() -> None:
    assert names(sequence(A, [B, C], None, A)) == "abca"
    assert names(repeat(sequence(A, B), 3)) == "ababab"
    assert names(repeat(A), most=5) == "aaaaa"
    assert names(repeat(A, 0)) == ""
    assert names(repeat(None)) == ""
    assert names(once(repeat(A))) == "a"


def test_phases_block_until_nobody_is_busy() -> None:
    first, generator = phases(A, B).next(context(0))
    assert first == A
    assert generator.next(context(1, busy=0b001))[0] == BLOCKED
    assert generator.next(context(1, busy=0))[0] == B


def test_mix_follows_its_weights() -> None:
    counts = Counter(names(mix([repeat(A), repeat(B), repeat(C)], seed=3, weights=[1, 2, 0]), most=3000))
    assert counts["c"] == 0
    assert 900 < counts["a"] < 1100


def test_mix_leaves_out_what_is_exhausted() -> None:
    assert Counter(names(mix([[A] * 3, [B] * 50], seed=1))) == {"a": 3, "b": 50}


def test_mix_offers_what_is_ready_when_the_drawn_one_is_not() -> None:
    for seed in range(10):
        mixed = mix([on_workers(repeat(A), [1]), repeat(B)], seed=seed)
        assert mixed.next(context(0))[0] == B


def test_mix_reports_the_soonest_of_what_is_not_ready() -> None:
    def step(answer: Wait | Blocked) -> Source:
        return lambda _: answer

    for seed in range(10):
        assert mix([step(Wait(7)), step(Wait(5))], seed=seed).next(context())[0] == Wait(5)
        assert mix([step(Wait(7)), step(BLOCKED)], seed=seed).next(context())[0] == Blocked(7)
        assert mix([step(BLOCKED), step(BLOCKED)], seed=seed).next(context())[0] == BLOCKED


@pytest.mark.parametrize("weights", [[1.0], [-1.0, 2.0], [0.0, 0.0]])
def test_mix_refuses_weights_that_do_not_fit(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="weights"):
        mix([A, B], seed=0, weights=weights)


@given(st.integers(1, 40), st.floats(1.0, 5000.0))
def test_rate_is_kept_however_many_workers(workers: int, per_second: float) -> None:
    done = drive(rate(repeat(A), per_second), workers=workers, stop_ns=SECOND, latency_ns=10, most=10**6)
    assert abs(len(done) - per_second) <= 2
    gaps = [later.start_ns - earlier.start_ns for earlier, later in pairwise(done)]
    assert all(abs(gap - SECOND / per_second) <= 12 for gap in gaps)


def test_stagger_is_random_but_right_on_average() -> None:
    done = drive(stagger(repeat(A), 1000, seed=4), workers=8, stop_ns=4 * SECOND, latency_ns=10)
    gaps = sorted(later.start_ns - one.start_ns for one, later in pairwise(done))
    assert 3800 < len(done) < 4200
    assert gaps[len(gaps) // 10] < 0.3 * MS < 1.7 * MS < gaps[len(gaps) * 9 // 10] <= 2 * MS + 10


def test_rate_does_not_catch_up_a_stall() -> None:
    def stuck_at_first(op: Done, _: Draws) -> int:
        return SECOND - op.start_ns if op.start_ns < 20 * MS else 10

    done = drive(rate(repeat(A), 1000), workers=4, stop_ns=2 * SECOND, most=10**6, latency_ns=stuck_at_first)
    burst = [op for op in done if SECOND <= op.start_ns < SECOND + 10 * MS]
    assert len(burst) <= CATCH_UP_NS / MS + 4 + 10
    assert abs(len([op for op in done if op.start_ns >= SECOND + 10 * MS]) - 990) <= 2


def test_rate_keeps_a_turn_while_its_source_is_blocked() -> None:
    paced = rate(phases(A, B), 10)
    _, paced = paced.next(context(0))
    step, paced = paced.next(context(1))
    assert step == Wait(100 * MS)
    step, paced = paced.next(context(1, now_ns=100 * MS, busy=1))
    assert step == BLOCKED
    assert paced.next(context(1, now_ns=150 * MS))[0] == B


def test_rates_zero_and_below() -> None:
    assert rate(lift(A), 0) == lift(A)
    with pytest.raises(ValueError, match="negative"):
        rate(A, -1)


def test_delay_is_a_pause_of_each_worker() -> None:
    done = drive(delay(repeat(A), 50), workers=2, latency_ns=10, stop_ns=300)
    for worker in range(2):
        assert [op.start_ns for op in done if op.worker == worker] == [50, 110, 170, 230, 290]


def test_each_worker_has_the_whole_source() -> None:
    done = drive(each_worker([A, B, C]), workers=3, latency_ns=lengths)
    for worker in range(3):
        assert "".join(op.f for op in done if op.worker == worker) == "abc"
    assert names(sequence(each_worker(A), B), workers=3) == "aaab"


def test_per_key_groups_work_on_separate_keys() -> None:
    def source_of(key: int) -> Source:
        if key == 7:
            return None
        write, read = (Invocation(f=name, args=(key,)) for name in "wr")
        return phases(limit(repeat(write), 4), read)

    done = drive(per_key(source_of, group=2), workers=5, latency_ns=lengths)
    assert Counter(op.invocation.args[0] for op in done) == dict.fromkeys(range(7), 5)
    for key in range(7):
        mine = [op for op in done if op.invocation.args == (key,)]
        assert len({op.worker // 2 for op in mine}) == 1
        assert min(op.start_ns for op in mine if op.f == "r") >= max(op.end_ns for op in mine if op.f == "w")


def test_per_key_groups_of_nobody_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        per_key(lambda _: A, group=0)


def test_to_node_routes_and_keeps_the_rest() -> None:
    step, _ = to_node(Invocation(f="get", args=("k",)), "n3").next(context())
    assert step == Invocation(f="get", args=("k",), node="n3")


def test_until_is_final() -> None:
    generator: Generator = until(repeat(A), lambda ctx: ctx.now_ns == 5)
    step, generator = generator.next(context(now_ns=4))
    assert step == A
    step, generator = generator.next(context(now_ns=5))
    assert step is None
    assert generator.next(context(now_ns=6))[0] is None
