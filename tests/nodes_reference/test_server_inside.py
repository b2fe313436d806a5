"""The shell around the node, in this process: what it does when the disk or the clock lets it down."""

import asyncio
import errno
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from test_server import eventually, free_ports

from nodes.reference import effects as fx
from nodes.reference import messages as ms
from nodes.reference.client import RefusedError, StoreClient, UnknownError
from nodes.reference.host import ThreadedHost
from nodes.reference.server import Server
from nodes.reference.settings import Member, Mode, Settings
from nodes.reference.storage import FatalError, Storage


class Made:
    """A server of a cluster of one, on a real folder."""

    def __init__(self, folder: Path) -> None:
        (self.port,) = free_ports(1)
        member = Member(name="n1", host="127.0.0.1", port=self.port)
        settings = Settings(name="n1", members=(member,), mode=Mode.ASYNC)
        self.host = ThreadedHost(lambda _: None)
        self.storage = Storage(folder, settings, files=self.host.files, identity="disk")
        self.server = Server(settings, self.storage, host=self.host)

    async def use(self, what: Callable[[StoreClient], Awaitable[None]]) -> None:
        """Serve a client; ends when the server does."""
        client = StoreClient({"n1": ("127.0.0.1", self.port)}, timeout_s=5)

        async def bootstrapped() -> bool:
            try:
                return bool((await client.ask({"op": "bootstrap"}))["ok"])
            except RefusedError:
                return False

        async def main() -> None:
            await eventually(bootstrapped, "the node is up")
            await what(client)

        using = asyncio.create_task(main())
        serving = asyncio.create_task(self.server.run("127.0.0.1", self.port))
        try:
            await asyncio.wait({using, serving}, return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                serving.result()
            using.result()
        finally:
            await client.close()
            for task in (using, serving):
                task.cancel()
            await asyncio.gather(using, serving, return_exceptions=True)


@pytest.mark.parametrize(
    ("handler", "happens"),
    [
        ("received", lambda server: server.heard("n2", ms.StepDown(epoch=1), b"", 0)),
        ("request", lambda server: server.asked(Listening(), {"op": "promote"})),
        ("connected", lambda server: server.linked("n2", ms.Hello(name="n2", identity="x", blank=False))),
        ("disconnected", lambda server: server.unlinked("n2")),
    ],
)
def test_what_the_node_fails_at_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, handler: str, happens: Callable[[Server], None]
) -> None:
    made = Made(tmp_path)

    def fails(*_: object) -> None:
        raise AssertionError("epochs never go backwards")

    async def told(client: StoreClient) -> None:
        monkeypatch.setattr(made.server._node, handler, fails)
        asyncio.get_running_loop().call_soon(happens, made.server)
        await asyncio.wait_for(asyncio.Event().wait(), 5)  # the server's end ends this

    with pytest.raises(AssertionError, match="never go backwards"):
        asyncio.run(made.use(told))


def test_a_flush_that_fails_ends_the_node_and_acknowledges_nothing(tmp_path: Path) -> None:
    made = Made(tmp_path)
    answers: list[str] = []

    async def write(client: StoreClient) -> None:
        def failing(_: int) -> None:
            raise OSError(errno.EIO, "Input/output error")

        made.host.files.sync_data = failing  # type: ignore[method-assign]
        try:
            await client.write({"op": "put", "key": "k", "value": 1})
            answers.append("acknowledged")
        except UnknownError:
            await asyncio.Event().wait()  # the server's end ends this

    with pytest.raises(FatalError, match="flushing the log failed"):
        asyncio.run(made.use(write))
    assert not answers


class Listening:
    """A client that takes answers."""

    def __init__(self) -> None:
        self.got: list[bytes] = []

    def send(self, data: bytes) -> None:
        self.got.append(data)


@pytest.mark.parametrize(("late", "expected"), [(False, b'"ok":true'), (True, b'"sure":false')])
def test_an_answer_that_is_late_does_not_leave(tmp_path: Path, late: bool, expected: bytes) -> None:
    """This process may have been stopped since the node decided."""
    made, client = Made(tmp_path), Listening()
    server: Any = made.server
    server._requests[1] = (client, 7)
    until_ns = made.host.now_ns() + (-1 if late else 3_600_000_000_000)
    server._carry_out([fx.Reply(1, {"ok": True}, until_ns)])
    assert expected in client.got[0]
    assert (b'"ok":false' in client.got[0]) is late
    made.storage.close()


def test_a_snapshot_is_current_only_when_it_is_durable(tmp_path: Path) -> None:
    made = Made(tmp_path)
    current: list[int] = []

    async def write(client: StoreClient) -> None:
        for value in range(20):
            await client.write({"op": "append", "key": "l", "element": value})
        node: Any = made.server._node
        adopted = made.host.files.rename

        def watched(old: Path, new: Path) -> None:
            current.append(node.snapshots.current)
            adopted(old, new)

        made.host.files.rename = watched  # type: ignore[method-assign]
        node.snapshots.wanted = True
        made.server.wake()

        async def saved() -> bool:
            return bool(node.snapshots.current)

        await eventually(saved, "the snapshot is current")

    asyncio.run(made.use(write))
    assert current == [0]


def test_time_is_monotonic() -> None:
    host = ThreadedHost(lambda _: None)
    before = time.monotonic_ns()
    assert before <= host.now_ns() <= time.monotonic_ns()
    host.close()


def test_a_node_that_has_failed_carries_out_nothing_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Made(tmp_path)
    drained: list[int] = []

    def fails(*_: object) -> None:
        raise AssertionError("epochs never go backwards")

    async def told(client: StoreClient) -> None:
        monkeypatch.setattr(made.server._node, "received", fails)
        monkeypatch.setattr(made.server._node, "drain", drained.append)
        made.server.heard("n2", ms.StepDown(epoch=1), b"", 0)
        made.server.wake()
        await asyncio.Event().wait()

    with pytest.raises(AssertionError, match="never go backwards"):
        asyncio.run(made.use(told))
    assert not drained
