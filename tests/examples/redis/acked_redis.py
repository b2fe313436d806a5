"""Redis as a system under test: a primary, its replicas, and an operator who promotes one of them.

Redis acknowledges a write when the primary has it and replicates it afterwards: the mode `async`. With
`appendfsync always` the primary's own disk holds what it acknowledged. There is no failover of its own here (that
would be Sentinel's work): the harness promotes, as an operator would.

It is written against the public interface of `harness` only, and needs `redis-server` on the machines.
"""

import asyncio
import contextlib
import ipaddress
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

from harness.contract import Contract, Failover, Mode, contract_for
from harness.errors import NodeError, OperationFailed
from harness.machine import Cluster, Machine
from harness.operation import Reply
from harness.system import NodeStatus, Role, SettingError, SystemConfig

PORT = 6379
UP_S = 10.0
"""How long a server may take until it answers."""


class RedisSystem:
    """Redis with one primary. Setting: `appendfsync` (always, everysec or no)."""

    name = "redis"

    def __init__(self, config: SystemConfig) -> None:
        if config.mode is not Mode.ASYNC:
            raise SettingError(
                "mode", f"redis acknowledges before it replicates, so not {config.mode}", ("async",)
            )
        for field in config.settings:
            if field != "appendfsync":
                raise SettingError(field, f"unknown setting {field!r}", ("appendfsync",))
        self._fsync = config.settings.get("appendfsync", "always")
        if self._fsync not in ("always", "everysec", "no"):
            raise SettingError("appendfsync", f"{self._fsync!r} is not allowed", ("always", "everysec", "no"))
        self._nodes = config.nodes
        self._primary = config.nodes[0]
        self._addresses: dict[str, str] = {}

    def contract(self) -> Contract:
        """Return what Redis promises: nothing beyond the primary's disk."""
        return contract_for(Mode.ASYNC, self._nodes, failover=Failover.MANUAL)

    async def setup(self, cluster: Cluster) -> None:
        """Note where the nodes will be."""
        self._addresses = {name: machine.address for name, machine in cluster.machines.items()}

    async def start(self, machine: Machine) -> None:
        """Start a server: the primary, or a replica of whoever is the primary now."""
        made = await machine.run(["mkdir", "-p", f"{machine.directory}/redis"])
        if made.returncode != 0:
            raise NodeError(f"{machine.name}: {made.stderr.decode(errors='replace').strip()}")
        argv = ["redis-server", "--port", str(PORT), "--bind", machine.address, "--protected-mode", "no"]
        argv += ["--dir", f"{machine.directory}/redis", "--save", "", "--appendonly", "yes"]
        argv += ["--appendfsync", self._fsync, "--repl-diskless-sync-delay", "0"]
        if machine.name != self._primary:
            argv += ["--replicaof", self._addresses[self._primary], str(PORT)]
        await machine.start("redis", argv)

    async def form(self) -> None:
        """Wait until every server answers; they have found each other by their options."""
        await asyncio.gather(*(self._until_it_answers(node) for node in self._nodes))

    async def status(self, node: str) -> NodeStatus:
        """Ask a server for its role and the offset of its replication stream."""
        async with self._admin(node) as server:
            info: dict[str, Any] = await server.info("replication")
        if info["role"] == "master" and node == self._primary:
            return NodeStatus(
                role=Role.PRIMARY, applied=info["master_repl_offset"], replicas=self._replicas(info)
            )
        if info["role"] == "master":
            return NodeStatus(role=Role.UNKNOWN, applied=info["master_repl_offset"], note="a primary of old")
        note = "" if info["master_link_status"] == "up" else "not connected to its primary"
        return NodeStatus(role=Role.REPLICA, applied=info["slave_repl_offset"], note=note)

    async def promote(self, node: str, *, force: bool = False) -> None:
        """Make `node` the primary and have those that answer follow it; the others do so when they start."""
        async with self._admin(node) as server:
            await server.execute_command("REPLICAOF", "NO", "ONE")
        self._primary = node
        for other in self._nodes:
            if other != node:
                with contextlib.suppress(NodeError):
                    async with self._admin(other) as server:
                        await server.execute_command("REPLICAOF", self._addresses[node], PORT)

    def client(self, *, process: int, node: str | None = None) -> "RedisClient":
        """Return a client of one node, or of whoever is the primary when it is used."""
        return RedisClient(self, node)

    def address_of(self, node: str | None) -> tuple[str, str]:
        """Return a node's name and address; the primary's without a name."""
        name = node or self._primary
        return name, self._addresses[name]

    def _replicas(self, info: dict[str, Any]) -> dict[str, int]:
        names = {ipaddress.ip_address(address): name for name, address in self._addresses.items()}
        replicas = [info[f"slave{number}"] for number in range(info["connected_slaves"])]
        return {names[ipaddress.ip_address(one["ip"])]: one["offset"] for one in replicas}

    async def _until_it_answers(self, node: str) -> None:
        async with asyncio.timeout(UP_S):
            while True:
                with contextlib.suppress(NodeError):
                    async with self._admin(node) as server:
                        await server.ping()
                        return
                await asyncio.sleep(0.05)

    @contextlib.asynccontextmanager
    async def _admin(self, node: str) -> Any:
        server = connection_to(self._addresses[node])
        try:
            yield server
        except (RedisError, OSError) as error:
            raise NodeError(f"{node}: {error}") from error
        finally:
            await server.aclose()


class RedisClient:
    """One method per operation. A command is sent once: a repetition would hide that its outcome is unknown."""

    def __init__(self, system: RedisSystem, node: str | None) -> None:
        self._system = system
        self._node = node
        self._name = ""
        self._server: Redis | None = None

    async def close(self) -> None:
        """Drop the connection."""
        if self._server is not None:
            await self._server.aclose()

    async def get(self, key: str) -> Reply:
        """Read a list."""
        return await self._do("LRANGE", key, 0, -1)

    async def append(self, key: str, element: int) -> Reply:
        """Append to a list."""
        return await self._do("RPUSH", key, element)

    async def peek(self, keys: list[str]) -> Reply:
        """Read several lists of this node."""
        replies = [await self.get(key) for key in keys]
        return Reply(value=[reply.value for reply in replies], node=self._name)

    async def _do(self, command: str, *arguments: str | int) -> Reply:
        name, address = self._system.address_of(self._node)
        if name != self._name:  # another one is the primary now
            await self.close()
            self._name, self._server = name, connection_to(address)
        assert self._server is not None, "a client has a server once it has its name"
        try:
            await self._server.initialize()
        except (RedisConnectionError, OSError) as error:
            raise OperationFailed(f"{name}: {error}") from error
        try:
            value = await self._server.execute_command(command, *arguments)
        except ResponseError as error:  # an answer: it was refused
            raise OperationFailed(f"{name}: {error}") from error
        if isinstance(value, list):
            value = [int(element) for element in value]
        return Reply(value=value, node=name)


def connection_to(address: str) -> Redis:
    """Return a connection that gives up soon, and that never sends a command twice."""
    return Redis(
        host=address,
        port=PORT,
        single_connection_client=True,
        socket_connect_timeout=0.5,
        socket_timeout=2.0,
        retry=Retry(NoBackoff(), 0),
    )
