"""The world that faults act on: the cluster, the system, and who holds which node down or still.

Several faults may keep one node down at the same time. The system starts again on a machine only when the
last of them lets go. A fault that cuts the power holds the node until it has restored it, so a machine that is
off by then is lost. Likewise, processes that several faults have stopped go on when the last of them lets go: so
none is woken by one fault while another proves that it stands still.
"""

import asyncio
from collections import Counter, defaultdict

from harness.errors import HarnessError, NodeError
from harness.machine import Cluster, Machine, Pause, PowerCut
from harness.system import System


class RunWorld:
    """A `harness.fault.World` for one run."""

    def __init__(self, *, cluster: Cluster, system: System) -> None:
        self._cluster = cluster
        self._system = system
        self._holds: Counter[str] = Counter()
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._pausing: defaultdict[str, set[object]] = defaultdict(set)
        self._pause_locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @property
    def cluster(self) -> Cluster:
        """The cluster of this run."""
        return self._cluster

    @property
    def system(self) -> System:
        """The system under test."""
        return self._system

    def machine(self, name: str) -> Machine:
        """Return a machine by name."""
        return self._cluster.machines[name]

    async def hold(self, name: str) -> None:
        """Say that a fault keeps the system on `name` down; waits for a start that is under way."""
        async with self._locks[name]:
            self._holds[name] += 1

    async def release(self, name: str) -> bool:
        """Withdraw one `hold`; when it was the last, start the system, unless it runs.

        Returns whether it was the last. When the start fails the hold is withdrawn all the same, and
        the error is raised: NodeError for a machine that is off though no fault keeps it so. Raises
        HarnessError for a release without a hold.
        """
        async with self._locks[name]:
            if self._holds[name] == 0:
                raise HarnessError(f"{name} was released more often than it was held")
            self._holds[name] -= 1
            machine = self._cluster.machines[name]
            if self._holds[name]:
                return False
            if isinstance(machine, PowerCut) and not await machine.powered():
                raise NodeError(f"{name} is off, and no fault keeps it so: the system can't be started")
            if not await machine.alive():
                await self._system.start(machine)
            return True

    async def pause(self, name: str, by: object) -> None:
        """Stop the processes on `name` in the name of `by`; again, if they had been stopped already.

        Raises HarnessError when the machine can't do that. Whatever it raises, `by` counts as pausing it.
        """
        machine = self._pausable(name)
        async with self._pause_locks[name]:
            self._pausing[name].add(by)
            await machine.pause()

    async def resume(self, name: str, by: object) -> bool:
        """Withdraw the `pause` of `by`, if there is one; when nobody else has one, let the processes go on.

        Returns whether they were let go on. May be repeated, also after an error.
        """
        machine = self._pausable(name)
        async with self._pause_locks[name]:
            self._pausing[name].discard(by)
            if self._pausing[name]:
                return False
            await machine.resume()
            return True

    def _pausable(self, name: str) -> Pause:
        machine = self._cluster.machines[name]
        if not isinstance(machine, Pause):
            raise HarnessError(f"{name} can't be paused")
        return machine
