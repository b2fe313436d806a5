"""Connections between nodes: one for each pair, opened by the one that comes first among the members.

Both ends send a small sign of life when they have nothing to say, and give a connection up when they hear nothing
for a while: a cut cable closes no connection.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import Any, Protocol, cast

from nodes.reference import messages as ms
from nodes.reference.host import Host
from nodes.reference.records import DamageError
from nodes.reference.settings import Member, Settings
from nodes.reference.wire import GarbageError, Splitter, pack

SIGN_S = 0.25
SILENT_NS = 1_000_000_000
AGAIN_S = 0.15
CONNECT_S = 0.5
MAX_UNSENT = 64 << 20
_SIGN = pack(b"{}")


class Listener(Protocol):
    """Who is told what happens on the connections."""

    def linked(self, peer: str, hello: ms.Hello) -> None:
        """A connection is up."""

    def unlinked(self, peer: str) -> None:
        """A connection is gone."""

    def heard(self, peer: str, message: ms.Message, blob: bytes, now: int) -> None:
        """A message came, at `now`; raises ProtocolError or DamageError when it makes no sense."""


class Links:
    """The connections of one node to all others."""

    def __init__(
        self, settings: Settings, hello: Callable[[], ms.Hello], listener: Listener, host: Host
    ) -> None:
        self.host = host
        self._settings = settings
        self._hello = hello
        self._listener = listener
        self._links: dict[str, Link] = {}
        self._open: dict[Link, None] = {}
        self._queued: list[Link] = []
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to connect, and to listen for silence."""
        mine = self._settings.names.index(self._settings.name)
        for member in self._settings.members[mine + 1 :]:
            self._tasks.append(asyncio.create_task(self._keep_connected(member)))
        self._tasks.append(asyncio.create_task(self._watch()))

    async def stop(self) -> None:
        """Close everything."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for link in list(self._open):
            link.close()

    def send(self, peer: str, message: ms.Message, blob: bytes) -> None:
        """Queue a message for the next `flush`, if there is a connection."""
        if link := self._links.get(peer):
            if not link.queue:
                self._queued.append(link)
            link.queue.append(pack(ms.encode(message), blob))

    def flush(self) -> None:
        """Send what is queued."""
        queued, self._queued = self._queued, []
        for link in queued:
            link.flush()

    def accept(self, transport: asyncio.Transport, splitter: Splitter, hello: ms.Hello) -> "Link":
        """Take over a connection that a node before this one has opened."""
        names = self._settings.names
        if hello.name not in names[: names.index(self._settings.name)]:
            raise ms.ProtocolError(f"{hello.name!r} is no member that connects to this one")
        link = Link(self, splitter)
        link.connection_made(transport)
        transport.write(pack(ms.encode(self._hello())))
        self._up(link, hello)
        return link

    async def _keep_connected(self, member: Member) -> None:
        loop = asyncio.get_running_loop()
        while True:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(CONNECT_S):
                    transport, protocol = await loop.create_connection(
                        lambda: Link(self), member.host, member.port
                    )
                transport.write(pack(ms.encode(self._hello())))
                await protocol.closed
            await asyncio.sleep(AGAIN_S)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(SIGN_S)
            silent_ns = self.host.now_ns() - SILENT_NS
            for link in list(self._open):
                if link.heard_ns < silent_ns:
                    link.close()
                elif link.peer is not None and not link.spoke:
                    link.write(_SIGN)
                link.spoke = False

    def _up(self, link: "Link", hello: ms.Hello) -> None:
        link.peer = hello.name
        if old := self._links.pop(hello.name, None):
            old.peer = None
            old.close()
            self._listener.unlinked(hello.name)
        self._links[hello.name] = link
        self._listener.linked(hello.name, hello)

    def take(self, link: "Link", header: dict[str, Any], blob: bytes) -> None:
        """Pass on what came in on a link."""
        message = ms.decode(header)
        if link.peer is None:
            if not isinstance(message, ms.Hello) or message.name not in self._settings.peers:
                raise ms.ProtocolError("a connection between nodes begins with a member's Hello")
            self._up(link, message)
        else:
            self._listener.heard(link.peer, message, blob, link.heard_ns)

    def made(self, link: "Link") -> None:
        """Note that a link is open."""
        self._open[link] = None

    def lost(self, link: "Link") -> None:
        """Note that a link has closed."""
        self._open.pop(link, None)
        if link.peer is not None and self._links.get(link.peer) is link:
            del self._links[link.peer]
            self._listener.unlinked(link.peer)


class Link(asyncio.Protocol):
    """One connection to another node; `peer` is None until it has introduced itself."""

    def __init__(self, links: Links, splitter: Splitter | None = None) -> None:
        self._links = links
        self._transport: asyncio.Transport | None = None
        self._splitter = splitter or Splitter()
        self.peer: str | None = None
        self.queue: list[bytes] = []
        self.heard_ns = links.host.now_ns()
        self.spoke = False
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)
        self._links.made(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell that the connection is gone."""
        self._links.lost(self)
        if not self.closed.done():
            self.closed.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Take in messages; who talks nonsense is cut off."""
        self.heard_ns = self._links.host.now_ns()
        try:
            self.take(self._splitter.feed(data))
        except (GarbageError, ms.ProtocolError, DamageError) as error:
            self._links.host.log(f"cut off {self.peer or 'a node'}: {error}")
            self.close()

    def take(self, frames: Iterable[tuple[dict[str, Any], bytes]]) -> None:
        """Take in messages; raises what is raised for those that make no sense."""
        for header, blob in frames:
            if header:  # not just a sign of life
                self._links.take(self, header, blob)

    def flush(self) -> None:
        """Send what is queued."""
        queue, self.queue = self.queue, []
        self.write(b"".join(queue))

    def write(self, data: bytes) -> None:
        """Send bytes; a node that takes none for very long is cut off."""
        if self._transport is None or self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() > MAX_UNSENT:
            self.close()
        else:
            self.spoke = True
            self._transport.write(data)

    def close(self) -> None:
        """Drop the connection at once."""
        if self._transport is not None:
            self._transport.abort()
