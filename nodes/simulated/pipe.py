"""One direction of a connection: bytes arrive once and in order, however often the network loses or repeats them.

As in TCP, what is lost is sent again after a while, the first of it first, and the rest once that has got through.
Unlike there, loss is noticed by time alone (no fast retransmission), and nothing limits what may be under way.
"""

from bisect import insort
from collections import deque
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from nodes.simulated.links import PacketLink
from nodes.simulated.loop import VirtualLoop

AGAIN_NS = 200_000_000
"""When data that were not confirmed are first sent again; the time doubles with each try."""

LONGEST_NS = 3_000_000_000
HEADER_BYTES = 60


class Place:
    """A machine as the network sees it; without power, its kernel does not answer at all."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.powered = True


class _Packet:
    """A small packet that nobody sends again."""

    __slots__ = ("_link", "_probe", "_then", "_to")

    def __init__(self, link: PacketLink, to: Place, then: Callable[[], None], *, probe: bool) -> None:
        self._link = link
        self._to = to
        self._then = then
        self._probe = probe

    def arrive(self) -> None:
        """Get there, unless the network or the machine is not there for it."""
        link = self._link
        if link.clogs:
            link.when_open(self.arrive, probe=self._probe)
        elif link.cuts:
            link.drop(probe=self._probe)
        elif self._to.powered:
            self._then()


def throw(
    loop: VirtualLoop, link: PacketLink, to: Place, then: Callable[[], None], *, probe: bool = False
) -> None:
    """Send a small packet that nobody sends again; `then` happens where it arrives, each time that it does."""
    packet = _Packet(link, to, then, probe=probe)
    for at_ns in link.arrivals(loop.time_ns(), HEADER_BYTES, probe=probe):
        loop.at_ns(at_ns, packet.arrive)


class _Segment(Struct, eq=False):
    """Something sent: `action` happens at the other end, when it is its turn."""

    number: int
    action: Callable[..., None]
    args: tuple[Any, ...]
    size: int
    arrived: bool = False
    resent: bool = False


class Pipe:
    """What one end sends to the other, whose machine is `to`."""

    __slots__ = ("_dead", "_line", "_link", "_loop", "_missing", "_sent", "_to", "_tries", "_waits", "unread")

    def __init__(self, loop: VirtualLoop, link: PacketLink, to: Place) -> None:
        self._loop = loop
        self._link = link
        self._to = to
        self._line: deque[_Segment] = deque()
        self._missing: list[_Segment] = []
        self._sent = 0
        self._tries = 0
        self._waits = False
        self._dead = False
        self.unread = 0

    def send(self, action: Callable[..., None], *args: Any, size: int = 0) -> None:
        """Let `action` happen at the other end, after all that was sent before."""
        self._sent += 1
        self.unread += size
        segment = _Segment(self._sent, action, args, size)
        self._line.append(segment)
        self._transmit(segment)

    def forget(self) -> None:
        """Send nothing again any more: the sender's kernel is gone."""
        self._dead = True
        self._missing.clear()

    def _transmit(self, segment: _Segment) -> None:
        loop = self._loop
        times = self._link.arrivals(loop.time_ns(), segment.size + HEADER_BYTES)
        for at_ns in times:
            loop.at_ns(at_ns, self._arrive, segment)
        if not times:
            self._miss(segment)

    def _arrive(self, segment: _Segment) -> None:
        link = self._link
        if segment.arrived:
            return
        if link.clogs:
            link.when_open(lambda: self._loop.call_soon(self._arrive, segment))
        elif link.cuts:
            link.drop()
            self._miss(segment)
        elif not self._to.powered:
            self._miss(segment)
        else:
            segment.arrived = True
            if segment.resent:
                self._send_rest()
            line = self._line
            while line and line[0].arrived:
                first = line.popleft()
                self.unread -= first.size
                first.action(*first.args)

    def _miss(self, segment: _Segment) -> None:
        """Have a segment sent again, unless another copy of it is on its way there."""
        if self._dead or segment in self._missing:
            return
        insort(self._missing, segment, key=lambda each: each.number)
        if not self._waits:
            self._waits = True
            wait_ns = min(AGAIN_NS << self._tries, LONGEST_NS)
            self._loop.at_ns(self._loop.time_ns() + wait_ns, self._again)

    def _again(self) -> None:
        """Send the first of what is missing again; the rest follows when that has got through."""
        self._waits = False
        self._missing = [segment for segment in self._missing if not segment.arrived]
        if self._missing:
            self._tries = min(self._tries + 1, 10)
            segment = self._missing.pop(0)
            segment.resent = True
            self._transmit(segment)

    def _send_rest(self) -> None:
        """What was sent again has got through, so now the rest of what is missing."""
        self._tries = 0
        missing, self._missing = self._missing, []
        for other in missing:
            other.resent = True
            self._transmit(other)
