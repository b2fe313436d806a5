"""Simulated machines without a store: programs are coroutine functions of the test, run in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from harness import plugins
from harness.machine import ClusterConfig
from nodes.simulated.cluster import SimulatedCluster
from nodes.simulated.loop import VirtualLoop
from nodes.simulated.process import SimulatedProcess

T = TypeVar("T")

PORT = 7000
MS = 1_000_000

Program = Callable[[SimulatedProcess], Awaitable[Any]]


class Little:
    """A cluster of n1, n2, …, and what is needed to run programs on it."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, folder: Path, *, count: int = 2, seed: int = 1
    ) -> None:
        names = tuple(f"n{number}" for number in range(1, count + 1))
        self.cluster = SimulatedCluster(ClusterConfig(names=names, folder=folder, seed=seed))
        self.loop = asyncio.get_running_loop()
        self._programs: dict[str, Program] = {}
        monkeypatch.setattr(plugins, "load", lambda group, name: self._run)

    def __getitem__(self, name: str) -> Any:
        return self.cluster.machines[name]

    async def start(self, name: str, program: Program) -> SimulatedProcess:
        """Run a program on a machine."""
        key = f"program {len(self._programs)}"
        self._programs[key] = program
        return await self[name].start("p", ["python", "-m", "test", key])

    async def listen(self, name: str, factory: Callable[[], asyncio.BaseProtocol]) -> SimulatedProcess:
        """Let a process take connections until it is ended."""

        async def program(process: SimulatedProcess) -> int:
            host = self[name].address
            await asyncio.get_running_loop().create_server(factory, host, PORT)
            await asyncio.sleep(1e6)
            return 0

        process = await self.start(name, program)
        await asyncio.sleep(0.001)
        return process

    async def connect(self, name: str, factory: Callable[[], Any]) -> Any:
        """Connect to a machine as a client of the harness."""
        _, protocol = await asyncio.get_running_loop().create_connection(factory, self[name].address, PORT)
        return protocol

    async def _run(self, process: SimulatedProcess, argv: Any) -> int:
        await self._programs[argv[0]](process)
        return 0


class Line(asyncio.Protocol):
    """An end of a connection that keeps what came, each piece with its time, and how it ended."""

    def __init__(self) -> None:
        self.transport: Any = None
        self.pieces: list[tuple[float, bytes]] = []
        self.over: float | None = None
        self.error: Exception | None = None

    @property
    def heard(self) -> bytes:
        return b"".join(data for _, data in self.pieces)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.pieces.append((asyncio.get_running_loop().time(), data))

    def connection_lost(self, exc: Exception | None) -> None:
        self.over, self.error = asyncio.get_running_loop().time(), exc


class Pair:
    """A connection from the clients to a machine: `near` is the client's end, `far` the other."""

    def __init__(self, little: Little) -> None:
        self.little = little
        self.ends: list[Line] = []

    @property
    def far(self) -> Line:
        return self.ends[-1]

    async def open(self, name: str = "n1") -> "Pair":
        self.process = await self.little.listen(name, self._accept)
        self.near = await self.little.connect(name, Line)
        await asyncio.sleep(0.01)
        return self

    def _accept(self) -> Line:
        self.ends.append(Line())
        return self.ends[-1]


def run(scenario: Callable[[], Awaitable[T]]) -> T:
    """Run a coroutine function in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(scenario())  # type: ignore[arg-type]


class World:
    """What tests get from the fixture: `run` a scenario that is given a little cluster."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self._monkeypatch, self._folder = monkeypatch, folder

    def run(self, scenario: Callable[[Little], Awaitable[T]], **config: Any) -> T:
        async def whole() -> T:
            little = Little(self._monkeypatch, self._folder, **config)
            try:
                return await scenario(little)
            finally:
                await little.cluster.down()

        return run(whole)


async def within(seconds: float, what: Callable[[], object]) -> None:
    """Wait, in virtual time, until something is so."""
    async with asyncio.timeout(seconds):
        while not what():
            await asyncio.sleep(0.001)
