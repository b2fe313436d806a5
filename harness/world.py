"""The world that faults act on: the cluster, the system, and who holds which node down.

Several faults may keep one node down at the same time. The system starts again on a machine only when the
last of them lets go, and never on a machine without power: then the fault that cut it starts the system when
it restores the power and lets go itself.
"""

import asyncio
from collections import Counter, defaultdict

from harness.errors import HarnessError
from harness.machine import Cluster, Machine, PowerCut
from harness.system import System


class RunWorld:
    """A `harness.fault.World` for one run."""

    def __init__(self, *, cluster: Cluster, system: System) -> None:
        self._cluster = cluster
        self._system = system
        self._holds: Counter[str] = Counter()
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

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
        """Withdraw one `hold`; when it was the last and the machine has power, start the system.

        Returns whether the system was started. When the start fails the hold is withdrawn all the same, and
        the error is raised. Raises HarnessError for a release without a hold.
        """
        async with self._locks[name]:
            if self._holds[name] == 0:
                raise HarnessError(f"{name} was released more often than it was held")
            self._holds[name] -= 1
            machine = self._cluster.machines[name]
            if self._holds[name] or (isinstance(machine, PowerCut) and not await machine.powered()):
                return False
            await self._system.start(machine)
            return True
