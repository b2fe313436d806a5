import asyncio
from pathlib import Path

import pytest
from fakes import FakeCluster, FakeMachine, FakeSystem

from harness.errors import HarnessError, NodeError
from harness.fault import World
from harness.machine import ClusterConfig, Machine
from harness.world import RunWorld


def world_of(system: FakeSystem) -> RunWorld:
    cluster = FakeCluster(ClusterConfig(names=system.nodes, folder=Path("/nowhere")))
    system.machines = cluster.machines
    return RunWorld(cluster=cluster, system=system)


def test_only_the_last_release_starts_the_system() -> None:
    async def main() -> None:
        system = FakeSystem()
        world = world_of(system)
        as_faults_see_it: World = world
        assert as_faults_see_it.machine("n2").name == "n2"
        assert (world.system, list(world.cluster.machines)) == (system, ["n1", "n2", "n3"])
        await world.hold("n1")
        await world.hold("n1")
        await world.hold("n2")
        assert not await world.release("n1")
        assert system.starts == []
        assert await world.release("n1")
        assert system.starts == ["n1"]
        with pytest.raises(HarnessError, match="n1 was released more often"):
            await world.release("n1")
        assert await world.release("n2")

    asyncio.run(main())


class Plugged(FakeMachine):
    on = False

    async def cut_power(self) -> None:
        self.on = False

    async def restore_power(self) -> None:
        self.on = True

    async def powered(self) -> bool:
        return self.on


def test_nothing_is_started_without_power() -> None:
    async def main() -> None:
        system = FakeSystem()
        world = world_of(system)
        machine = Plugged("n1", ClusterConfig(names=("n1",), folder=Path("/nowhere")))
        world.cluster.machines["n1"] = machine  # type: ignore[index]
        await world.hold("n1")
        await world.hold("n1")
        assert not await world.release("n1")
        with pytest.raises(NodeError, match="n1 is off, and no fault keeps it so"):
            await world.release("n1")
        assert system.starts == []
        await machine.restore_power()
        await world.hold("n1")
        assert await world.release("n1")
        assert system.starts == ["n1"]

    asyncio.run(main())


def test_a_failed_start_is_raised_and_may_be_tried_again() -> None:
    class Stubborn(FakeSystem):
        async def start(self, machine: Machine) -> None:
            self.starts.append(machine.name)
            if len(self.starts) == 1:
                raise NodeError("n1 did not start")

    async def main() -> None:
        system = Stubborn()
        world = world_of(system)
        await world.hold("n1")
        with pytest.raises(NodeError, match="did not start"):
            await world.release("n1")
        await world.hold("n1")
        assert await world.release("n1")

    asyncio.run(main())


def test_a_hold_waits_for_a_start_under_way() -> None:
    gate, began = asyncio.Event(), asyncio.Event()

    class Slow(FakeSystem):
        async def start(self, machine: Machine) -> None:
            began.set()
            await gate.wait()
            self.starts.append(machine.name)

    async def main() -> None:
        system = Slow()
        world = world_of(system)
        await world.hold("n1")
        releasing = asyncio.create_task(world.release("n1"))
        await began.wait()
        holding = asyncio.create_task(world.hold("n1"))
        await asyncio.wait_for(world.hold("n2"), 10)
        assert not holding.done()
        gate.set()
        assert await releasing
        await holding
        assert system.starts == ["n1"]

    asyncio.run(main())
