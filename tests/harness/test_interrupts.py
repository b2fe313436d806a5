import asyncio
import os
import signal
from collections.abc import Callable

import pytest
from own_signals import received_by

from harness import signals
from harness.interrupts import Interrupted, Interrupts, unless


def asyncio_loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def uvloop_loop() -> asyncio.AbstractEventLoop:
    return pytest.importorskip("uvloop").new_event_loop()  # type: ignore[no-any-return]


LOOPS = pytest.mark.parametrize("loop_factory", [asyncio_loop, uvloop_loop])
LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def kill(number: signal.Signals = signal.SIGINT) -> None:
    os.kill(os.getpid(), number)


@LOOPS
@pytest.mark.parametrize("number", signals.SIGNALS)
def test_the_first_signal_stops_and_the_second_aborts(
    loop_factory: LoopFactory, number: signal.Signals
) -> None:
    async def main() -> None:
        interrupts = Interrupts()
        with received_by(interrupts.notice):
            kill(number)
            await asyncio.wait_for(interrupts.stop.wait(), 10)
            assert not interrupts.abort.is_set()
            kill(number)
            await asyncio.wait_for(interrupts.abort.wait(), 10)

    before = signal.getsignal(number)
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    assert signal.getsignal(number) is before


@LOOPS
def test_only_the_second_signal_breaks_into_blocking_code(loop_factory: LoopFactory) -> None:
    async def main() -> list[str]:
        story: list[str] = []
        interrupts = Interrupts()
        with received_by(interrupts.notice):
            try:
                with interrupts.blocking():
                    kill()
                    story.append("went on")
                    kill(signal.SIGTERM)
                    story.append("must not be reached")
            except KeyboardInterrupt:
                story.append("broken off")
            await asyncio.wait_for(interrupts.abort.wait(), 10)
        return story

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        assert runner.run(main()) == ["went on", "broken off"]


@LOOPS
def test_a_signal_in_blocking_code_counts_once(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        interrupts = Interrupts()
        with received_by(interrupts.notice):
            with interrupts.blocking():
                kill()
            await asyncio.wait_for(interrupts.stop.wait(), 10)
            await asyncio.sleep(0)
            assert not interrupts.abort.is_set()
            with pytest.raises(KeyboardInterrupt), interrupts.blocking():
                kill()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


def test_work_goes_on_unless_the_cue_falls() -> None:
    story: list[str] = []

    async def work(event: asyncio.Event) -> str:
        story.append("began")
        try:
            await event.wait()
        except asyncio.CancelledError:
            story.append("cancelled")
            raise
        return "done"

    async def main() -> None:
        cue, end = asyncio.Event(), asyncio.Event()
        end.set()
        assert await unless(cue.wait(), work(end)) == "done"
        asyncio.get_running_loop().call_later(0.01, cue.set)
        with pytest.raises(Interrupted):
            await unless(cue.wait(), work(asyncio.Event()))
        with pytest.raises(Interrupted):
            await unless(cue.wait(), work(asyncio.Event()))

    asyncio.run(main())
    assert story == ["began", "began", "cancelled"]


def test_errors_of_the_work_are_its_own() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    async def main() -> None:
        await unless(asyncio.Event().wait(), fail())

    with pytest.raises(ZeroDivisionError):
        asyncio.run(main())


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_cancelled_caller_cancels_the_work(turns: int) -> None:
    async def main() -> None:
        caller = asyncio.create_task(unless(asyncio.Event().wait(), asyncio.Event().wait()))
        for _ in range(turns):
            await asyncio.sleep(0)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


def test_the_work_is_waited_for_however_often_the_caller_is_cancelled() -> None:
    async def main() -> None:
        cancelled, end = asyncio.Event(), asyncio.Event()

        async def work() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()
                await end.wait()

        caller = asyncio.create_task(unless(asyncio.Event().wait(), work()))
        for _ in range(3):
            await asyncio.sleep(0)
        caller.cancel()
        await cancelled.wait()
        for _ in range(3):
            caller.cancel()
            await asyncio.sleep(0)
            assert not caller.done()
        end.set()
        with pytest.raises(asyncio.CancelledError):
            await caller
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


async def fails_when_cancelled() -> None:
    try:
        await asyncio.Event().wait()
    finally:
        raise ZeroDivisionError


def test_an_error_of_work_that_is_broken_off_is_the_cause() -> None:
    async def main() -> None:
        cue = asyncio.Event()
        asyncio.get_running_loop().call_later(0.01, cue.set)
        with pytest.raises(Interrupted) as interrupted:
            await unless(cue.wait(), fails_when_cancelled())
        assert isinstance(interrupted.value.__cause__, ZeroDivisionError)
        caller = asyncio.create_task(unless(asyncio.Event().wait(), fails_when_cancelled()))
        for _ in range(3):
            await asyncio.sleep(0)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError) as cancelled:
            await caller
        assert isinstance(cancelled.value.__cause__, ZeroDivisionError)

    asyncio.run(main())


@pytest.mark.parametrize("turns", [0, 2])
def test_an_error_of_the_cue_is_raised(turns: int) -> None:
    async def cue() -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        raise ZeroDivisionError

    async def main() -> None:
        with pytest.raises(ZeroDivisionError):
            await unless(cue(), asyncio.Event().wait())
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


def test_patience_ends_some_time_after_stop_or_at_once_with_abort() -> None:
    async def main() -> None:
        interrupts = Interrupts()
        patience = asyncio.create_task(interrupts.patience(3600))
        interrupts.receive()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not patience.done()
        interrupts.receive()
        await asyncio.wait_for(patience, 10)
        again = Interrupts()
        again.receive()
        await asyncio.wait_for(again.patience(0.01), 10)

    asyncio.run(main())
