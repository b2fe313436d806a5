"""Tells whether packets get through and answers come back, from any network namespace."""

import socket
import threading

from nodes.linux import kernel
from nodes.linux.probe import connects, family_of

PORT = 1
"""Nothing listens there (tcpmux), so the receiving kernel itself answers, by a reset."""


async def answers(address: str, *, netns: int | None, timeout_s: float) -> bool:
    """Tell whether `address` answers a TCP connect from a network namespace (None: our own).

    Accepting and refusing are both answers; silence, and having no way to send, are not.
    """
    with _socket_in(netns, family_of(address)) as probe:
        return await connects(probe, address, PORT, timeout_s=timeout_s)


def _socket_in(netns: int | None, family: socket.AddressFamily) -> socket.socket:
    """Open a TCP socket in a network namespace.

    A socket stays in the namespace in which it was made. The thread that goes there to make it ends there,
    so that no mistake can leave the harness in the wrong one. It lives for 0.1 ms; the event loop waits.
    """
    if netns is None:
        return socket.socket(family, socket.SOCK_STREAM)
    made: list[socket.socket | OSError] = []

    def make() -> None:
        try:
            kernel.setns(netns, kernel.CLONE_NEWNET)
            made.append(socket.socket(family, socket.SOCK_STREAM))
        except OSError as error:
            made.append(error)

    thread = threading.Thread(target=make, name="socket in another namespace")
    thread.start()
    thread.join()
    if isinstance(made[0], OSError):
        raise made[0]
    return made[0]
