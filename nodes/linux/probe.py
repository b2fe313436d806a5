"""Tells whether packets get through and answers come back, by trying: independent of what cuts links."""

import asyncio
import errno
import select
import socket
from contextlib import suppress


async def connects(probe: socket.socket, address: str, port: int, *, timeout_s: float) -> bool:
    """Tell whether `address` answers a TCP connect that `probe` makes.

    Accepting and refusing are both answers; silence, and having no way to send, are not. What counts in the end is
    what the socket has come to, not which event came first: an event loop that is late hears of the answer and of
    the end of the wait in the same moment.
    """
    probe.setblocking(False)
    code = probe.connect_ex((address, port))
    if code == errno.EINPROGRESS:
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await _writable(probe)
        code = probe.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if _is_writable(probe) else code
    return code in (0, errno.ECONNREFUSED)


async def _writable(probe: socket.socket) -> None:
    """Wait until the kernel has something to say of the connect."""
    loop, told = asyncio.get_running_loop(), asyncio.Event()
    loop.add_writer(probe, told.set)
    try:
        await told.wait()
    finally:
        loop.remove_writer(probe)


def _is_writable(probe: socket.socket) -> bool:
    poll = select.poll()
    poll.register(probe, select.POLLOUT)
    return bool(poll.poll(0))


def family_of(address: str) -> socket.AddressFamily:
    """Return the family of an IP address."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET
