"""Connections to nodes of the store that stay open between questions, of which a run has dozens."""

import asyncio
import contextlib
from typing import Any

from nodes.reference.client import Address, Connection, UnknownError


class KeptConnections:
    """Asks nodes; whoever is done with a connection leaves it for the next question to the same node."""

    def __init__(self) -> None:
        self._idle: dict[Address, list[Connection]] = {}

    async def ask(self, address: Address, body: dict[str, Any], *, timeout_s: float) -> dict[str, Any]:
        """Return the answer to a question that does no harm when it is asked twice.

        It is asked again over a new connection if the one that was kept has been lost. `timeout_s` is for each
        step: an answer, and a new connection. Raises OSError, TimeoutError or UnknownError.
        """
        if idle := self._idle.get(address):
            with contextlib.suppress(UnknownError):
                return await self._over(idle.pop(), address, body, timeout_s)
        connection = await Connection.open(address, timeout_s=timeout_s)
        return await self._over(connection, address, body, timeout_s)

    def close(self) -> None:
        """Drop all that nobody uses."""
        for idle in self._idle.values():
            for connection in idle:
                connection.close()
        self._idle.clear()

    async def _over(
        self, connection: Connection, address: Address, body: dict[str, Any], timeout_s: float
    ) -> dict[str, Any]:
        deadline = asyncio.get_running_loop().time() + timeout_s
        try:
            answer = await connection.ask(body, deadline=deadline)
        except BaseException:
            connection.close()  # an answer that nobody waits for may still come
            raise
        self._idle.setdefault(address, []).append(connection)
        return answer
