"""Virtual time: it jumps, keeps the order of events, and treats each process as it is: dead, stopped or busy."""

import asyncio
from collections.abc import Callable

import pytest
from little_cluster import run

from harness.errors import HarnessError
from nodes.simulated.loop import STANDSTILL, Owner, ProcessDied, VirtualLoop

S = 1_000_000_000


class Busy(Owner):
    """A process that can spend time, and whose clock may be fast."""

    rate = 1

    def spend(self, ns: int) -> None:
        self.spent_ns += ns

    def true_ns(self, delay_ns: int) -> int:
        return delay_ns // self.rate


def here() -> VirtualLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop


def test_time_jumps_from_event_to_event() -> None:
    async def scenario() -> None:
        await asyncio.sleep(86_400)
        assert here().time() == 86_400
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600):
                await here().create_future()
        assert here().time() == 90_000

    run(scenario)


def test_events_of_one_instant_keep_their_order() -> None:
    async def scenario() -> None:
        seen: list[int] = []
        for number in range(5):
            here().at_ns(S, seen.append, number)
        here().call_later(0.5, seen.append, 9)
        await asyncio.sleep(2)
        assert seen == [9, 0, 1, 2, 3, 4]

    run(scenario)


def test_what_is_cancelled_does_not_happen() -> None:
    async def scenario() -> None:
        seen: list[int] = []
        handle = here().call_later(1, seen.append, 1)
        handle.cancel()
        await asyncio.sleep(2)
        assert handle.cancelled()
        assert seen == []

    run(scenario)


def test_a_loop_in_which_time_can_not_pass_ends_with_an_error() -> None:
    def again(schedule: Callable[..., object]) -> None:
        schedule(again, schedule)

    async def soon() -> None:
        again(here().call_soon)
        await asyncio.sleep(1)

    async def later() -> None:
        loop = here()

        def at_once() -> None:
            loop.call_later(0, at_once)

        at_once()
        await asyncio.sleep(1)

    for scenario in (soon, later):
        with pytest.raises(HarnessError, match=r"stands still at 0\.000 s"):
            run(scenario)


def test_a_standstill_is_found_again_by_whoever_goes_on() -> None:
    loop = VirtualLoop()

    def again() -> None:
        loop.call_soon(again)

    for _ in range(2):
        again()
        with pytest.raises(HarnessError, match="stands still"):
            loop.run_forever()
    loop.close()


def test_many_events_at_different_times_are_no_standstill() -> None:
    async def scenario() -> None:
        for number in range(STANDSTILL + 10):
            here().at_ns(number, int)
        await asyncio.sleep(1)

    run(scenario)


def test_a_loop_that_waits_for_nothing_ends_with_an_error() -> None:
    async def scenario() -> None:
        await here().create_future()

    with pytest.raises(HarnessError, match="standstill"):
        run(scenario)


def test_nothing_of_a_dead_process_happens() -> None:
    async def scenario() -> None:
        owner, seen = Owner(), list[str]()
        here().at_ns(S, seen.append, "timer", owner=owner)
        here().run_as(owner, seen.append, "event")
        here().end(owner)
        here().run_as(owner, seen.append, "later")
        await asyncio.sleep(2)
        assert seen == []

    run(scenario)


def test_the_tasks_of_a_process_end_with_it_in_the_order_in_which_they_began() -> None:
    async def scenario() -> None:
        owner, seen = Owner(), list[int]()

        async def task(number: int) -> None:
            try:
                await asyncio.sleep(100)
            finally:
                seen.append(number)

        for number in range(50):
            here().run_as(owner, lambda number=number: asyncio.ensure_future(task(number)))
        await asyncio.sleep(1)
        here().end(owner)
        assert seen == list(range(50))

    run(scenario)


def test_a_task_that_waits_while_it_ends_is_ended_all_the_same() -> None:
    async def scenario() -> None:
        owner, seen = Owner(), list[str]()

        async def stubborn() -> None:
            try:
                await asyncio.sleep(100)
            finally:
                await asyncio.sleep(1)
                seen.append("went on")

        here().run_as(owner, lambda: asyncio.ensure_future(stubborn()))
        await asyncio.sleep(1)
        here().end(owner)
        await asyncio.sleep(10)
        assert seen == []

    run(scenario)


def test_a_process_may_die_of_what_it_does_and_nobody_else_is_hurt() -> None:
    async def scenario() -> None:
        owner, seen = Owner(), list[str]()

        def dies() -> None:
            here().end(owner)
            raise ProcessDied

        async def task_dies() -> None:
            dies()

        here().run_as(owner, lambda: asyncio.ensure_future(task_dies()))
        here().run_as(owner, dies)
        here().at_ns(S, seen.append, "nature goes on")
        await asyncio.sleep(2)
        assert seen == ["nature goes on"]

    run(scenario)


def test_a_stopped_process_catches_up_in_order() -> None:
    async def scenario() -> None:
        owner, seen = Owner(), list[object]()
        owner.stopped = True
        for number in range(3):
            here().at_ns(number, seen.append, number, owner=owner)
        await asyncio.sleep(1)
        assert seen == []
        here().release(owner)
        here().run_as(owner, seen.append, "new")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert seen == [0, 1, 2, "new"]

    run(scenario)


def test_a_busy_process_does_one_thing_after_the_other() -> None:
    async def scenario() -> None:
        owner, seen = Busy(), list[tuple[str, float]]()

        def work(name: str) -> None:
            seen.append((name, here().time()))
            owner.spend(S)

        for number, name in enumerate("abc"):
            here().at_ns(number, work, name, owner=owner)
        here().at_ns(S, work, "d", owner=owner)
        await asyncio.sleep(10)
        assert [name for name, _ in seen] == ["a", "b", "c", "d"]
        assert [round(at) for _, at in seen] == [0, 1, 2, 3]

    run(scenario)


def test_what_a_process_schedules_while_it_works_keeps_its_order() -> None:
    async def scenario() -> None:
        owner, seen = Busy(), list[str]()

        def work() -> None:
            here().call_soon(seen.append, "before")
            owner.spend(S)
            here().call_soon(seen.append, "in the middle")
            owner.spend(S)
            here().call_soon(seen.append, "after")
            here().run_as(owner, seen.append, "from outside")

        here().run_as(owner, work)
        await asyncio.sleep(1.5)
        assert seen == []
        await asyncio.sleep(1)
        assert seen == ["before", "in the middle", "after", "from outside"]

    run(scenario)


def test_a_process_that_is_stopped_while_it_is_busy_keeps_the_order() -> None:
    async def scenario() -> None:
        owner, seen = Busy(), list[int]()
        here().run_as(owner, owner.spend, S)
        await asyncio.sleep(0.1)
        here().run_as(owner, seen.append, 1)
        await asyncio.sleep(0.1)
        owner.stopped = True
        here().run_as(owner, seen.append, 2)
        await asyncio.sleep(2)
        here().run_as(owner, seen.append, 3)
        await asyncio.sleep(0.1)
        here().release(owner)
        await asyncio.sleep(0.1)
        assert seen == [1, 2, 3]

    run(scenario)


def test_time_passes_for_a_process_while_it_works() -> None:
    async def scenario() -> None:
        owner, seen = Busy(), list[float]()

        def work() -> None:
            owner.spend(S)
            seen.append(here().time())
            here().call_later(1, lambda: seen.append(here().time()))

        here().run_as(owner, work)
        await asyncio.sleep(5)
        assert seen == [1.0, 2.0]

    run(scenario)


def test_timers_of_a_process_go_by_its_clock() -> None:
    async def scenario() -> None:
        owner, seen = Busy(), list[float]()
        owner.rate = 2

        async def sleeps() -> None:
            await asyncio.sleep(1)
            seen.append(here().time())
            try:
                async with asyncio.timeout(1):
                    await here().create_future()
            except TimeoutError:
                seen.append(here().time())

        here().run_as(owner, lambda: asyncio.ensure_future(sleeps()))
        await asyncio.sleep(5)
        assert seen == [0.5, 1.0]

    run(scenario)
