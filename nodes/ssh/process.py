"""A supervised process on a machine that is reached over SSH: its output is kept here, and its end awaited."""

import asyncio
from collections.abc import Callable

from nodes.linux.output import Output
from nodes.ssh.link import Link

KILLED = -9


class SshProcess:
    """A process that the agent started under a number (`harness.machine.Process`)."""

    def __init__(
        self,
        name: str,
        number: int,
        link: Link,
        outputs: tuple[Output, Output],
        *,
        on_death: Callable[["SshProcess", int], None],
    ) -> None:
        self._name = name
        self._number = number
        self._link = link
        self._outputs = {"out": outputs[0], "err": outputs[1]}
        self._on_death = on_death
        self._end: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._stopped = False
        self._heard_by = 0

    @property
    def name(self) -> str:
        """The name under which it was started."""
        return self._name

    @property
    def returncode(self) -> int | None:
        """Its exit status (negative: the signal), or None while it runs, as far as is known."""
        return self._end.result() if self._end.done() else None

    @property
    def last_line(self) -> str:
        """The last line that it printed on its standard error."""
        return self._outputs["err"].last_line

    async def wait(self) -> int:
        """Wait for its end and return its exit status; what it printed last has been kept by then or soon."""
        self._heard_by += 1
        try:
            return await asyncio.shield(self._end)
        except asyncio.CancelledError:
            self._heard_by -= 1
            raise

    async def stop(self, *, grace_s: float = 2.0) -> None:
        """Ask it to end (SIGTERM), and kill it and its process group after `grace_s`."""
        if self.returncode is None:
            self._stopped = True
            await self._link.ask("stop", process=self._number, grace_s=grace_s)

    def printed(self, stream: str, at_ns: int, chunk: bytes) -> None:
        """Take what it printed."""
        self._outputs[stream].take(at_ns, chunk)

    def silent(self, stream: str) -> None:
        """Take note that one of its streams has ended."""
        self._outputs[stream].end()

    def died(self, status: int) -> None:
        """Take note that it ended without having been told to by the agent."""
        if not self._stopped and not self._heard_by:
            self._on_death(self, status)

    def ended(self, status: int) -> None:
        """Take note of its end."""
        if not self._end.done():
            self._end.set_result(status)

    def lost(self) -> None:
        """Take note that its machine is gone: nothing more will be heard of it."""
        for output in self._outputs.values():
            output.end()
        self.ended(KILLED)
