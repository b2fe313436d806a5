"""Tells whether packets get through and answers come back, by trying: independent of what cuts links."""

import asyncio
import socket


async def connects(probe: socket.socket, address: str, port: int, *, timeout_s: float) -> bool:
    """Tell whether `address` answers a TCP connect that `probe` makes.

    Accepting and refusing are both answers; silence, and having no way to send, are not.
    """
    probe.setblocking(False)
    try:
        async with asyncio.timeout(timeout_s):
            await asyncio.get_running_loop().sock_connect(probe, (address, port))
    except ConnectionRefusedError:
        return True
    except OSError:  # a TimeoutError among them, or no route: the network is down at the source
        return False
    return True


def family_of(address: str) -> socket.AddressFamily:
    """Return the family of an IP address."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET
