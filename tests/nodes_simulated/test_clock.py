"""A machine's clocks: drift adds up without a jump, jumps touch the wall clock only, and time never goes back."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from little_cluster import Little, World

from nodes.simulated.clock import SIMULATION_BEGINS_NS, MachineClock

S = 1_000_000_000


def test_a_clock_is_right_at_first() -> None:
    clock = MachineClock()
    assert clock.read_ns(5 * S) == 5 * S
    assert clock.wall_ns(5 * S) == SIMULATION_BEGINS_NS + 5 * S
    assert clock.true_ns(S) == S


def test_drift_begins_where_the_clock_stands() -> None:
    clock = MachineClock()
    clock.set_drift(100_000, 10 * S)
    assert clock.read_ns(10 * S) == 10 * S
    assert clock.read_ns(20 * S) == 21 * S
    clock.set_drift(-500_000, 20 * S)
    assert clock.read_ns(22 * S) == 22 * S
    clock.set_drift(0, 22 * S)
    assert clock.read_ns(23 * S) == 23 * S


def test_a_jump_moves_the_wall_clock_only() -> None:
    clock = MachineClock()
    before = clock.wall_ns(S)
    clock.jump(-3600 * S)
    assert clock.wall_ns(S) == before - 3600 * S
    assert clock.read_ns(S) == S


@given(
    st.lists(
        st.tuples(st.integers(-999_999, 900_000), st.integers(0, 10**12), st.integers(-(10**15), 10**15)),
        max_size=20,
    )
)
def test_monotonic_time_never_goes_back(changes: list[tuple[int, int, int]]) -> None:
    clock, now_ns, last_ns = MachineClock(), 0, 0
    for ppm, later_ns, jump_ns in changes:
        clock.set_drift(ppm, now_ns)
        clock.jump(jump_ns)
        now_ns += later_ns
        assert clock.read_ns(now_ns) >= last_ns
        last_ns = clock.read_ns(now_ns)


@given(st.integers(-999_999, 900_000), st.integers(0, 10**12), st.integers(0, 10**12))
def test_a_timer_ends_when_its_time_has_passed_on_the_clock_and_not_much_later(
    ppm: int, begin_ns: int, delay_ns: int
) -> None:
    clock = MachineClock()
    clock.set_drift(ppm, begin_ns)
    passed = clock.read_ns(begin_ns + clock.true_ns(delay_ns)) - clock.read_ns(begin_ns)
    assert delay_ns <= passed <= delay_ns + 2


def test_drifts_of_a_machine_add_up_and_its_processes_live_by_them(world: World) -> None:
    async def scenario(little: Little) -> None:
        machine, seen = little["n1"], list[tuple[float, int, int]]()

        async def program(process: object) -> None:
            for _ in range(2):
                await asyncio.sleep(1)
                seen.append((little.loop.time(), process.now_ns(), process.wall_ns()))  # type: ignore[attr-defined]

        await machine.set_drift("a", 300_000)
        await machine.set_drift("b", -50_000)
        await machine.jump_clock(60 * S)
        await little.start("n1", program)
        await asyncio.sleep(5)
        (at, now_ns, wall_ns), (later, now_later_ns, _) = seen
        assert (at, later) == pytest.approx((0.8, 1.6))
        assert (now_ns, now_later_ns) == pytest.approx((S, 2 * S))
        assert wall_ns - SIMULATION_BEGINS_NS == now_ns + 60 * S
        await machine.set_drift("a", 0)
        await machine.set_drift("b", 0)
        before, began = await machine.read_clocks(), little.loop.time()
        await asyncio.sleep(1)
        after = await machine.read_clocks()
        passed_ns = after.monotonic_ns - before.monotonic_ns
        assert passed_ns == pytest.approx((little.loop.time() - began) * 1e9)
        assert after.wall_ns - before.wall_ns == passed_ns

    world.run(scenario)
