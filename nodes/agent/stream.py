"""Messages that survive the connection: numbered, kept until they are confirmed, and sent again after a cut.

Both ends of a conversation have a `Stream`. Whatever is posted arrives once and in order, however often the
connection between them is cut, as long as both ends live. Pure: it neither sends nor receives by itself.
"""

from collections import deque
from typing import Any

from nodes.agent.frames import Frame, FrameError, encode

_CONFIRM_EVERY = 64
"""An end that has nothing to say confirms at least this many messages at once, lest the other keep them all."""


class Stream:
    """One end of a conversation.

    `received` is the number of the last message that came from the other end; the first has number 1.
    """

    def __init__(self) -> None:
        self.received = 0
        self._confirmed = 0
        self._last = 0
        self._kept: deque[tuple[int, dict[str, Any], bytes]] = deque()

    def post(self, message: dict[str, Any], body: bytes = b"") -> bytes:
        """Number a message and return what is to be sent for it, if there is a connection."""
        self._last += 1
        self._kept.append((self._last, message, body))
        return self._encoded(self._last, message, body)

    def again(self, received: int) -> bytes:
        """Return all that the other end has not got, once it has told what it received last."""
        self._forget(received)
        return b"".join(self._encoded(*kept) for kept in self._kept)

    def take(self, frame: Frame) -> dict[str, Any] | None:
        """Return the message that a frame carries, unless it came before, or is a confirmation only.

        Raises FrameError for one that comes before its turn.
        """
        head = frame.head
        self._forget(head["received"])
        number = head.get("number")
        if number is None or number <= self.received:
            return None
        if number != self.received + 1:
            raise FrameError(f"message {number} came after message {self.received}")
        self.received = number
        message: dict[str, Any] = head["message"]
        return message

    def confirmation(self, *, at_once: bool = False) -> bytes:
        """Return what confirms the messages that came, when many have since the last time or `at_once`."""
        if self.received == self._confirmed or not (
            at_once or self.received - self._confirmed >= _CONFIRM_EVERY
        ):
            return b""
        self._confirmed = self.received
        return encode({"received": self.received})

    def _encoded(self, number: int, message: dict[str, Any], body: bytes) -> bytes:
        self._confirmed = self.received
        return encode({"received": self.received, "number": number, "message": message}, body)

    def _forget(self, received: int) -> None:
        while self._kept and self._kept[0][0] <= received:
            self._kept.popleft()
