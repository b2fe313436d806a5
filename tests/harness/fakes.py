"""A replicated store, its machines and its faults, all in memory, with switches for what may go wrong."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.checker import CheckResult, Finding, RecordedRun
from harness.contract import Contract, Mode, contract_for
from harness.draws import Draws
from harness.episode import Proof
from harness.errors import NodeError, OperationFailed
from harness.events import Cause, Elected, NodeEvent
from harness.fault import World
from harness.generator import Context, Generator, Step, stateful
from harness.machine import Cluster, ClusterConfig, Completed, Kill, Machine, OnLine, Process
from harness.operation import Invocation, Operation, Reply
from harness.system import NodeStatus, Role
from harness.verdict import Verdict
from harness.workload import Element


class FakeMachine:
    """A machine that runs at most one process, which prints a greeting."""

    def __init__(self, name: str, config: ClusterConfig) -> None:
        self.name, self.address, self.directory = name, "127.0.0.1", "/data"
        self.running = False
        self._config = config

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout_s: float = 30.0,
        env: Mapping[str, str] | None = None,
    ) -> Completed:
        return Completed(returncode=0, stdout=b"", stderr=b"")

    async def exists(self, remote: str) -> bool:
        return remote != "/missing"

    async def put(self, local: Path, remote: str) -> None:
        raise NodeError("not needed")

    async def get(self, remote: str, local: Path) -> None:
        if remote == "/broken":
            raise NodeError(f"{self.name}: I/O error")
        local.parent.mkdir(parents=True, exist_ok=True)
        local.write_text(f"log of {self.name}")

    async def start(
        self,
        name: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        on_line: OnLine | None = None,
    ) -> Process:
        self.running = True
        if self._config.on_line is not None:
            self._config.on_line(self.name, time.monotonic_ns(), f"hello from {self.name}".encode())
        return None  # type: ignore[return-value]

    async def alive(self) -> Collection[int]:
        return [1] if self.running else []

    async def kill(self) -> Collection[int]:
        self.running = False
        return [1]


class FakeCluster:
    """Machines in memory; counts what was done to them."""

    def __init__(self, config: ClusterConfig) -> None:
        self.config = config
        self.kind = "fake"
        self.missing: dict[str, str] = {"PowerCut": "these machines have no plug"}
        self._machines = {name: FakeMachine(name, config) for name in config.names}
        self.ups, self.downs = 0, 0
        self.fail_up: Exception | None = None
        self.fail_down: Exception | None = None
        self.up_gate: asyncio.Event | None = None

    @property
    def machines(self) -> Mapping[str, FakeMachine]:
        return self._machines

    async def up(self) -> None:
        self.ups += 1
        if self.fail_up is not None:
            raise self.fail_up
        if self.up_gate is not None:
            await self.up_gate.wait()

    async def down(self) -> None:
        self.downs += 1
        if self.fail_down is not None:
            raise self.fail_down

    async def reach(self, source: str, target: str, *, timeout_s: float = 0.5) -> bool:
        return self._machines[target].running


class FakeClient:
    """A client of the fake store."""

    def __init__(self, system: "FakeSystem", process: int, node: str | None) -> None:
        self.system, self.process, self.node, self.closed = system, process, node, False

    async def append(self, key: str, value: int) -> Reply:
        return await self.system.append(self, key, value)

    async def peek(self, keys: Sequence[str]) -> Reply:
        assert self.node is not None
        return await self.system.peek(self, self.node, keys)

    async def close(self) -> None:
        self.closed = True


class FakeSystem:
    """A store that copies each write to every running node at once; one switch for each way to misbehave."""

    def __init__(self, *, nodes: int = 3, mode: Mode = Mode.SYNC) -> None:
        self.name = "fake"
        self.nodes = tuple(f"n{index}" for index in range(1, nodes + 1))
        self.mode = mode
        self.machines: Mapping[str, FakeMachine] = {}
        self.data: dict[str, dict[str, list[int]]] = {node: defaultdict(list) for node in self.nodes}
        self.clients: list[FakeClient] = []
        self.starts: list[str] = []
        self.latency_s = 0.001
        self.before_append: Callable[[FakeClient, int], Awaitable[None]] | None = None
        self.lose: set[int] = set()
        self.refuse_reads_of: set[str] = set()
        self.primary_rules = True
        self.fail_setup: Exception | None = None
        self.offset = 0

    def contract(self) -> Contract:
        return contract_for(self.mode, self.nodes)

    async def setup(self, cluster: Cluster) -> None:
        if self.fail_setup is not None:
            raise self.fail_setup
        self.machines = cluster.machines  # type: ignore[assignment]

    async def start(self, machine: Machine) -> None:
        self.starts.append(machine.name)
        await machine.start("store", ("store",))
        others = [node for node in self.nodes if node != machine.name and self.data[node]]
        if others:
            self.data[machine.name] = self.data[others[0]].copy()

    async def form(self) -> None:
        pass

    def primary(self) -> str | None:
        running = [node for node in self.nodes if self.machines and self.machines[node].running]
        return running[0] if running and self.primary_rules else None

    async def status(self, node: str) -> NodeStatus:
        await asyncio.sleep(0)
        if not self.machines[node].running:
            raise NodeError(f"{node} does not answer")
        primary = node == self.primary()
        offsets = {other: self.offset for other in self.nodes if other != node} if primary else {}
        return NodeStatus(
            role=Role.PRIMARY if primary else Role.REPLICA,
            epoch=1,
            flushed=self.offset,
            applied=self.offset,
            replicas=offsets,
            note="" if self.primary_rules else "waiting for a majority",
        )

    def client(self, *, process: int, node: str | None = None) -> FakeClient:
        client = FakeClient(self, process, node)
        self.clients.append(client)
        return client

    async def append(self, client: FakeClient, key: str, value: int) -> Reply:
        if self.before_append is not None:
            await self.before_append(client, value)
        await asyncio.sleep(self.latency_s)
        primary = self.primary()
        if primary is None:
            raise OperationFailed("no primary")
        self.offset += 1
        for node in self.nodes:
            if self.machines[node].running and value not in self.lose:
                self.data[node][key].append(value)
        return Reply(node=primary, epoch=1, offset=self.offset)

    async def peek(self, client: FakeClient, node: str, keys: Sequence[str]) -> Reply:
        await asyncio.sleep(self.latency_s)
        if node in self.refuse_reads_of or not self.machines[node].running:
            raise ConnectionError(f"{node} is gone")
        return Reply(value=[list(self.data[node].get(key, ())) for key in keys], node=node)


class ReportingSystem(FakeSystem):
    """A store whose nodes' greeting is a report, and that keeps logs."""

    def report(self, node: str, line: bytes, origin_ns: int) -> NodeEvent | None:
        if line != f"hello from {node}".encode():
            return None
        return Elected(
            node=node, at_ns=1, epoch=1, cause=Cause.BOOTSTRAP, heard=(node,), log_epoch=0, log_offset=0
        )

    def log_files(self, machine: Machine) -> tuple[str, ...]:
        return ("/log/store.log", "/missing", "/broken")


class Appends:
    """Unique values appended to lists of ten; judged by the checkers in `judges`."""

    def __init__(self, *judges: str) -> None:
        self.checkers = tuple(f"{Path(__file__)}:{judge}" for judge in judges or ("Survival",))

    def generator(self, nodes: tuple[str, ...], *, seed: int) -> Generator:
        def step(_: Context, value: int, draws: Draws) -> tuple[Step, int]:
            return Invocation(f="append", args=(f"k{value // 10}", value)), value + 1

        return stateful(step, 0, seed=seed)

    def writes(self, operation: Operation | Invocation) -> tuple[Element, ...]:
        return (operation.args,) if operation.f == "append" else ()  # type: ignore[return-value]

    def sees(self, operation: Operation) -> Iterable[Element]:
        for key, values in zip(operation.args[0], operation.value, strict=True):
            yield from ((key, value) for value in values)

    def final_reads(self, keys: Iterable[str], node: str) -> Iterable[Invocation]:
        ordered = list(keys)
        for first in range(0, len(ordered), 5):
            yield Invocation(f="peek", args=(ordered[first : first + 5],), node=node)


class Survival:
    """A checker: every acknowledged element is in the survivor's final reads, if there were any."""

    name = "survival"

    def check(self, run: RecordedRun) -> CheckResult:
        acknowledged, seen, read = set(), set(), set()
        for operation in run.history:
            if operation.outcome != "ok":
                continue
            acknowledged.update(run.workload.writes(operation))
            if operation.f == "peek" and operation.node == run.survivor:
                seen.update(run.workload.sees(operation))
                read.update(operation.args[0])
        lost = sorted(element for element in acknowledged - seen if element[0] in read)
        known = read.issuperset(key for key, _ in acknowledged)
        verdict = Verdict.VIOLATED if lost else Verdict.HOLDS if known else Verdict.INCONCLUSIVE
        findings = tuple(Finding(verdict=verdict, title=f"lost {element}") for element in lost)
        figures = {"lost": len(lost), "forbidden": len(lost)}
        return CheckResult(
            checker="survival", verdict=verdict, summary="", findings=findings, figures=figures
        )


class Crash:
    """A checker that fails."""

    name = "crash"

    def check(self, run: RecordedRun) -> CheckResult:
        raise ZeroDivisionError("of the checker")


class KillFault:
    """Kills the system on its targets and starts it again; with proofs, waits and errors as asked for."""

    needs: tuple[type, ...] = (Kill,)

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        self.options = dict(options or {})
        self.shown, self.mended = True, True
        self.heals = 0
        self.injected: list[tuple[str, ...]] = []
        self.fail: dict[str, BaseException] = {}
        self.inject_gate: asyncio.Event | None = None
        self.heal_gate: asyncio.Event | None = None
        self.healing = asyncio.Event()
        self.held: tuple[str, ...] = ()

    def target(self) -> str | None:
        return "primary"

    async def inject(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        self.injected.append(targets)
        if self.inject_gate is not None:
            await self.inject_gate.wait()
        if "inject" in self.fail:
            raise self.fail["inject"]
        self.held = targets
        for name in targets:
            await world.hold(name)
            machine = world.machine(name)
            assert isinstance(machine, Kill)
            await machine.kill()
        return (Proof(what="gone", shown=self.shown),)

    async def evidence(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        if "evidence" in self.fail:
            raise self.fail["evidence"]
        return (Proof(what="still gone", shown=True),)

    async def heal(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        self.heals += 1
        self.healing.set()
        if self.heal_gate is not None:
            await self.heal_gate.wait()
        if "heal" in self.fail:
            raise self.fail["heal"]
        held, self.held = self.held, ()
        for name in held:
            await world.release(name)
        return (Proof(what="back", shown=self.mended),)
