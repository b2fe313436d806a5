"""A node that answers as a test tells it."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from nodes.reference.wire import Splitter, pack_json

Answer = Callable[[dict[str, Any]], dict[str, Any] | None]


class FakeNode:
    """Answers as told: a dict is sent, None is silence, an exception drops the connection."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.asked: list[dict[str, Any]] = []
        self.connections: list[asyncio.Transport] = []

    async def start(self) -> tuple[str, int]:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: FakeConnection(self), "127.0.0.1", 0)
        address: tuple[str, int] = self._server.sockets[0].getsockname()
        return address

    def connected(self, transport: asyncio.Transport) -> None:
        self.connections.append(transport)

    def take(self, transport: asyncio.Transport, request: dict[str, Any]) -> None:
        self.asked.append(request)
        try:
            answer = self._answer(request)
        except ConnectionError:
            transport.abort()
            return
        if answer is not None:
            transport.write(pack_json({"id": request["id"], **answer}))

    async def stop(self) -> None:
        self._server.close()
        this = asyncio.current_task()
        await asyncio.gather(*(task for task in asyncio.all_tasks() if task is not this))  # being accepted
        for transport in self.connections:
            transport.abort()
        await asyncio.sleep(0)


class FakeConnection(asyncio.Protocol):
    """A client's connection to a fake node."""

    def __init__(self, node: FakeNode) -> None:
        self._node = node
        self._splitter = Splitter()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._node.connected(self._transport)

    def data_received(self, data: bytes) -> None:
        for request, _ in self._splitter.feed(data):
            self._node.take(self._transport, request)


def drop(_: dict[str, Any]) -> None:
    raise ConnectionResetError
