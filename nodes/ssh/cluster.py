"""All machines of kind ssh: hosts of the user's, each with an agent, for the time of one run."""

import asyncio
import ipaddress
import itertools
import secrets
import socket
from collections import Counter
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from harness.draws import Draws, derive
from harness.errors import AckedError, NodeError, UsageError
from harness.hosts import Host, Hosts
from harness.machine import (
    CLIENTS,
    Clocks,
    ClockSample,
    Clog,
    ClusterConfig,
    CrashPoints,
    DetachableDisk,
    FaultyDisk,
    Link,
    Mischief,
    OwnKernel,
    Reset,
    Weather,
    WriteCache,
)
from harness.tasks import together
from nodes.hazards import clock
from nodes.ssh import network
from nodes.ssh.line import Line
from nodes.ssh.link import Answered
from nodes.ssh.link import Link as Way
from nodes.ssh.login import Login
from nodes.ssh.machine import SshMachine
from nodes.ssh.network import Atlas, SpreadSwitch
from nodes.ssh.weather import MachineWeather

MOST_LOGINS = 16
"""How many logins are made at a time: each costs this host some computing."""

_NOT_HERE: Mapping[str, str] = {
    ability.__name__: why
    for ability, why in (
        (Clog, "the network between hosts keeps no packets: use machines: sim"),
        (Reset, "connections between hosts are not broken: use machines: sim"),
        (FaultyDisk, "the disks of hosts are as good as they are: use machines: sim"),
        (DetachableDisk, "nobody pulls out the disks of hosts: use machines: vagrant"),
        (WriteCache, "the disks of hosts are as good as they are: use machines: vagrant"),
        (OwnKernel, "a host whose kernel panics does not come back by itself: use machines: vagrant"),
        (CrashPoints, "nobody sees the steps of a process on a host: use machines: sim"),
    )
}
_MOST_ALL_PAIRS = 12
"""Up to so many machines, everybody's way to everybody is tried before a run; beyond that, to the next one."""
_PROBE_S = 3.0
_CHECK_S = 10.0


class SshCluster:
    """Hosts as machines (`harness.machine.Cluster`, `Switch`, `Watched` and `BadWeather`).

    What the machines can do is known once `up` has asked them; `missing` then says what not all of them can.
    """

    def __init__(self, config: ClusterConfig, hosts: Hosts) -> None:
        if len(hosts.hosts) < len(config.names):
            raise UsageError(
                f"{len(config.names)} nodes need as many hosts, and {len(hosts.hosts)} are named"
            )
        self._config = config
        self._hosts = hosts
        self._missing: dict[str, str] = dict(_NOT_HERE)
        self._threads = ThreadPoolExecutor(MOST_LOGINS, "ssh login")
        self._lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._by_name = dict(zip(config.names, hosts.hosts, strict=False))
        self._logins = {name: Login(name, host, hosts) for name, host in self._by_name.items()}
        token = secrets.token_hex(16)
        self._ways = {name: self._way(name, host, token) for name, host in self._by_name.items()}
        self._machines = {name: self._machine(name, host) for name, host in self._by_name.items()}
        self._switch = SpreadSwitch(self._ways)
        self._atlas = Atlas({}, {})
        self._weather = MachineWeather(self._ways, self._seen)

    @property
    def kind(self) -> str:
        """The name of this kind of machines."""
        return "ssh"

    @property
    def machines(self) -> Mapping[str, SshMachine]:
        """The machines by name, in order."""
        return self._machines

    @property
    def missing(self) -> Mapping[str, str]:
        """Why the machines can't do what they can't, once that is known."""
        return self._missing

    async def up(self) -> None:
        """Log in to all hosts, start their agents and machines, and see that everybody reaches everybody.

        Raises NodeError for a host that can't be used, with what to do. After an error `down` removes what
        there is.
        """
        await together(way.open() for way in self._ways.values())
        facts = await together(way.ask("facts") for way in self._ways.values())
        addresses = await together(self._address(name) for name in self._ways)
        _refuse_same(dict(zip(self._ways, addresses, strict=True)))
        own = _told_apart(
            {
                name: frozenset({address, *answered.value["addresses"]})
                for name, address, answered in zip(self._ways, addresses, facts, strict=True)
            }
        )
        everyone = frozenset[str]().union(*own.values())
        lacking = await together(
            machine.begin(address, probe_port=self._hosts.probe_port, everyone=everyone)
            for machine, address in zip(self._machines.values(), addresses, strict=True)
        )
        for name, missing in zip(self._ways, lacking, strict=True):
            for ability, why in missing.items():
                self._missing.setdefault(ability, f"{name}: {why}")
        self._tell_kernels_apart(
            {name: each.value["kernel"] for name, each in zip(self._ways, facts, strict=True)}
        )
        clients = await together(
            network.seen_as(name, machine.address, self._hosts.probe_port)
            for name, machine in self._machines.items()
        )
        for name, seen in zip(self._ways, clients, strict=True):
            _refuse_same({**dict(zip(self._ways, addresses, strict=True)), CLIENTS: seen}, seen_by=name)
        await together(
            way.ask("clients", address=seen) for way, seen in zip(self._ways.values(), clients, strict=True)
        )
        self._atlas = Atlas(own, dict(zip(self._ways, clients, strict=True)))
        self._switch.use(self._atlas)
        await self._check_ways()
        if "Switch" not in self._missing:
            await self._check_management()

    async def down(self) -> None:
        """Have every agent end what it started and remove what it made, and hang up."""
        try:
            await together(way.close() for way in self._ways.values())
        finally:
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def lost(self) -> str:
        """Wait until a machine is out of reach for good, and return what to say of it."""
        return await asyncio.shield(self._lost)

    async def reach(self, source: str, target: str, *, timeout_s: float = 0.5) -> bool:
        """Tell whether a TCP segment sent at `source` reaches `target` and its answer comes back.

        Between a machine and the clients it is always these that ask: nothing listens where they are, and what
        goes there and comes back is the same.
        """
        if target == CLIENTS:
            source, target = target, source
        address, port = self._machines[target].address, self._hosts.probe_port
        if source == CLIENTS:
            return await network.probe(address, port, timeout_s=timeout_s)
        answered = await self._ways[source].ask("reach", address=address, port=port, limit_s=timeout_s)
        return bool(answered.value)

    async def cut(self, key: str, links: Collection[Link]) -> None:
        """Drop all packets on `links` from now on, under the name `key`; cuts add up."""
        await self._switch.cut(key, links)

    async def mend(self, key: str) -> None:
        """Let packets pass again on what `key` cut, unless another key cuts it, too."""
        await self._switch.mend(key)

    async def dropped(self) -> Mapping[Link, int]:
        """Return how many packets were dropped on each link since it was cut."""
        return await self._switch.dropped()

    async def disturb(self, key: str, links: Collection[Link], weather: Weather) -> None:
        """Let there be weather on `links`, under the name `key`; that of several keys adds up."""
        await self._weather.disturb(key, links, weather)

    async def calm(self, key: str) -> None:
        """End the weather of a key. Safe to call twice."""
        await self._weather.calm(key)

    async def disturbed(self) -> Mapping[Link, Mischief]:
        """Return what weather has done so far on each link where there is some now."""
        return await self._weather.disturbed()

    def _seen(self, place: str, by: str) -> Collection[str]:
        """Return the addresses from which a machine hears a place."""
        return [self._atlas.clients[by]] if place == CLIENTS else sorted(self._atlas.machines[place])

    def _tell_kernels_apart(self, kernels: Mapping[str, str]) -> None:
        """Take note where a clock is not a host's own: it belongs to a kernel that others run on, too."""
        names: dict[str, str] = {clock.kernel(): "this host"}
        for name, kernel in kernels.items():
            other = names.setdefault(kernel, name)
            if other != name:
                self._missing.setdefault(
                    Clocks.__name__, f"{name} and {other} run on one kernel, and have its clock in common"
                )

    def _machine(self, name: str, host: Host) -> SshMachine:
        return SshMachine(name, self._ways[name], **self._equipment(name, host))

    def _equipment(self, name: str, host: Host) -> dict[str, Any]:
        """Return what a machine is made with beside its name and the way to it."""
        return {
            "host": host,
            "logs": self._config.folder.resolve() / "logs" / name,
            "draws": Draws(derive(self._config.seed, "disk", name)),
            "on_line": None if self._config.on_line is None else partial(self._config.on_line, name),
            "on_death": self._config.on_death,
        }

    def _way(self, name: str, host: Host, token: str) -> Way:
        login = self._logins[name]

        def heard(at_ns: int, event: Mapping[str, Any], body: bytes) -> None:
            self._machines[name].heard(at_ns, event, body)

        def gone(why: str) -> None:
            self._machines[name].gone(why)
            if not self._lost.done():
                self._lost.set_result(f"{name} {why}{self._machines[name].last_words}")

        return Way(
            name,
            partial(Line.open, login, python=host.python, directory=host.directory, sudo=host.sudo),
            threads=self._threads,
            token=token,
            patience_s=self._hosts.patience_s,
            on_event=heard,
            on_beat=partial(self._beat, name),
            on_gone=gone,
        )

    def _beat(self, name: str, answered: Answered) -> None:
        if self._config.on_clock is not None:
            self._config.on_clock(name, sample(answered))

    async def _address(self, name: str) -> str:
        """Return a machine's address on the cluster's network, of the IP version that the scenario asks for."""
        said = self._by_name[name].address or self._logins[name].reached_at()
        family = socket.AF_INET6 if self._config.ip == 6 else socket.AF_INET
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                said, None, family=family, type=socket.SOCK_STREAM
            )
        except socket.gaierror as error:
            raise NodeError(
                f"{name}: {said} has no IPv{self._config.ip} address here ({error.strerror}): say its `address` "
                "on the cluster's network"
            ) from error
        return str(ipaddress.ip_address(found[0][4][0]))

    async def _check_ways(self) -> None:
        """See that everybody reaches everybody; raises NodeError that names who does not."""
        names = list(self._ways)
        pairs = list(itertools.permutations(names, 2))
        if len(names) > _MOST_ALL_PAIRS:
            pairs = list(zip(names, [*names[1:], names[0]], strict=True))
        answers = await together(self.reach(*pair, timeout_s=_PROBE_S) for pair in pairs)
        apart = [f"{a} - {b}" for (a, b), reached in zip(pairs, answers, strict=True) if not reached]
        if apart:
            raise NodeError(
                f"no answer on port {self._hosts.probe_port} between {', '.join(apart[:8])}: open the hosts' "
                "firewalls between them, or name other addresses"
            )

    async def _check_management(self) -> None:
        """See that no partition can cut the way to a machine, by cutting all of them off for a moment.

        Raises NodeError; a machine that can't be reached then heals itself when its patience is over.
        """
        places = [*self._ways, CLIENTS]
        key = "check of the management path"
        await self._switch.cut(key, list(itertools.permutations(places, 2)))
        try:
            await together(self._stays_reachable(name) for name in self._ways)
        finally:
            await self._switch.mend(key)

    async def _stays_reachable(self, name: str) -> None:
        heard, reached = await asyncio.gather(
            self._ways[name].ask("clock", timeout_s=_CHECK_S),
            self.reach(CLIENTS, name),
            return_exceptions=True,
        )
        if isinstance(heard, AckedError):
            raise NodeError(
                f"{name}: a partition cuts the way to its agent, so it could not be healed: {heard}; give the "
                "machines a network of their own (`address`), apart from the one for SSH"
            ) from heard
        if reached is not False:
            raise NodeError(
                f"{name} is not cut off by its firewall: {self._machines[name].address} still answers from here"
            )


def sample(answered: Answered) -> ClockSample:
    """Return what an answer with the time says of a machine's clock."""
    middle_ns = (answered.asked_ns + answered.came_ns) // 2
    return ClockSample(
        at_ns=middle_ns,
        ahead_ns=answered.value["monotonic_ns"] - middle_ns,
        error_ns=(answered.came_ns - answered.asked_ns + 1) // 2,
        start=answered.value["kernel"],
    )


def _told_apart(addresses: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """Return the addresses that only one machine has: bridges of containers and the like are the same anywhere."""
    owners = Counter(itertools.chain.from_iterable(addresses.values()))
    return {
        name: frozenset(address for address in of_one if owners[address] == 1)
        for name, of_one in addresses.items()
    }


def _refuse_same(addresses: Mapping[str, str], *, seen_by: str = "") -> None:
    """Raise NodeError where two places share an address: a cut could not tell them apart."""
    for (one, at), (other, also_at) in itertools.combinations(addresses.items(), 2):
        if at == also_at:
            seen = f", as {seen_by} sees it" if seen_by else ""
            raise NodeError(f"{one} and {other} are both at {at}{seen}: each needs an address of its own")
