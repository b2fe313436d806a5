"""All machines of kind sim, and the network between them."""

import asyncio
import datetime
from collections.abc import Collection, Mapping
from functools import partial

from harness.errors import HarnessError
from harness.machine import (
    CLIENTS,
    ClusterConfig,
    DetachableDisk,
    Link,
    Mischief,
    OwnKernel,
    Weather,
    WriteCache,
)
from nodes.simulated.links import Links
from nodes.simulated.loop import Owner, VirtualLoop
from nodes.simulated.machine import SimulatedMachine
from nodes.simulated.pipe import Place, throw
from nodes.simulated.process import SimulatedProcess
from nodes.simulated.streams import Streams
from nodes.simulated.tape import Tape

VIRTUAL_ONLY: Mapping[str, str] = {
    ability.__name__: f"{why}: use machines: vagrant"
    for ability, why in (
        (DetachableDisk, "simulated disks can't be pulled out"),
        (WriteCache, "a simulated power cut takes all that was not flushed in any case"),
        (OwnKernel, "simulated machines have no kernel"),
    )
}
"""The abilities that only virtual machines have, and why these lack them."""

_BEGIN = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)


class SimulatedTime:
    """The loop's time, which begins at midnight (`harness.clock.Time`)."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.monotonic_ns = loop.time_ns

    def utc(self) -> datetime.datetime:
        """Return the date on which all simulations begin, and the time since."""
        return _BEGIN + datetime.timedelta(microseconds=self.monotonic_ns() // 1000)


class SimulatedCluster:
    """Simulated machines on a loop of virtual time: a `Cluster` with all that a network can do."""

    new_event_loop = VirtualLoop

    def __init__(self, config: ClusterConfig) -> None:
        self._config = config
        self._machines: dict[str, SimulatedMachine] = {}
        loop = asyncio.get_running_loop()
        if not isinstance(loop, VirtualLoop):
            raise HarnessError("simulated machines need the loop of virtual time")
        self._loop = loop
        self.time = SimulatedTime(loop)
        tape = Tape(config.seed)
        self.links = Links(tape)
        self._clients = Place(CLIENTS)
        self._places = {CLIENTS: self._clients}
        self._net = Streams(loop, self.links, self._place_of)
        loop.internet = self._net
        for number, name in enumerate(config.names, start=1):
            address = f"10.99.0.{number}" if config.ip == 4 else f"fd99::{number}"
            machine = SimulatedMachine(
                name,
                address,
                loop=loop,
                net=self._net,
                tape=tape,
                logs=config.folder / "logs" / name,
                on_line=None if config.on_line is None else partial(config.on_line, name),
                on_death=config.on_death,
            )
            self._machines[name] = machine
            self._places[name] = machine.place
            self._net.add(address, machine.place)

    @staticmethod
    def enter() -> None:
        """Nothing is to be prepared."""

    @property
    def kind(self) -> str:
        """The name of this kind of machines."""
        return "sim"

    @property
    def machines(self) -> Mapping[str, SimulatedMachine]:
        """The machines by name, in order."""
        return self._machines

    @property
    def missing(self) -> Mapping[str, str]:
        """Why the machines can't do what takes real kernels and disks."""
        return VIRTUAL_ONLY

    async def up(self) -> None:
        """Nothing is to be started."""

    async def down(self) -> None:
        """End all processes."""
        for machine in self._machines.values():
            await machine.kill()

    async def reach(self, source: str, target: str, *, timeout_s: float = 0.5) -> bool:
        """Send a packet and wait for its echo."""
        loop, answer = self._loop, self._loop.create_future()
        there, back = self.links.between(source, target), self.links.between(target, source)
        here, beyond = self._places[source], self._places[target]

        def finish() -> None:
            if not answer.done():
                answer.set_result(True)

        if here.powered:
            throw(loop, there, beyond, lambda: throw(loop, back, here, finish, probe=True), probe=True)
        try:
            async with asyncio.timeout(timeout_s):
                return bool(await answer)
        except TimeoutError:
            return False

    async def cut(self, key: str, links: Collection[Link]) -> None:
        """Drop all packets on `links` from now on, under the name `key`; cuts add up."""
        self.links.cut(key, links)

    async def mend(self, key: str) -> None:
        """Let packets pass again on what `key` cut, unless another key cuts it, too."""
        self.links.mend(key)

    async def dropped(self) -> Mapping[Link, int]:
        """Return how many packets were dropped on each link that is cut now; probes do not count."""
        return self.links.dropped()

    async def disturb(self, key: str, links: Collection[Link], weather: Weather) -> None:
        """Let there be weather on `links`, under the name `key`."""
        self.links.disturb(key, links, weather)

    async def calm(self, key: str) -> None:
        """End the weather of a name."""
        self.links.calm(key)

    async def disturbed(self) -> Mapping[Link, Mischief]:
        """Return what weather has done so far on each link where there is some now."""
        return self.links.disturbed()

    async def clog(self, key: str, links: Collection[Link]) -> None:
        """Keep all packets on `links` from now on, under the name `key`."""
        self.links.clog(key, links)

    async def unclog(self, key: str) -> None:
        """Let go, in one burst, what was kept under a name."""
        self.links.unclog(key)

    async def held(self) -> Mapping[Link, int]:
        """Return how many packets were kept so far on each link that is clogged now."""
        return self.links.held()

    async def connections(self, one: str, other: str) -> Collection[int]:
        """Return the connections that are open between two places."""
        return tuple(self._net.connections(one, other))

    async def reset(self, one: str, other: str) -> None:
        """Break all connections between two places; both ends are told."""
        for endpoint in self._net.connections(one, other).values():
            endpoint.reset()

    def _place_of(self, owner: Owner | None) -> Place:
        return owner.machine.place if isinstance(owner, SimulatedProcess) else self._clients
