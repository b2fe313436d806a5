"""TCP as far as a process can see it: connections that carry bytes in order, late, or not at all.

The kernel of each machine is here: it sends lost data again, puts what overtook back in order, drops duplicates,
refuses connections to which nobody listens, and tells the other side when a process has died, unless the machine
has lost its power or the network swallows what it says.
"""

import asyncio
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from nodes.simulated.links import Links, PacketLink
from nodes.simulated.loop import Owner, VirtualLoop
from nodes.simulated.pipe import Pipe, Place, throw

CONNECT_AGAIN_NS = 1_000_000_000
"""When an attempt at a connection that nobody answered is first made again; the time doubles with each."""


class Endpoint(asyncio.Transport):
    """One end of a connection, as a transport of asyncio."""

    def __init__(
        self, net: "Streams", place: Place, owner: Owner | None, peername: tuple[str, int], number: int
    ) -> None:
        super().__init__({"peername": peername})
        self.number = number
        self.place = place
        self.owner = owner
        self.gone = False
        self._closed = False
        self.protocol: Any = None
        self._net = net
        self._peer: Endpoint | None = None
        self._pipe: Pipe | None = None

    @property
    def peer(self) -> "Endpoint":
        """The other end."""
        assert self._peer is not None, "the endpoint is joined"
        return self._peer

    def join(self, peer: "Endpoint", pipe: Pipe) -> None:
        """Say what is at the other end."""
        self._peer, self._pipe = peer, pipe

    # What the process does

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes."""
        if not self.gone and data:
            pipe, peer = self._pipe, self._peer
            assert pipe is not None and peer is not None, "the endpoint is joined"
            if self.owner is not None:
                self.owner.about_to_send(to_client=peer.owner is None)
            pipe.send(peer.received, bytes(data), size=len(data))

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        """Send bytes."""
        self.write(b"".join(list_of_data))

    def close(self) -> None:
        """Close the connection; what was written is still sent."""
        self._closed = True  # what has arrived and was not read yet is not read any more
        if not self.gone:
            self._shut(None)

    abort = close

    def is_closing(self) -> bool:
        """Tell whether the connection is closed here."""
        return self.gone

    def get_write_buffer_size(self) -> int:
        """Return how many bytes the other side has not confirmed."""
        return self._pipe.unread if self._pipe is not None else 0

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Change who is told what arrives."""
        self.protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return who is told what arrives."""
        protocol: asyncio.BaseProtocol = self.protocol
        return protocol

    # What the kernel does

    def _tell(self, callback: Callable[..., Any], *args: Any) -> None:
        if self.owner is None:
            callback(*args)
        else:
            self._net.loop.run_as(self.owner, callback, *args)

    def received(self, data: bytes) -> None:
        """Take bytes from the network."""
        if self.gone:
            self._refuse()
        elif self.owner is None:
            self._read(data)
        else:
            self._net.loop.run_as(self.owner, self._read, data)

    def _read(self, data: bytes) -> None:
        if not self._closed and self.protocol is not None:
            self.protocol.data_received(data)

    def ended(self, error: Exception | None) -> None:
        """Take note that the other side has closed (None), or does not know the connection."""
        if not self.gone:
            self._shut(error, answer=error is None)

    def _shut(self, error: Exception | None, *, answer: bool = True) -> None:
        self.gone = True
        self._net.forget(self)
        if answer and self._pipe is not None and self._peer is not None:
            self._pipe.send(self._peer.ended, None)
        self._net.loop.call_soon(self._tell, self._lost, error)

    def _lost(self, error: Exception | None) -> None:
        if self.protocol is not None:
            self.protocol.connection_lost(error)

    def _refuse(self) -> None:
        if self._pipe is not None and self._peer is not None:
            self._pipe.send(self._peer.ended, ConnectionResetError(104, "Connection reset by peer"))

    def died(self, *, silently: bool) -> None:
        """End with the process; `silently` when its kernel is gone too."""
        self.gone = True
        if self._pipe is not None and self._peer is not None:
            if silently:
                self._pipe.forget()
            else:
                self._pipe.send(self._peer.ended, None)

    def reset(self) -> None:
        """Break the connection as a box in the network may: both ends are told, what is on its way is lost."""
        for end in (self, self.peer):
            end.ended(ConnectionResetError(104, "Connection reset by peer"))


class Listener(asyncio.AbstractServer):
    """A process that takes connections."""

    def __init__(
        self, net: "Streams", key: tuple[str, int], owner: Owner, factory: Callable[[], Any]
    ) -> None:
        self.owner = owner
        self.factory = factory
        self._net = net
        self._key = key

    def close(self) -> None:
        """Take no more connections."""
        self._net.unlisten(self._key, self)

    async def wait_closed(self) -> None:
        """Nothing is to be waited for."""

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop."""
        return self._net.loop

    def is_serving(self) -> bool:
        """Tell whether connections are taken."""
        return self._net.listener(self._key) is self

    async def start_serving(self) -> None:
        """Connections are taken from the beginning."""

    async def serve_forever(self) -> None:
        """Wait until cancelled."""
        await self._net.loop.create_future()


class Streams:
    """All connections of a network; the `internet` of a loop."""

    def __init__(self, loop: VirtualLoop, links: Links, place_of: Callable[[Owner | None], Place]) -> None:
        self.loop = loop
        self._links = links
        self._place_of = place_of
        self._places: dict[str, Place] = {}
        self._listeners: dict[tuple[str, int], Listener] = {}
        self._endpoints: dict[Owner, dict[Endpoint, None]] = {}
        self._numbers = itertools.count(1)

    def add(self, address: str, place: Place) -> None:
        """Say which machine has an address."""
        self._places[address] = place

    def listen(
        self, owner: Owner, factory: Callable[[], asyncio.BaseProtocol], host: str, port: int
    ) -> asyncio.AbstractServer:
        """Take connections at an address of the owner's machine; raises OSError when it is in use."""
        key = (host, port)
        if key in self._listeners:
            raise OSError(98, f"error while attempting to bind on address {key}: address already in use")
        listener = self._listeners[key] = Listener(self, key, owner, factory)
        return listener

    def unlisten(self, key: tuple[str, int], listener: Listener) -> None:
        """Take no more connections there."""
        if self._listeners.get(key) is listener:
            del self._listeners[key]

    async def connect(
        self, source: Owner | None, factory: Callable[[], asyncio.BaseProtocol], host: str, port: int
    ) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
        """Connect to an address; raises ConnectionRefusedError when nobody listens there."""
        here, there = self._place_of(source), self._places.get(host)
        if there is None:
            raise OSError(113, f"no route to {host}")
        made: asyncio.Future[Endpoint | None] = self.loop.create_future()
        attempt = _Attempt(self, made, places=(here, there), source=source, address=(host, port))
        attempt.knock()
        try:
            endpoint = await made
        except asyncio.CancelledError:
            if made.done() and not made.cancelled() and (unwanted := made.result()) is not None:
                unwanted.close()
            raise
        if endpoint is None:
            raise ConnectionRefusedError(111, f"{(host, port)}: connection refused")
        protocol = factory()
        endpoint.protocol = protocol
        protocol.connection_made(endpoint)
        return endpoint, protocol

    def establish(
        self, here: Place, there: Place, source: Owner | None, listener: Listener, address: tuple[str, int]
    ) -> Endpoint:
        """Make both ends of a connection and return the one that asked for it."""
        number = next(self._numbers)
        client = Endpoint(self, here, source, address, number)
        server = Endpoint(self, there, listener.owner, (here.name, 0), number)
        out = Pipe(self.loop, self._links.between(here.name, there.name), there)
        back = Pipe(self.loop, self._links.between(there.name, here.name), here)
        client.join(server, out)
        server.join(client, back)
        for endpoint in (client, server):
            if endpoint.owner is not None:
                self._endpoints.setdefault(endpoint.owner, {})[endpoint] = None

        def accepted() -> None:
            server.protocol = listener.factory()
            server.protocol.connection_made(server)

        # What the client sends comes behind this, on the same pipe.
        out.send(server._tell, accepted)
        return client

    def forget(self, endpoint: Endpoint) -> None:
        """Drop a closed end."""
        if endpoint.owner is not None:
            self._endpoints.get(endpoint.owner, {}).pop(endpoint, None)

    def connections(self, one: str, other: str) -> dict[int, Endpoint]:
        """Return the connections between two places, as one open end of each, by number."""
        found = {
            endpoint.number: endpoint
            for endpoint in self._open_ends()
            if {endpoint.place.name, endpoint.peer.place.name} == {one, other}
        }
        return dict(sorted(found.items()))

    def _open_ends(self) -> Iterator[Endpoint]:
        for endpoints in self._endpoints.values():
            yield from endpoints

    def died(self, owner: Owner, *, silently: bool) -> None:
        """End all that a process had open; `silently` when its machine has lost its power."""
        for endpoint in self._endpoints.pop(owner, {}):
            endpoint.died(silently=silently)
        for key, listener in list(self._listeners.items()):
            if listener.owner is owner:
                del self._listeners[key]

    def listener(self, address: tuple[str, int]) -> Listener | None:
        """Return who listens at an address."""
        return self._listeners.get(address)

    def link(self, source: str, target: str) -> PacketLink:
        """Return one direction between two places."""
        return self._links.between(source, target)


class _Attempt:
    """An attempt at a connection: a packet there, one back, and both again while they do not arrive.

    `made` gets this side's end, or None where nobody listens.
    """

    def __init__(
        self,
        net: Streams,
        made: "asyncio.Future[Endpoint | None]",
        *,
        places: tuple[Place, Place],
        source: Owner | None,
        address: tuple[str, int],
    ) -> None:
        self._net = net
        self._made = made
        self._here, self._there = places
        self._source = source
        self._address = address
        self._wait_ns = CONNECT_AGAIN_NS

    def knock(self) -> None:
        """Send the first packet."""
        if self._made.done() or (self._source is not None and self._source.dead):
            return
        net = self._net
        throw(net.loop, net.link(self._here.name, self._there.name), self._there, self._answer)
        net.loop.at_ns(net.loop.time_ns() + self._wait_ns, self.knock)
        self._wait_ns *= 2

    def _answer(self) -> None:
        listener = self._net.listener(self._address)
        back = self._net.link(self._there.name, self._here.name)
        throw(self._net.loop, back, self._here, lambda: self._finish(listener))

    def _finish(self, listener: Listener | None) -> None:
        if self._made.done() or (self._source is not None and self._source.dead):
            return
        if listener is None or listener.owner.dead:
            self._made.set_result(None)
            return
        self._made.set_result(
            self._net.establish(self._here, self._there, self._source, listener, self._address)
        )
