import asyncio

import pytest

from harness.errors import HarnessError, NodeError
from harness.tasks import own_cancellation, together, uninterrupted


async def give(value: int) -> int:
    await asyncio.sleep(0)
    return value


def test_all_is_done_to_its_end_before_the_first_error_is_raised() -> None:
    done = []

    async def late() -> int:
        for _ in range(5):
            await asyncio.sleep(0)
        done.append("late")
        return 1

    async def fail(text: str) -> int:
        raise NodeError(text)

    async def main() -> None:
        assert await together(give(value) for value in (3, 1, 2)) == (3, 1, 2)
        with pytest.raises(NodeError, match="first"):
            await together([late(), fail("first"), fail("second")])

    asyncio.run(main())
    assert done == ["late"]


def test_what_is_uninterrupted_survives_every_cancellation() -> None:
    async def main() -> None:
        end, done = asyncio.Event(), []

        async def work() -> None:
            await end.wait()
            done.append("done")

        caller = asyncio.create_task(uninterrupted(work()))
        for _ in range(4):
            await asyncio.sleep(0)
            caller.cancel()
        await asyncio.sleep(0)
        assert not caller.done()
        end.set()
        with pytest.raises(asyncio.CancelledError):
            await caller
        assert done == ["done"]

    asyncio.run(main())


@pytest.mark.parametrize("cancelled", [False, True])
def test_an_error_of_what_is_uninterrupted_is_raised_cancelled_or_not(cancelled: bool) -> None:
    async def main() -> None:
        end = asyncio.Event()

        async def work() -> None:
            await end.wait()
            raise NodeError("half a firewall")

        caller = asyncio.create_task(uninterrupted(work()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        if cancelled:
            caller.cancel()
            await asyncio.sleep(0)
        end.set()
        with pytest.raises(NodeError, match="half a firewall"):
            await caller

    asyncio.run(main())


def test_what_gives_up_by_itself_is_an_error_and_being_cancelled_is_not() -> None:
    async def main() -> None:
        with (
            pytest.raises(HarnessError, match="the plug-in gave up by itself"),
            own_cancellation("the plug-in"),
        ):
            raise asyncio.CancelledError

        async def waits() -> None:
            with own_cancellation("the plug-in"):
                await asyncio.Event().wait()

        task = asyncio.create_task(waits())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        with pytest.raises(TimeoutError), own_cancellation("the plug-in"):
            async with asyncio.timeout(0):
                await asyncio.Event().wait()

    asyncio.run(main())
