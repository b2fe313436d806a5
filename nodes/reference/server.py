"""The shell around the node: sockets, files, threads and the clock.

One event loop. Whatever arrives in one turn of it goes into the node, then `_drain` carries out what the node
wants done, in order; what it sends leaves last, so that reports and promises come before what relies on them.
"""

import asyncio
import errno
from collections.abc import Callable
from typing import Any, cast

from nodes.reference import effects as fx
from nodes.reference import messages as ms
from nodes.reference.host import Host
from nodes.reference.links import Links
from nodes.reference.node import Node
from nodes.reference.records import DamageError
from nodes.reference.settings import Settings
from nodes.reference.snapshot import UnsoundError
from nodes.reference.storage import FatalError, Storage
from nodes.reference.text import is_deeper, own_json
from nodes.reference.wire import GarbageError, Splitter, pack

MAX_UNREAD = 32 << 20
"""A client that leaves more answers unread (bytes) is cut off."""

MAX_LEVELS = 100
"""How deep a request may be nested: what is read must also be written again, in logs, snapshots and answers."""

ROOM_AGAIN_S = 1.0
"""How long to wait before a full disk is tried again."""


class Server:
    """One running node."""

    def __init__(self, settings: Settings, storage: Storage, *, host: Host) -> None:
        self._settings = settings
        self._storage = storage
        self._host = host
        self._node = Node(settings, storage.recovered, now=host.now_ns(), rng=host.rng, wall_ns=host.wall_ns)
        self._links = Links(settings, self._hello, self, host)
        self._requests: dict[int, tuple[ClientConnection, Any]] = {}
        self._numbers = 0
        self._spare_asked = False
        self._scheduled = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ns = 0
        self._wake_ns = 0
        self._failure: asyncio.Future[None] | None = None
        self._over = False

    async def run(self, host: str, port: int) -> None:
        """Serve until cancelled; raises FatalError, and OSError when the address can't be used."""
        loop = self._loop = asyncio.get_running_loop()
        self._failure = loop.create_future()
        listener = await loop.create_server(lambda: ClientConnection(self), host, port, backlog=512)
        try:
            self._links.start()
            self._ask_for_spare()
            self.wake()
            await self._failure
        finally:
            self._over = True
            listener.close()
            await self._links.stop()
            self._host.close()
            self._storage.close()

    # Events from outside

    def wake(self) -> None:
        """Have what the node wants done carried out in the next turn of the loop."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._drain)

    def _hello(self) -> ms.Hello:
        meta = self._node.meta
        return ms.Hello(name=self._settings.name, identity=meta.identity, blank=meta.record is None)

    def linked(self, peer: str, hello: ms.Hello) -> None:
        """A connection to another node is up."""
        self._take(self._node.connected, peer, hello, self._host.now_ns())

    def unlinked(self, peer: str) -> None:
        """The connection to another node is gone."""
        self._take(self._node.disconnected, peer, self._host.now_ns())

    def heard(self, peer: str, message: ms.Message, blob: bytes, now: int) -> None:
        """Another node said something; raises ProtocolError or DamageError."""
        self._take(self._node.received, peer, message, blob, now)

    def asked(self, client: "ClientConnection", header: dict[str, Any]) -> None:
        """A client asks for something."""
        self._numbers += 1
        self._requests[self._numbers] = (client, header.pop("id", None))
        self._take(self._node.request, self._numbers, header, self._host.now_ns())

    def _take(self, handle: Callable[..., None], *args: Any) -> None:
        try:
            handle(*args)
        except (ms.ProtocolError, DamageError):
            raise
        except Exception as error:  # half of what was to be done may be done: go no further
            self._fail(error)
        self.wake()

    def adopt(self, transport: asyncio.Transport, splitter: Splitter, hello: ms.Hello) -> asyncio.Protocol:
        """Take over a connection that another node has opened."""
        return self._links.accept(transport, splitter, hello)

    # Carrying out

    def _drain(self) -> None:
        self._scheduled = False
        if self._over:
            return
        try:
            node, now = self._node, self._host.now_ns()
            if now >= self._wake_ns:
                node.tick(now)
            if effects := node.drain(now):
                self._carry_out(effects)
            self._wake_ns = node.wake_at()
            if self._timer is None or self._wake_ns < self._timer_ns:
                self._set_timer(self._wake_ns)
        except (
            Exception
        ) as error:  # whatever it is, this node must not go on: its disk may lag behind its word
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self._over = True
        if self._failure is not None and not self._failure.done():
            self._failure.set_exception(error)

    def _set_timer(self, wake_ns: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_ns = wake_ns
        delay_s = max(0.0, (wake_ns - self._host.now_ns()) / 1e9)
        self._timer = self._loop.call_later(delay_s, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        if not self._scheduled:
            self._drain()

    def _carry_out(self, effects: list[fx.Effect]) -> None:
        reports: list[bytes] = []
        replies: list[fx.Reply] = []
        for effect in effects:
            if type(effect) is fx.Report:
                reports.append(own_json(effect.event))
            elif type(effect) is fx.Send:
                self._links.send(effect.to, effect.message, effect.blob)
            elif type(effect) is fx.Reply:
                replies.append(effect)
            else:
                if reports and type(effect) in (fx.Cut, fx.InstallSnapshot):
                    self._tell(reports)
                self._act(effect)
        if reports:
            self._tell(reports)
        self._links.flush()
        if replies:
            self._answer(replies)

    def _tell(self, reports: list[bytes]) -> None:
        self._host.report(b"\n".join(reports) + b"\n")
        reports.clear()

    def _act(self, effect: fx.Effect) -> None:
        storage = self._storage
        match effect:
            case fx.Write(frames):
                storage.wal.write(frames)
                self._ask_for_spare()
            case fx.Flush():
                self._flush(effect)
            case fx.SaveMeta(meta):
                storage.save_meta(meta)
            case fx.Cut(after, frames):
                storage.wal.cut(after, frames)
            case fx.Compact(upto):
                storage.wal.compact(upto)
            case fx.SnapshotBegin(index, history):
                self._in_worker(lambda: storage.begin_snapshot(index, history), self._try_again_later)
            case fx.SnapshotRows(rows):
                self._in_worker(lambda: storage.snapshot_rows(rows), self._try_again_later)
                self.wake()
            case fx.SnapshotEnd():
                self._finish_snapshot()
            case fx.ReadPart():
                self._read_part(effect)
            case fx.WritePart(offset, data):
                self._in_worker(lambda: storage.write_part(offset, data), self._try_again_later)
            case fx.InstallSnapshot(index, frames):
                self._install(index, frames)
            case fx.Reload():
                self._in_worker(storage.load_snapshot, self._reloaded)

    def _answer(self, replies: list[fx.Reply]) -> None:
        now = self._host.now_ns()
        touched: dict[ClientConnection, list[bytes]] = {}
        for reply in replies:
            client, number = self._requests.pop(reply.request)
            body = reply.body
            if reply.until_ns and now >= reply.until_ns:
                body = {"ok": False, "sure": False, "error": "the lease ended before the answer could leave"}
            touched.setdefault(client, []).append(pack(own_json({"id": number, **body})))
        for client, frames in touched.items():
            client.send(b"".join(frames))

    # In other threads

    def _flush(self, flush: fx.Flush) -> None:
        def finish(error: BaseException | None) -> None:
            if self._over:
                return
            if error is not None:
                self._fail(FatalError(f"flushing the log failed: {error}"))
                return
            if flush.generation == self._node.generation:
                try:
                    self._storage.wal.synced(flush.upto)
                except OSError as problem:
                    self._fail(FatalError(f"the log's hint could not be written: {problem}"))
                    return
            self._node.flushed_to(flush.upto, flush.generation, self._host.now_ns())
            self.wake()

        self._host.flush(self._storage.wal.unsynced, finish)

    def _in_worker(self, work: Callable[[], Any], then: Callable[[Any, BaseException | None], None]) -> None:
        """Do blocking work behind all earlier such work; `then` gets its result or its OSError/UnsoundError."""

        def finish(result: Any, error: BaseException | None) -> None:
            if self._over:
                return
            if error is not None and not isinstance(error, OSError | UnsoundError):
                self._fail(error)
                return
            then(result, error)
            self.wake()

        self._host.work(work, finish)

    def _try_again_later(self, _: Any, error: BaseException | None) -> None:
        if error is not None:
            self.complain(f"a snapshot could not be written: {error}")

    def _finish_snapshot(self) -> None:
        index = self._node.snapshots.floor

        def then(_: Any, error: BaseException | None) -> None:
            if error is None:
                self._node.snapshot_saved(index)
            else:
                self.complain(f"a snapshot could not be saved: {error}")
                self._in_worker(self._storage.abandon_snapshot, self._try_again_later)
                self._node.snapshot_failed(self._host.now_ns())

        self._in_worker(self._storage.finish_snapshot, then)

    def _read_part(self, asked: fx.ReadPart) -> None:
        current = asked.index == self._node.snapshots.current

        def then(result: tuple[bytes, bool] | None, error: BaseException | None) -> None:
            if result is not None:
                self._node.part_read(asked, *result)
            else:
                self.complain(f"the snapshot could not be read: {error}")

        if current:
            self._in_worker(lambda: self._storage.read_part(asked.offset), then)

    def _install(self, index: int, frames: tuple[bytes, ...]) -> None:
        def then(result: Any, error: BaseException | None) -> None:
            if error is None:
                state, history = result
                self._node.installed(state, index, history, frames, self._host.now_ns())
            else:
                self.complain(f"the snapshot that came could not be used: {error}")
                self._node.install_failed()

        self._in_worker(lambda: self._storage.install(index, frames), then)

    def _reloaded(self, state: Any, error: BaseException | None) -> None:
        if error is not None:
            self._fail(FatalError(f"the snapshot can't be read any more: {error}"))
        else:
            self._node.reloaded(state, self._host.now_ns())

    def _ask_for_spare(self) -> None:
        """Have the log's next segment made ahead of time; without it, there is soon no room."""
        wal = self._storage.wal
        if self._spare_asked or wal.has_spare:
            return
        self._spare_asked = True

        def then(_: Any, error: BaseException | None) -> None:
            self._spare_asked = False
            if error is None:
                self._node.has_room(True)
                return
            if not isinstance(error, OSError) or error.errno not in (errno.ENOSPC, errno.EDQUOT):
                self._fail(FatalError(f"a segment of the log could not be made: {error}"))
                return
            if wal.remaining_bytes < self._settings.segment_bytes // 2:
                self._node.has_room(False)
            self._loop.call_later(ROOM_AGAIN_S, self._ask_for_spare)

        self._in_worker(wal.prepare_spare, then)

    def complain(self, line: str) -> None:
        """Tell a person what is wrong."""
        self._host.log(f"{self._settings.name}: {line}")


class ClientConnection(asyncio.Protocol):
    """A connection that someone has opened: a client, or another node that introduces itself."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._splitter = Splitter()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop the answers that nobody waits for."""
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Take in requests."""
        try:
            for place, (header, blob) in enumerate(frames := self._splitter.feed(data)):
                if "is" in header:
                    self._introduced(header, frames[place + 1 :])
                    return
                if blob:
                    raise GarbageError("a request with a blob")
                if is_deeper(header, MAX_LEVELS):
                    raise GarbageError(f"a request of more than {MAX_LEVELS} levels")
                self._server.asked(self, header)
        except (GarbageError, ms.ProtocolError, DamageError) as error:
            self._reject(str(error))

    def _introduced(self, header: dict[str, Any], rest: list[tuple[dict[str, Any], bytes]]) -> None:
        hello = ms.decode(header)
        if not isinstance(hello, ms.Hello):
            raise ms.ProtocolError("a connection between nodes begins with Hello")
        assert self._transport is not None, "data comes from a connection"
        link: Any = self._server.adopt(self._transport, self._splitter, hello)
        self._transport.set_protocol(link)
        link.take(rest)

    def _reject(self, why: str) -> None:
        if self._transport is not None:
            peer = self._transport.get_extra_info("peername")
            self._server.complain(f"cut off {peer[0] if peer else 'a connection'}: {why}")
            self._transport.abort()

    def send(self, data: bytes) -> None:
        """Send answers, unless the client has gone."""
        if self._transport is None or self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() > MAX_UNREAD:
            self._reject("it does not read its answers")
            return
        self._transport.write(data)
