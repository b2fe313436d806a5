"""A client of the store, for asyncio.

It finds the primary by itself. What it raises tells what became of an operation: `RefusedError` when it surely did
not happen and never will, `UnknownError` when nobody can tell.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any, cast

from nodes.reference.wire import GarbageError, Splitter, pack_json

Address = tuple[str, int]

SHORTEST_PAUSE_S = 0.02
"""How long a client waits before it asks all nodes again, the first time; each time twice as long,"""

LONGEST_PAUSE_S = 0.16
"""but never longer than this."""


class RefusedError(Exception):
    """The operation surely did not happen."""


class UnknownError(Exception):
    """The operation may have happened, may happen yet, or never."""


class Connection(asyncio.Protocol):
    """One connection to one node; requests may overlap."""

    def __init__(self) -> None:
        self._splitter = Splitter()
        self._transport: asyncio.Transport | None = None
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._numbers = 0
        self.lost = False

    @classmethod
    async def open(cls, address: Address, *, timeout_s: float) -> "Connection":
        """Connect; raises OSError or TimeoutError."""
        async with asyncio.timeout(timeout_s):
            _, connection = await asyncio.get_running_loop().create_connection(cls, *address)
        return connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail what waits."""
        self.lost = True
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(UnknownError("the connection was lost before the answer came"))
        self._waiting.clear()

    def data_received(self, data: bytes) -> None:
        """Hand out answers."""
        try:
            frames = self._splitter.feed(data)
        except GarbageError:
            self.close()
            return
        for header, _ in frames:
            future = self._waiting.pop(header.pop("id", None), None)
            if future is not None and not future.done():
                future.set_result(header)

    async def ask(self, body: dict[str, Any], *, deadline: float) -> dict[str, Any]:
        """Send a request and wait for its answer until `deadline`, a time of the loop.

        Raises TimeoutError when it does not come in time, UnknownError when the connection is lost, and TypeError
        or ValueError when the request is nothing for JSON; nothing was sent then.
        """
        if self.lost or self._transport is None:
            raise UnknownError("the connection is lost")
        self._numbers += 1
        number = self._numbers
        loop = asyncio.get_running_loop()
        future: asyncio.Future[dict[str, Any]] = loop.create_future()
        request = pack_json({"id": number, **body})
        self._waiting[number] = future
        self._transport.write(request)
        timer = loop.call_at(deadline, _expire, future)
        try:
            return await future
        finally:
            timer.cancel()
            self._waiting.pop(number, None)

    def close(self) -> None:
        """Drop the connection."""
        if self._transport is not None:
            self._transport.abort()


class StoreClient:
    """A client of a whole cluster, or of one node of it.

    With `session`, a name that no other client has, writes carry a session and a number, and an unknown outcome
    is asked for again, on any node, within the time-out: the store carries each out once. Not for concurrent
    writes: a session is one thread of operations. `first` chooses the node that is asked first, so that many
    clients spread.
    """

    def __init__(
        self,
        nodes: Mapping[str, Address],
        *,
        only: str | None = None,
        timeout_s: float = 5.0,
        session: str | None = None,
        first: int = 0,
    ) -> None:
        self._nodes = {only: nodes[only]} if only else dict(nodes)
        self._only = only
        self._timeout_s = timeout_s
        self._connections: dict[str, Connection] = {}
        names = list(self._nodes)
        self._order = names[first % len(names) :] + names[: first % len(names)]
        self._name = session
        self._life = 0
        self._seq = 0

    async def close(self) -> None:
        """Drop all connections."""
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()

    # Operations

    async def get(
        self, key: str, *, replica: bool = False, max_lag_ms: float | None = None
    ) -> dict[str, Any]:
        """Read a key from the primary, or from a replica that is at most so far behind."""
        return await self.ask({"op": "get", "key": key, "replica": replica, "max_lag_ms": max_lag_ms})

    async def peek(self, keys: list[str]) -> dict[str, Any]:
        """Read keys as the node has them, whatever its role."""
        return await self.ask({"op": "peek", "keys": keys})

    async def status(self) -> dict[str, Any]:
        """Return what the node says of itself."""
        return await self.ask({"op": "status"})

    async def write(self, body: dict[str, Any]) -> dict[str, Any]:
        """Carry out a command of `nodes.reference.state`; once only, if this client has a session."""
        if self._name is None:
            return await self.ask(body)
        body = {**body, "session": f"{self._name}.{self._life}", "seq": self._seq + 1}
        try:
            answer = await self.ask(body, again=True)
        except (RefusedError, UnknownError):
            # The number may be used up (an operation can be refused when it is carried out): begin anew.
            self._life, self._seq = self._life + 1, 0
            raise
        self._seq += 1
        return answer

    async def ask(self, body: dict[str, Any], *, again: bool = False) -> dict[str, Any]:
        """Send a request to the node that takes it, and return its answer.

        Raises RefusedError or UnknownError. With `again`, an unknown outcome leads to another try.
        """
        now = asyncio.get_running_loop().time
        deadline = now() + self._timeout_s
        doubt: UnknownError | None = None
        why = "no node could be reached"
        pause_s = SHORTEST_PAUSE_S
        while now() < deadline:
            for name in list(self._order):
                try:
                    answer = await self._ask_node(name, body, deadline)
                except (OSError, TimeoutError) as error:
                    why = f"{name}: {error or 'no connection in time'}"
                    continue
                except UnknownError as error:
                    if not again:
                        raise
                    doubt = error
                    continue
                if answer.get("ok"):
                    return answer
                why = f"{name}: {answer.get('error')}"
                if not answer.get("sure"):
                    if not again:
                        raise UnknownError(why)
                    doubt = UnknownError(why)
                elif not self._elsewhere(name, answer):
                    raise doubt or RefusedError(why)
                else:
                    break
            if self._only:
                break
            await asyncio.sleep(min(pause_s, max(0.0, deadline - now())))
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        raise doubt or RefusedError(why)

    def _elsewhere(self, name: str, answer: dict[str, Any]) -> bool:
        """Put the node that is said to be primary first; return False if another node would not help."""
        error = str(answer.get("error"))
        if self._only or not error.startswith(("not the primary", "not ready", "the disk is full")):
            return False
        primary = answer.get("primary")
        self._order.remove(name)
        self._order.append(name)
        if primary in self._nodes and primary != name:
            self._order.remove(primary)
            self._order.insert(0, primary)
        return True

    async def _ask_node(self, name: str, body: dict[str, Any], deadline: float) -> dict[str, Any]:
        connection = self._connections.get(name)
        if connection is None or connection.lost:
            left = deadline - asyncio.get_running_loop().time()
            connection = await Connection.open(
                self._nodes[name], timeout_s=min(left, 0.5 if len(self._nodes) > 1 else left)
            )
            self._connections[name] = connection
        try:
            return await connection.ask(body, deadline=deadline)
        except TimeoutError as error:
            with contextlib.suppress(KeyError):
                self._connections.pop(name).close()
            raise UnknownError(f"{name} did not answer in time") from error


def _expire(future: "asyncio.Future[dict[str, Any]]") -> None:
    if not future.done():
        future.set_exception(TimeoutError())
