"""A cluster and a system in memory, with the abilities that faults need, for tests of their bookkeeping."""

from collections.abc import Collection, Mapping
from typing import Any

from harness.errors import NodeError
from harness.machine import CacheContents, Link
from harness.system import NodeStatus, Role
from harness.world import RunWorld


class FakeMachine:
    """Processes are numbers that are never used twice. `fails` holds the methods that raise once."""

    pids = iter(range(100, 10_000))

    def __init__(self, name: str) -> None:
        self.name = name
        self.running: set[int] = set()
        self.on = True
        self.is_paused = False
        self.disk = 0
        self.says = "Kernel panic"
        self.lost_flushes = 0
        self.refused = 0
        self.taken = 0
        self.fails: set[str] = set()
        self.calls: list[str] = []

    def _call(self, method: str) -> None:
        self.calls.append(method)
        if method in self.fails:
            self.fails.remove(method)
            raise NodeError(f"{self.name}: {method} failed")

    async def alive(self) -> Collection[int]:
        return frozenset(self.running)

    async def kill(self) -> Collection[int]:
        self._call("kill")
        victims, self.running = self.running, set()
        return victims

    async def pause(self) -> None:
        self._call("pause")
        self.is_paused = True

    async def resume(self) -> None:
        self._call("resume")
        self.is_paused = False

    async def stopped(self) -> bool:
        return self.is_paused and bool(self.running)

    async def cut_power(self) -> None:
        self._call("cut_power")
        self.on, self.running = False, set()

    async def panic(self) -> str:
        self._call("panic")
        self.on, self.running = False, set()
        return self.says

    async def detach_disk(self) -> str:
        self._call("detach_disk")
        self.refused = 0
        return "Input/output error"

    async def attach_disk(self) -> None:
        self._call("attach_disk")
        self.running = set()

    async def disk_refusals(self) -> int:
        return self.refused

    async def begin_caching(self, *, lost_flushes: int = 0) -> None:
        self._call("begin_caching")
        self.taken, self.lost_flushes = 0, lost_flushes

    async def cached(self) -> int:
        return self.taken

    async def lose_cache(self) -> CacheContents:
        self._call("lose_cache")
        self.running = set()
        return CacheContents(writes=self.taken, flushes=self.taken // 2, forgotten=3)

    async def restore_power(self) -> None:
        self._call("restore_power")
        self.on = True

    async def powered(self) -> bool:
        return self.on

    async def wipe(self) -> None:
        self._call("wipe")
        self.running, self.disk = set(), self.disk + 1

    async def disk_identity(self) -> str:
        return f"{self.name} disk {self.disk}"


class FakeCluster:
    """A network that counts the packets of `traffic` on cut links."""

    kind = "fake"

    def __init__(self, count: int) -> None:
        self.machines = {f"n{index}": FakeMachine(f"n{index}") for index in range(1, count + 1)}
        self.cuts: dict[str, set[Link]] = {}
        self.counts: dict[Link, int] = {}
        self.leaks = False
        self.stuck = False

    async def cut(self, key: str, links: Collection[Link]) -> None:
        self.cuts.setdefault(key, set()).update(links)

    async def mend(self, key: str) -> None:
        self.cuts.pop(key, None)

    def _all_cuts(self) -> set[Link]:
        return set().union(*self.cuts.values())

    async def dropped(self) -> Mapping[Link, int]:
        return {link: self.counts.get(link, 0) for link in self._all_cuts()}

    def traffic(self, *links: Link) -> None:
        for link in links:
            if link in self._all_cuts():
                self.counts[link] = self.counts.get(link, 0) + 1

    async def reach(self, source: str, target: str, *, timeout_s: float = 0.5) -> bool:
        if self.leaks:
            return True
        off = {name for name, machine in self.machines.items() if not machine.on}
        if self.stuck or off & {source, target}:
            return False
        return self._all_cuts().isdisjoint({(source, target), (target, source)})


class FakeSystem:
    """Starts one process on a machine that is idle and has power, and complains otherwise."""

    name = "fake"

    def __init__(self) -> None:
        self.promoted: tuple[str, bool] | None = None
        self.listens = True
        self.refuses: set[str] = set()

    async def start(self, machine: Any) -> None:
        machine._call("start")
        if machine.running:
            raise NodeError(f"{machine.name}: runs already")
        assert machine.on, "started without power"
        if await machine.disk_identity() not in self.refuses:
            machine.running = {next(FakeMachine.pids)}

    async def promote(self, node: str, *, force: bool = False) -> None:
        self.promoted = (node, force)

    async def status(self, node: str) -> NodeStatus:
        if self.promoted is None or not self.listens:
            raise NodeError(f"{node} does not answer")
        return NodeStatus(role=Role.PRIMARY if self.promoted[0] == node else Role.REPLICA, epoch=2)


class FakeWorld(RunWorld):
    """The engine's own world on fakes, all of them running."""

    def __init__(self, count: int = 3) -> None:
        self.net = FakeCluster(count)
        self.sut = FakeSystem()
        super().__init__(cluster=self.net, system=self.sut)
        for machine in self.net.machines.values():
            machine.running = {next(FakeMachine.pids), next(FakeMachine.pids)}

    def __getitem__(self, name: str) -> FakeMachine:
        return self.net.machines[name]
