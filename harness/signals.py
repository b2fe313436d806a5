"""The signals that ask a process to end, answered from its first moment to its last byte of output.

One handler is installed once and stays, so there is no moment at which a signal finds nobody, or the wrong one;
what changes is who answers: at first a signal raises KeyboardInterrupt, then it goes to whom `give` named.
"""

import signal
from collections.abc import Callable
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, the usual request to end, and a closed terminal."""

Receiver = Callable[[], None]
"""Is called for each signal, in the main thread between two instructions of whatever runs there."""


class _Desk:
    receiver: Receiver


def take() -> None:
    """Answer the process's signals from now on; those that it was started without (`nohup`) stay ignored."""
    give(_interrupt)
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _handle)


def give(receiver: Receiver) -> None:
    """Let `receiver` answer from now on."""
    _Desk.receiver = receiver


def block() -> None:
    """Answer no more: the process is about to exit, and the interpreter takes its handlers away at its end."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


def _interrupt() -> None:
    # Only once: whoever catches it must not be interrupted while he says so.
    give(_ignore)
    raise KeyboardInterrupt


def _ignore() -> None:
    pass


def _handle(number: int, frame: FrameType | None) -> None:
    _Desk.receiver()
