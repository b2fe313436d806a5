"""Lets a part of a test answer the signals of the process that runs it."""

import contextlib
import signal
from collections.abc import Iterator

from harness import signals
from harness.signals import Receiver


@contextlib.contextmanager
def received_by(receiver: Receiver) -> Iterator[None]:
    """Give the process's signals to `receiver` inside, and to whom they went before after."""
    former = {number: signal.getsignal(number) for number in signals.SIGNALS}
    signals.take()
    signals.give(receiver)
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
