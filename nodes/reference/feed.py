"""What a primary knows of one other member, and what it has sent to it."""

from collections import deque
from dataclasses import dataclass, field

WINDOW_BYTES = 2 << 20
"""How much may be on its way to a replica without an acknowledgement."""

BATCH_BYTES = 256 << 10
"""The most that one Append carries."""


@dataclass(slots=True)
class Feed:
    """One member as its primary sees it. `stream` 0 means that nothing is being sent.

    `common` is the last entry that its log, when it last asked, shared with this one. `flushed` and `written` are
    what the replica has acknowledged in this stream. `lease_ns` is when the newest heartbeat that it answered was
    sent, by the primary's clock; `clock` the replica's own at its last message. `record` is the version of the
    protection record that it holds.
    """

    identity: str = ""
    stream: int = 0
    common: int = 0
    sent: int = 0
    flushed: int = 0
    written: int = 0
    applied: int = 0
    lease_ns: int = -1 << 62
    clock: int = 0
    record: tuple[int, int] = (0, 0)
    on_the_way: deque[tuple[int, int]] = field(default_factory=deque)
    on_the_way_bytes: int = 0

    def start(self, stream: int, common: int, flushed: int) -> None:
        """Begin a stream of what follows `common`, which the replica has and, up to `flushed`, on disk."""
        self.stream = stream
        self.sent = self.written = common
        self.flushed = min(common, flushed)
        self.on_the_way.clear()
        self.on_the_way_bytes = 0

    def stop(self) -> None:
        """End the stream: what the replica has is unknown until it asks again."""
        self.start(0, 0, 0)

    @property
    def open(self) -> bool:
        """Whether more may be sent now."""
        return self.stream != 0 and self.on_the_way_bytes < WINDOW_BYTES

    def sending(self, upto: int, size_bytes: int) -> None:
        """Note that entries up to `upto` go out."""
        self.sent = upto
        self.on_the_way.append((upto, size_bytes))
        self.on_the_way_bytes += size_bytes

    def acknowledged(self, flushed: int, written: int) -> None:
        """Note what the replica has confirmed."""
        self.flushed = max(self.flushed, min(flushed, self.sent))
        self.written = max(self.written, min(written, self.sent))
        while self.on_the_way and self.on_the_way[0][0] <= self.written:
            self.on_the_way_bytes -= self.on_the_way.popleft()[1]
