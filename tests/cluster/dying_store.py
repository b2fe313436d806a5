"""The reference store with something amiss on n2, for tests of what a run says of nodes that die."""

import asyncio
import os
import signal

from harness.machine import Cluster, Machine
from harness.system import SystemConfig
from nodes.adapters.reference import ReferenceClient, ReferenceSystem

DAMAGE = """
log=$(ls "$1"/store/log/*.log | head -n 1)
printf XXXXXXXX | dd of="$log" bs=1 seek=200 conv=notrunc status=none
"""


class Unlicensed(ReferenceSystem):
    """n2 does not even start."""

    async def start(self, machine: Machine) -> None:
        """Start a node."""
        if machine.name == "n2":
            await machine.start("store", ["sh", "-c", "echo no licence file >&2; exit 9"])
        else:
            await super().start(machine)


class Killed(ReferenceSystem):
    """n2 is killed from outside as soon as the first client comes."""

    _killing: asyncio.Task[None] | None = None

    async def setup(self, cluster: Cluster) -> None:
        """Keep the cluster."""
        await super().setup(cluster)
        self._cluster = cluster

    def client(self, *, process: int, node: str | None = None) -> ReferenceClient:
        """Kill n2, as a machine's own kernel would for lack of memory, and return a client."""
        if process >= 0 and self._killing is None:
            self._killing = asyncio.create_task(self._kill())
        return super().client(process=process, node=node)

    async def _kill(self) -> None:
        for pid in await self._cluster.machines["n2"].alive():
            os.kill(pid, signal.SIGKILL)


class Damaged(ReferenceSystem):
    """n2's log is damaged whenever it is started again."""

    def __init__(self, config: SystemConfig) -> None:
        super().__init__(config)
        self._started: set[str] = set()

    async def start(self, machine: Machine) -> None:
        """Start a node."""
        if machine.name in self._started:
            done = await machine.run(["sh", "-ec", DAMAGE, "sh", machine.directory])
            assert done.returncode == 0, done.stderr
        self._started.add(machine.name)
        await super().start(machine)
