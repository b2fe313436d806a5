"""The reference store as a system under test: how to start it, talk to it, promote it and read its reports."""

import asyncio
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from harness.contract import Contract, Failover, Mode, Visibility, contract_for
from harness.errors import NodeError, OperationFailed
from harness.events import (
    Applied,
    Damaged,
    Degraded,
    Elected,
    NodeEvent,
    Restored,
    Started,
    SteppedDown,
    Stored,
    Truncated,
    Waiting,
)
from harness.machine import Cluster, Machine, OwnFiles
from harness.operation import Reply
from harness.system import NodeStatus, Role, SettingError, SystemConfig
from harness.tasks import together
from nodes import packing, planted
from nodes.adapters.kept_connections import KeptConnections
from nodes.loading import OWN_CODE, load
from nodes.planted import variant
from nodes.reference.client import Address, StoreClient, UnknownError
from nodes.reference.settings import Failover as StoreFailover
from nodes.reference.settings import Member, Settings
from nodes.reference.settings import Mode as StoreMode

PORT = 7400
FORM_S = 10.0
"""How long the freshly started nodes may take to find each other."""
ELSEWHERE_FORM_S = 120.0
"""The same on machines of their own: one whose processor is emulated takes long to start Python."""
ANSWER_S = 1.0
"""How long a node may take to answer a question about itself."""

_NUMBERS = {
    "k": (1, 99),
    "degrade_after_ms": (0, 600_000),
    "heartbeat_ms": (5, 10_000),
    "lease_ms": (20, 60_000),
    "election_ms": (30, 120_000),
    "apply_delay_ms": (0, 600_000),
    "flush_every_ms": (1, 600_000),
    "snapshot_kb": (1, 1 << 20),
    "retain_kb": (0, 1 << 20),
    "segment_kb": (16, 1 << 20),
    "timeout_ms": (1, 600_000),
}
_WORDS = {
    "failover": tuple(kind.value for kind in Failover),
    "visibility": tuple(kind.value for kind in Visibility),
}
_OTHERS = ("sync_set", "retries", "code", "bug")
_OURS = ("timeout_ms",)
"""Numbers that are the client's, not the node's."""


class ReferenceSystem:
    """The reference store on every machine of a cluster; with mirror failover the last one is the witness.

    Settings: those of the store (failover, visibility, k, sync_set, and its times in milliseconds), and
    `retries` (clients repeat an operation of unknown outcome, which the store carries out once), `timeout_ms`
    (of a client's operation), `code` (a folder that holds another `nodes/reference`, to test a changed store)
    and `bug` (the name of a planted bug). Nodes and clients run the changed code.
    """

    def __init__(self, config: SystemConfig) -> None:
        self._config = config
        self._settings = dict(config.settings)
        _check(self._settings, config)
        self._failover = Failover(self._settings.get("failover", "automatic"))
        mirror = self._failover is Failover.MIRROR
        self._data = config.nodes[:-1] if mirror else config.nodes
        self._addresses: dict[str, Address] = {}
        self._connections = KeptConnections()
        self._form_s = FORM_S
        try:
            self._store_settings(tuple(self._member(name, "-") for name in config.nodes))
        except ValueError as error:
            raise SettingError("mode", f"{config.mode} on {len(config.nodes)} nodes: {error}") from error

    @property
    def name(self) -> str:
        """The system's name, with what is planted in it."""
        bug = self._settings.get("bug")
        return "reference" if bug is None else f"reference with the planted bug {bug}"

    def contract(self) -> Contract:
        """Return what the store promises in this mode."""
        settings = self._settings
        return contract_for(
            self._config.mode,
            self._data,
            k=settings.get("k", 1),
            members=tuple(settings.get("sync_set", ())),
            degrades=settings.get("degrade_after_ms", 0) > 0,
            visibility=Visibility(settings.get("visibility", "on_ack")),
            failover=self._failover,
        )

    async def setup(self, cluster: Cluster) -> None:
        """Note where the nodes will be, and bring the code to machines that do not see it."""
        self._addresses = {name: (machine.address, PORT) for name, machine in cluster.machines.items()}
        if any(isinstance(machine, OwnFiles) for machine in cluster.machines.values()):
            self._form_s = ELSEWHERE_FORM_S
        await together(_bring(self._code(), machine) for machine in cluster.machines.values())

    async def start(self, machine: Machine) -> None:
        """Start the node's process."""
        python, code = sys.executable, self._code()
        if isinstance(machine, OwnFiles):
            python, code = machine.python, machine.software
        await machine.start(
            "store",
            [python, "-m", "nodes.reference", *self._options(machine)],
            env={"PYTHONPATH": code},
        )

    async def form(self) -> None:
        """Found the cluster: the first node becomes its first primary."""
        first = self._config.nodes[0]
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._form_s
        while True:
            try:
                # One whose answer nobody waited for could not be had again: the node refuses a second founding.
                await self._ask(first, {"op": "bootstrap"}, timeout_s=max(ANSWER_S, deadline - loop.time()))
            except NodeError:
                if loop.time() > deadline:
                    raise
                await asyncio.sleep(0.02)
            else:
                return

    async def status(self, node: str) -> NodeStatus:
        """Ask a node for its role and offsets."""
        try:
            address = self._addresses[node]
            answer = await self._connections.ask(address, {"op": "status"}, timeout_s=ANSWER_S)
            if not answer.get("ok"):
                raise UnknownError(answer.get("error"))
        except (OSError, TimeoutError, UnknownError) as error:
            raise NodeError(f"{node}: status: {error or type(error).__name__}") from error
        serving = answer["role"] == "primary" and answer["serving"]
        role = Role.PRIMARY if serving else _ROLES.get(answer["role"], Role.UNKNOWN)
        return NodeStatus(
            role=role,
            epoch=answer["epoch"],
            flushed=answer["flushed"],
            applied=answer["applied"],
            replicas=answer.get("replicas", {}),
            degraded=role is Role.PRIMARY and answer["in_sync"] is not None,
            note=answer.get("waits_for", ""),
        )

    async def promote(self, node: str, *, force: bool = False) -> None:
        """Promote a node as an operator does."""
        await self._ask(node, {"op": "promote", "force": force})

    async def disconnect(self) -> None:
        """Drop the connections over which nodes were asked for their status."""
        self._connections.close()

    def client(self, *, process: int, node: str | None = None) -> "ReferenceClient":
        """Return a client; one that is bound to a node reads there, whatever the node's role."""
        code = load(self._code(), "client")
        return ReferenceClient(
            code.StoreClient(
                self._addresses,
                only=node,
                timeout_s=self._settings.get("timeout_ms", 900) / 1000,
                session=f"p{process}" if node is None and self._settings.get("retries", True) else None,
                first=process,
            ),
            refused=code.RefusedError,
            bound=node is not None,
        )

    def report(self, node: str, line: bytes, origin_ns: int) -> NodeEvent | None:
        """Turn a line of a node's output into an event; raises ValueError for one that is not whole."""
        try:
            data = _decode(line)
        except ValueError:
            return None
        kind = _EVENTS.get(str(data.pop("event", None)))
        if kind is None:
            return None
        try:
            data["node"], data["at_ns"] = node, data.pop("at") - origin_ns
            return msgspec.convert(data, kind)
        except (KeyError, TypeError, msgspec.ValidationError) as error:
            raise ValueError(f"a report that is not whole: {error}") from error

    def log_files(self, machine: Machine) -> tuple[str, ...]:
        """Return the folder of entries that were cut off."""
        return (f"{machine.directory}/store/cut",)

    def _code(self) -> str:
        """Return the folder of the code to run."""
        if bug := self._settings.get("bug"):
            return variant.code_of(bug)
        return str(self._settings.get("code") or OWN_CODE)

    async def _ask(self, node: str, body: dict[str, Any], *, timeout_s: float = ANSWER_S) -> dict[str, Any]:
        client = StoreClient(self._addresses, only=node, timeout_s=timeout_s)
        try:
            return await client.ask(body)
        except Exception as error:
            raise NodeError(f"{node}: {body['op']}: {error or type(error).__name__}") from error
        finally:
            await client.close()

    def _member(self, name: str, host: str) -> Member:
        witness = self._failover is Failover.MIRROR and name == self._config.nodes[-1]
        return Member(name=name, host=host, port=PORT, witness=witness)

    def _store_settings(self, members: tuple[Member, ...]) -> Settings:
        """Return the store's own view of the settings; raises ValueError when they do not fit together."""
        settings = self._settings
        return Settings(
            name=members[0].name,
            members=members,
            mode=StoreMode(self._config.mode.value),
            failover=StoreFailover(self._failover.value),
            k=settings.get("k", 1),
            sync_set=tuple(settings.get("sync_set", ())),
            degrade_after_ns=settings.get("degrade_after_ms", 0),
            heartbeat_ns=settings.get("heartbeat_ms", 100),
            lease_ns=settings.get("lease_ms", 600),
            election_ns=settings.get("election_ms", 800),
        )

    def _options(self, machine: Machine) -> list[str]:
        options = ["--name", machine.name, "--data", f"{machine.directory}/store", "--events"]
        options += ["--mode", self._config.mode.value]
        for name, (host, port) in self._addresses.items():
            written = f"[{host}]" if ":" in host else host
            witness = ":witness" if name not in self._data else ""
            options += ["--member", f"{name}={written}:{port}{witness}"]
        for field, value in self._settings.items():
            if field in (*_NUMBERS, *_WORDS) and field not in _OURS:
                options += [f"--{field.replace('_', '-')}", str(value)]
        if sync_set := self._settings.get("sync_set"):
            options += ["--sync-set", ",".join(sync_set)]
        return options


class ReferenceClient:
    """One method per operation, over the store's own client."""

    def __init__(self, client: StoreClient, *, refused: type[Exception], bound: bool) -> None:
        self._client = client
        self._refused = refused
        self._bound = bound

    async def close(self) -> None:
        """Drop the connections."""
        await self._client.close()

    async def get(self, key: str) -> Reply:
        """Read a key: from the primary, or from the node that this client is bound to."""
        return await self._do(self._client.get(key, replica=self._bound))

    async def get_within(self, key: str, max_lag_ms: float) -> Reply:
        """Read a key from the node that this client is bound to, unless it is further behind."""
        return await self._do(self._client.get(key, replica=True, max_lag_ms=max_lag_ms))

    async def peek(self, keys: list[str]) -> Reply:
        """Read what this node has."""
        return await self._do(self._client.peek(list(keys)))

    async def put(self, key: str, value: Any) -> Reply:
        """Set a key."""
        return await self._write(op="put", key=key, value=value)

    async def cas(self, key: str, old: Any, new: Any) -> Reply:
        """Set a key if it has the value `old`; the reply tells whether it had."""
        return await self._write(op="cas", key=key, old=old, new=new)

    async def add(self, key: str, element: Any) -> Reply:
        """Add to a set."""
        return await self._write(op="add", key=key, element=element)

    async def append(self, key: str, element: Any) -> Reply:
        """Append to a list."""
        return await self._write(op="append", key=key, element=element)

    async def increment(self, key: str, by: int) -> Reply:
        """Add to a number; the reply has its new value."""
        return await self._write(op="increment", key=key, by=by)

    async def txn(self, operations: list[Any]) -> Reply:
        """Carry out micro-operations, all or none; the reply has them with their answers."""
        return await self._write(op="txn", ops=[list(operation) for operation in operations])

    async def _write(self, **body: Any) -> Reply:
        return await self._do(self._client.write(body))

    async def _do(self, asked: Any) -> Reply:
        try:
            answer = await asked
        except self._refused as error:
            raise OperationFailed(str(error)) from error
        return Reply(
            value=answer.get("value"),
            node=answer.get("node"),
            epoch=answer.get("epoch"),
            offset=answer.get("offset"),
            degraded=answer.get("degraded", False),
        )


async def _bring(code: str, machine: Machine) -> None:
    """Put the store's code on a machine that does not see the harness's files."""
    if not isinstance(machine, OwnFiles):
        return
    package = packing.pack(Path(code), ["nodes/reference"], {"nodes/__init__.py": b""})
    archive = f"{machine.software}/store.zip"
    with tempfile.NamedTemporaryFile(suffix=".zip") as file:
        file.write(package.data)
        file.flush()
        await machine.put(Path(file.name), archive)
    done = await machine.run([machine.python, "-m", "zipfile", "-e", archive, machine.software])
    if done.returncode != 0:
        complaint = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise NodeError(f"{machine.name}: the store's code can't be unpacked: {complaint}")


_decode = msgspec.json.Decoder(dict[str, Any]).decode

_ROLES = {"replica": Role.REPLICA, "witness": Role.WITNESS}

_EVENTS: dict[str, type[NodeEvent]] = {
    "stored": Stored,
    "elected": Elected,
    "stepped_down": SteppedDown,
    "waiting": Waiting,
    "truncated": Truncated,
    "started": Started,
    "applied": Applied,
    "degraded": Degraded,
    "restored": Restored,
    "damaged": Damaged,
}
"""What the store calls its reports; it names their fields as the events do, but for the time (`at`)."""


def _check(settings: Mapping[str, Any], config: SystemConfig) -> None:
    for field, value in settings.items():
        if field in _NUMBERS:
            low, high = _NUMBERS[field]
            if type(value) is not int or not low <= value <= high:
                raise SettingError(field, f"must be a whole number from {low} to {high}, not {value!r}")
        elif field in _WORDS:
            if value not in _WORDS[field]:
                raise SettingError(field, f"{value!r} is not allowed", _WORDS[field])
        elif field == "sync_set":
            if not isinstance(value, list | tuple):
                raise SettingError(field, f"must be a list of nodes, not {value!r}", config.nodes)
            if strangers := [str(name) for name in value if name not in config.nodes]:
                raise SettingError(field, f"no node is called {', '.join(strangers)}", config.nodes)
        elif field == "retries":
            if not isinstance(value, bool):
                raise SettingError(field, f"must be true or false, not {value!r}", ("true", "false"))
        elif field == "code":
            if not (Path(str(value)) / "nodes" / "reference").is_dir():
                raise SettingError(field, f"there is no nodes/reference in {value}")
        elif field == "bug":
            if value not in tuple(planted.BUGS):
                raise SettingError(field, f"{value!r} is no planted bug", tuple(planted.BUGS))
            if "code" in settings:
                raise SettingError(field, "a bug is planted in the store as it is, not in other code")
        else:
            raise SettingError(field, "there is no such setting", (*_NUMBERS, *_WORDS, *_OTHERS))
    if settings.get("failover") == Failover.MIRROR and len(config.nodes) != 3:
        raise SettingError("failover", "mirror needs three nodes: a pair and a witness")
    if config.mode in (Mode.ASYNC, Mode.QUORUM) and settings.get("degrade_after_ms"):
        raise SettingError("degrade_after_ms", f"{config.mode} has no fewer copies to degrade to")
