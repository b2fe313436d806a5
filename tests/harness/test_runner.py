import asyncio
import gc
import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from test_spool import SmallDisk

from harness.clock import Clock, Origin
from harness.errors import FolderError, OperationFailed, UsageError
from harness.generator import BLOCKED, Context, Source, Step
from harness.generators import limit, on_workers, phases, rate, repeat, sequence, time_limit
from harness.history import History
from harness.observer import Observer
from harness.operation import Invocation, Operation, Outcome, Reply
from harness.recording import Recorder
from harness.runner import LONGEST_BACKOFF_S, Runner
from harness.session import Desk
from harness.spool import Spool

Behaviour = Callable[..., Awaitable[Reply]]


class Client:
    """A client whose `call` is a function of the test."""

    def __init__(self, made: "Made", process: int, node: str | None) -> None:
        self.made, self.process, self.node = made, process, node
        self.closed = False
        self.let_go = asyncio.Event()

    async def call(self, *args: Any) -> Reply:
        return await self.made.behaviour(self, *args)

    async def close(self) -> None:
        self.closed = True
        if self.made.close_fails:
            raise ConnectionError("reset")
        for deaf in reversed(range(self.made.close_hangs)):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.let_go.set()
                if not deaf:
                    raise


class Made:
    """Makes clients and remembers them."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.clients: list[Client] = []
        self.close_hangs = 0
        """How often a client that closes must be cancelled before it heeds that."""
        self.close_fails = False
        self.fail: Exception | None = None

    def __call__(self, *, process: int, node: str | None = None) -> Client:
        if self.fail is not None:
            raise self.fail
        self.clients.append(Client(self, process, node))
        return self.clients[-1]


CALL = Invocation(f="call")


def drive(
    source: Source,
    made: Made,
    path: Path,
    *,
    workers: int = 2,
    timeout_s: float = 5.0,
    observer: Observer | None = None,
    steer: Callable[[Runner], Awaitable[None]] | None = None,
) -> list[Operation]:
    """Run to the end and return what was recorded; `steer` runs beside."""

    async def main() -> None:
        origin = Origin.now()
        with Spool() as spool:
            desk = Desk(
                make_client=made,
                recorder=Recorder(spool.open(path), origin),
                clock=Clock(origin),
                timeout_s=timeout_s,
                observer=observer or Observer(),
            )
            runner = Runner(source, desk=desk, workers=workers)
            async with asyncio.timeout(30):
                if steer is None:
                    await runner.run()
                else:
                    await asyncio.gather(runner.run(), steer(runner))

    asyncio.run(main())
    return list(History.open(path))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.jsonl"


async def fine(client: Client, *args: Any) -> Reply:
    await asyncio.sleep(0)
    return Reply(value=list(args), node="n1")


def numbered(count: int) -> list[Source]:
    return [Invocation(f="call", args=(number,)) for number in range(count)]


def test_operations_are_done_and_recorded(path: Path) -> None:
    made = Made(fine)
    done = drive(numbered(50), made, path, workers=3)
    assert sorted(op.args[0] for op in done) == list(range(50))
    assert all(op.outcome is Outcome.OK and op.value == [op.args[0]] and op.node == "n1" for op in done)
    assert all(op.call_ns <= (op.return_ns or 0) for op in done)
    assert {op.process for op in done} == {0, 1, 2}
    assert sorted(client.process for client in made.clients) == [0, 1, 2]
    assert all(client.closed for client in made.clients)


def test_an_unknown_outcome_retires_the_process_and_a_failure_does_not(path: Path) -> None:
    errors: list[Exception | None] = [None, OperationFailed("refused"), ConnectionError("reset"), None, None]

    async def behaviour(client: Client, number: int) -> Reply:
        error = errors[number]
        if error is not None:
            raise error
        return Reply()

    made = Made(behaviour)
    done = drive(on_workers(numbered(5), [1]), made, path, workers=4)
    assert [(op.process, op.outcome.value, op.error) for op in done] == [
        (1, "ok", None),
        (1, "fail", "refused"),
        (1, "info", "ConnectionError: reset"),
        (5, "ok", None),
        (5, "ok", None),
    ]
    assert [client.process for client in made.clients] == [1, 5]


def test_a_time_out_is_unknown(path: Path) -> None:
    async def behaviour(client: Client, number: int) -> Reply:
        if number == 0:
            await asyncio.Event().wait()
        if number == 1:
            raise TimeoutError("of the client")
        return Reply()

    done = drive(numbered(3), Made(behaviour), path, workers=1, timeout_s=0.05)
    assert [(op.outcome.value, op.error, op.process) for op in done] == [
        ("info", "timeout", 0),
        ("info", "TimeoutError: of the client", 1),
        ("ok", None, 2),
    ]
    assert done[0].return_ns is not None
    assert done[0].return_ns - done[0].call_ns >= 45_000_000


def test_a_client_that_cancels_itself_is_unknown(path: Path) -> None:
    async def behaviour(client: Client, *args: Any) -> Reply:
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        await future
        return Reply()

    done = drive(numbered(2), Made(behaviour), path, workers=1)
    assert [op.outcome.value for op in done] == ["info", "info"]


def test_clients_are_made_inside_the_operation(path: Path) -> None:
    made = Made(fine)
    made.fail = OperationFailed("nothing listens")
    assert [op.outcome.value for op in drive(numbered(3), made, path)] == ["fail"] * 3
    made.fail = OSError("odd")
    assert [op.outcome.value for op in drive(numbered(3), made, path)] == ["info"] * 3


def test_routed_calls_have_a_client_for_each_node(path: Path) -> None:
    made = Made(fine)
    calls = [Invocation(f="call", node=node) for node in ("n1", None, "n2", "n1", None)]
    drive(calls, made, path, workers=1)
    assert [(client.process, client.node) for client in made.clients] == [(0, "n1"), (0, None), (0, "n2")]


def test_a_missing_operation_or_an_odd_answer_ends_the_run(path: Path) -> None:
    with pytest.raises(UsageError, match=r"operation 'jump', which the system's client \(Client\)"):
        drive([CALL, Invocation(f="jump")], Made(fine), path)

    async def behaviour(client: Client, *args: Any) -> Reply:
        return 7  # type: ignore[return-value]

    with pytest.raises(UsageError, match="'call' answered int, not Reply"):
        drive([CALL], Made(behaviour), path)


def test_a_full_disk_ends_the_run(tmp_path: Path) -> None:
    async def main() -> None:
        with Spool() as spool:
            origin = Origin.now()
            desk = Desk(
                make_client=Made(fine),
                recorder=Recorder(spool.adopt(tmp_path / "history.jsonl", SmallDisk(room=3000)), origin),
                clock=Clock(origin),
                timeout_s=1.0,
                observer=Observer(),
            )
            await asyncio.wait_for(Runner(repeat(CALL), desk=desk, workers=4).run(), 20)

    with pytest.raises(FolderError, match="No space left"):
        asyncio.run(main())


def test_stop_lets_calls_end_and_begins_none(path: Path) -> None:
    gate, begun = asyncio.Event(), 0

    async def behaviour(client: Client, *args: Any) -> Reply:
        nonlocal begun
        begun += 1
        await gate.wait()
        return Reply()

    async def steer(runner: Runner) -> None:
        while begun < 2:
            await asyncio.sleep(0.001)
        runner.stop()
        runner.stop()
        gate.set()

    done = drive(repeat(CALL), Made(behaviour), path, steer=steer)
    assert [op.outcome.value for op in done] == ["ok", "ok"]


def test_stop_wakes_those_who_wait(path: Path) -> None:
    async def steer(runner: Runner) -> None:
        await asyncio.sleep(0.05)
        runner.stop()

    done = drive(rate(repeat(CALL), 0.001), Made(fine), path, workers=3, steer=steer)
    assert len(done) == 1
    assert drive(lambda _: BLOCKED, Made(fine), path, steer=steer) == []


def test_calls_under_way_at_the_end_time_out(path: Path) -> None:
    async def behaviour(client: Client, *args: Any) -> Reply:
        await asyncio.Event().wait()
        return Reply()

    done = drive(time_limit(repeat(CALL), 10_000_000), Made(behaviour), path, timeout_s=0.1)
    assert [(op.outcome.value, op.error) for op in done] == [("info", "timeout")] * 2


def test_a_client_that_ignores_its_time_out_cannot_hold_up_the_end(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.runner.GRACE_S", 0.05)
    stubborn: list[asyncio.Task[Any] | None] = []
    release = asyncio.Event()

    async def behaviour(client: Client, *args: Any) -> Reply:
        stubborn.append(asyncio.current_task())
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        return Reply()

    async def steer(runner: Runner) -> None:
        await asyncio.sleep(0.02)
        runner.stop()

    async def main() -> None:
        origin = Origin.now()
        with Spool() as spool:
            desk = Desk(
                make_client=Made(behaviour),
                recorder=Recorder(spool.open(path), origin),
                clock=Clock(origin),
                timeout_s=0.05,
                observer=Observer(),
            )
            runner = Runner(repeat(CALL), desk=desk, workers=1)
            async with asyncio.timeout(20):
                await asyncio.gather(runner.run(), steer(runner))
            release.set()
            await asyncio.wait([task for task in stubborn if task is not None], timeout=5)

    asyncio.run(main())
    (call,) = History.open(path)
    assert (call.outcome, call.return_ns) == (Outcome.INFO, None), "it was recorded after it was given up"


def test_being_cancelled_keeps_the_history(path: Path) -> None:
    gate = asyncio.Event()

    async def behaviour(client: Client, number: int) -> Reply:
        if number >= 10:
            await gate.wait()
        return Reply()

    made = Made(behaviour)
    steps = iter(range(10**6))

    async def main() -> None:
        origin = Origin.now()
        with Spool() as spool:
            desk = Desk(
                make_client=made,
                recorder=Recorder(spool.open(path), origin),
                clock=Clock(origin),
                timeout_s=60.0,
                observer=Observer(),
            )
            source = limit(lambda _: Invocation(f="call", args=(next(steps),)), 12)
            task = asyncio.create_task(Runner(source, desk=desk, workers=2).run())
            while next(iter(made.clients[::-1]), None) is None or len(path.read_bytes().splitlines()) < 23:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    done = list(History.open(path))
    assert [op.outcome.value for op in done] == ["ok"] * 10 + ["info"] * 2
    assert [op.return_ns for op in done[10:]] == [None, None]
    assert all(client.closed for client in made.clients)


def test_a_connection_that_does_not_close_holds_up_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.session.CLOSE_S", 0.02)

    async def behaviour(client: Client, *args: Any) -> Reply:
        raise ConnectionError("reset")

    made = Made(behaviour)
    made.close_hangs = 1
    assert len(drive(numbered(4), made, path)) == 4
    assert all(client.let_go.is_set() for client in made.clients)


def test_a_connection_that_does_not_close_is_let_go_of_while_others_work(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.session.CLOSE_S", 0.02)
    made = Made(fine)
    made.close_hangs = 1

    async def behaviour(client: Client, *args: Any) -> Reply:
        if client.process == 0:
            raise ConnectionError("reset")
        await made.clients[0].let_go.wait()
        return Reply()

    made.behaviour = behaviour
    done = drive(numbered(2), made, path, workers=1)
    assert [op.outcome for op in done] == [Outcome.INFO, Outcome.OK]


def test_a_connection_that_heeds_nothing_holds_up_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.session.CLOSE_S", 0.02)
    made = Made(fine)
    made.close_hangs = 2
    assert len(drive(numbered(4), made, path)) == 4


def test_what_goes_wrong_in_closing_is_nobodys_concern(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = Made(fine)
    made.close_fails = True
    assert len(drive(numbered(4), made, path)) == 4
    gc.collect()
    assert all(client.closed for client in made.clients)
    assert not caplog.records, "no task's error was left for the loop to tell"


def test_calls_that_fail_at_once_are_slowed_down(path: Path) -> None:
    async def refuse(client: Client, *args: Any) -> Reply:
        raise OperationFailed("connection refused")

    span_ns = 300_000_000
    done = drive(time_limit(repeat(CALL), span_ns), Made(refuse), path, workers=1)
    # 2, 4, 8, 16, 32 ms, then 50 ms each
    assert 5 <= len(done) <= 6 + span_ns / 1e9 / LONGEST_BACKOFF_S


def test_a_success_ends_the_slowing_down(path: Path) -> None:
    numbers = itertools.count()

    async def sometimes(client: Client, *args: Any) -> Reply:
        if next(numbers) % 2:
            raise OperationFailed("refused")
        return Reply()

    done = drive(time_limit(repeat(CALL), 300_000_000), Made(sometimes), path, workers=1)
    assert len(done) > 40  # with pauses of 2 ms; with 50 ms each it would be twelve


def test_blocked_workers_ask_again_when_something_has_changed(path: Path) -> None:
    source = phases(sequence(*numbered(6)), sequence(*numbered(6)), limit(repeat(CALL), 3))
    done = drive(source, Made(fine), path, workers=3)
    assert len(done) == 15
    assert [op.args for op in done[12:]] == [()] * 3


def test_the_context_tells_who_asks_and_who_is_busy(path: Path) -> None:
    seen: list[Context] = []

    async def behaviour(client: Client, *args: Any) -> Reply:
        await asyncio.sleep(0.01)
        return Reply()

    def step(context: Context) -> Step:
        seen.append(context)
        return CALL if len(seen) <= 4 else None

    drive(step, Made(behaviour), path, workers=2)
    assert [context.worker for context in seen[:2]] == [0, 1]
    assert [context.busy for context in seen[:2]] == [0b00, 0b01]
    assert all(context.members == 0b11 for context in seen)
    assert all(not context.busy >> context.worker & 1 for context in seen)


def test_observers_see_every_call_and_return(path: Path) -> None:
    class Watch(Observer):
        def __init__(self) -> None:
            self.calls: list[int] = []
            self.returns: list[tuple[int, Outcome]] = []

        def on_call(self, invocation: Invocation, *, process: int, call_ns: int) -> None:
            self.calls.append(call_ns)

        def on_return(
            self, invocation: Invocation, *, process: int, outcome: Outcome, call_ns: int, return_ns: int
        ) -> None:
            self.returns.append((call_ns, outcome))

    watch = Watch()
    done = drive(numbered(5), Made(fine), path, observer=watch)
    assert sorted(watch.calls) == sorted(op.call_ns for op in done)
    assert sorted(watch.returns) == sorted((op.call_ns, Outcome.OK) for op in done)


def test_no_workers_no_operations(path: Path) -> None:
    assert drive(repeat(CALL), Made(fine), path, workers=0) == []
