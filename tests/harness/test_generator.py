import pytest
from hypothesis import given
from hypothesis import strategies as st
from workers_in_virtual_time import drive

from harness.draws import Draws
from harness.generator import BLOCKED, EMPTY, Context, Step, lift, stateful
from harness.operation import Invocation

A, B, C = (Invocation(f=name) for name in "abc")


def context(worker: int = 0, *, now_ns: int = 0, workers: int = 3, busy: int = 0) -> Context:
    return Context(now_ns=now_ns, worker=worker, process=worker, members=(1 << workers) - 1, busy=busy)


def names(source: object, **options: int) -> str:
    return "".join(done.f for done in drive(source, **options))  # type: ignore[arg-type]


def test_plain_values_are_generators() -> None:
    assert names(None) == ""
    assert names(A) == "a"
    assert names([A, B, [C, A], None, C]) == "abcac"
    assert names(lambda _: A, most=4) == "aaaa"
    assert lift(lift(A)) == lift(A)
    assert lift(None) is EMPTY


def test_a_function_sees_who_asks_and_ends_with_none() -> None:
    def step(ctx: Context) -> Step:
        return Invocation(f="x", args=(ctx.worker,)) if ctx.now_ns < 25 else None

    done = drive(step)
    assert {op.invocation.args for op in done} == {(0,), (1,), (2,)}
    assert len(done) == 9


def test_a_list_goes_on_while_operations_are_under_way() -> None:
    done = drive([A, B, C], latency_ns=100)
    assert [op.start_ns for op in done] == [0, 0, 0]


def test_a_long_list_costs_the_same_at_its_end() -> None:
    generator = lift([A] * 100_000)
    for _ in range(100_000):
        step, generator = generator.next(context())
        assert step == A
    assert generator.next(context())[0] is None


def test_context_seen_by_a_subset() -> None:
    inner = context(1, workers=4, busy=0b1101).among(0b0110)
    assert (inner.members, inner.busy, inner.workers) == (0b0110, 0b0100, 2)


def counter(ctx: Context, count: int, draws: Draws) -> tuple[Step, int]:
    if count == 20:
        return None, count
    return Invocation(f="add", args=(count, draws.below(1000))), count + 1


@given(st.integers(min_value=0, max_value=2**64 - 1))
def test_stateful_carries_state_and_draws(seed: int) -> None:
    first = [op.invocation.args for op in drive(stateful(counter, 0, seed=seed))]
    assert [count for count, _ in first] == list(range(20))
    assert len({drawn for _, drawn in first}) > 10
    assert first == [op.invocation.args for op in drive(stateful(counter, 0, seed=seed))]
    assert first != [op.invocation.args for op in drive(stateful(counter, 0, seed=seed + 1))]


def test_asking_in_vain_does_not_change_what_is_drawn() -> None:
    def patient(ctx: Context, _: None, draws: Draws) -> tuple[Step, None]:
        return (Invocation(f="x", args=(draws.below(10**9),)) if ctx.now_ns else BLOCKED), None

    eager = lazy = stateful(patient, None, seed=5)
    for _ in range(3):
        step, eager = eager.next(context())
        assert step == BLOCKED
    assert eager.next(context(now_ns=1))[0] == lazy.next(context(now_ns=1))[0]


def test_something_else_is_no_generator() -> None:
    with pytest.raises(TypeError):
        lift(7).next(context())  # type: ignore[arg-type]
