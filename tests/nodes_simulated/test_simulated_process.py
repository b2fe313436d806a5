"""A simulated process can die at any step of what it does, and then nothing more of it happens."""

import asyncio
import contextlib
from pathlib import Path

import pytest
from little_cluster import Line, Little, Pair, World, within

from harness.machine import Death, Point
from nodes.simulated.loop import ProcessDied
from nodes.simulated.process import SimulatedProcess

LOG = Path("/data/log")
FOREVER = 1e6


async def writes(process: SimulatedProcess) -> None:
    """Write ten bytes, each with a flush, and put down how far it came."""
    files = process.files
    files.make_folder(LOG.parent)
    descriptor = files.open(LOG, create=True)
    files.sync_folder(LOG.parent)
    for number in range(10):
        files.write(descriptor, bytes([number]), number)
        await flushed(process, descriptor)
        process.report(b"%d" % number)
    await asyncio.sleep(FOREVER)


async def flushed(process: SimulatedProcess, descriptor: int) -> None:
    """Flush a file and wait for the end of it."""
    end = asyncio.Event()
    process.flush(descriptor, lambda _: end.set())
    await end.wait()


def crash(world: World, point: Point, *, count: int, power: bool) -> tuple[list[int], bytes | None, int]:
    """Let `writes` crash; return what it reported, what was durable at once, and how many processes died."""

    async def scenario(little: Little) -> tuple[list[int], bytes | None, int]:
        machine, told = little["n1"], list[int]()
        crashing = asyncio.create_task(machine.crash_at(point, count=count, power=power, within_s=60))
        await asyncio.sleep(0)
        process = await little.start("n1", writes)
        process._on_line = (lambda at_ns, line: told.append(int(line)),)
        victims = await crashing
        assert await machine.alive() == ()
        assert await machine.powered() is not power
        return told, machine.disk.durable_bytes(LOG), len(victims)

    return world.run(scenario)


@pytest.mark.parametrize("power", [False, True])
@pytest.mark.parametrize(
    ("point", "durable"),
    [
        # The first write and flush are of the log; making its name durable is a flush as well.
        (Point.WRITE, bytes(range(3))),
        (Point.FLUSHED, bytes(range(4))),
    ],
)
def test_a_crash_strikes_in_the_middle_of_a_step(
    world: World, point: Point, durable: bytes, power: bool
) -> None:
    told, kept, victims = crash(world, point, count=4, power=power)
    assert victims == 1
    assert told == [0, 1, 2], "it did not come to tell of the fourth"
    assert kept is not None
    assert kept.startswith(durable)
    if not power:
        assert kept == durable


def test_before_a_flush_begins_nothing_of_it_is_durable(world: World) -> None:
    told, kept, _ = crash(world, Point.FLUSH, count=3, power=False)
    assert (told, kept) == ([0], b"\0")


def test_a_point_that_is_not_reached_has_no_victims(world: World) -> None:
    async def scenario(little: Little) -> None:
        await little.start("n1", writes)
        assert await little["n1"].crash_at(Point.REPLY, count=1, power=False, within_s=1) == ()
        assert len(await little["n1"].alive()) == 1

    world.run(scenario)


def test_a_step_at_the_very_end_of_the_wait_has_its_victims(world: World) -> None:
    async def idle(process: SimulatedProcess) -> None:
        await asyncio.sleep(FOREVER)

    async def scenario(little: Little) -> None:
        process, machine = await little.start("n1", idle), little["n1"]

        def step() -> None:
            with contextlib.suppress(ProcessDied):
                process.reach(Point.WRITE)

        asyncio.get_running_loop().call_later(1, step)
        assert len(await machine.crash_at(Point.WRITE, count=1, power=False, within_s=1)) == 1
        assert await machine.alive() == ()

    world.run(scenario)


def test_a_crash_before_an_answer_keeps_it_from_the_client(world: World) -> None:
    async def scenario(little: Little) -> None:
        class Echo(Line):
            def data_received(self, data: bytes) -> None:
                self.transport.write(data)

        await little.listen("n1", Echo)
        near = await little.connect("n1", Line)
        near.transport.write(b"1")
        await within(1, lambda: near.heard)
        crashing = asyncio.create_task(little["n1"].crash_at(Point.REPLY, count=1, power=False, within_s=1))
        await asyncio.sleep(0)
        near.transport.write(b"2")
        assert len(await crashing) == 1
        await within(1, lambda: near.over is not None)
        assert near.heard == b"1"

    world.run(scenario)


def test_a_dead_process_does_nothing_as_it_ends(world: World) -> None:
    async def scenario(little: Little) -> None:
        machine = little["n1"]

        async def tidy(process: SimulatedProcess) -> None:
            process.files.make_folder(LOG.parent)
            descriptor = process.files.open(LOG, create=True)
            try:
                await asyncio.sleep(FOREVER)
            finally:
                process.files.write(descriptor, b"farewell", 0)

        await little.start("n1", tidy)
        await asyncio.sleep(1)
        trap = asyncio.create_task(machine.crash_at(Point.WRITE, count=1, power=True, within_s=5))
        await asyncio.sleep(0)
        await machine.kill()
        assert machine.disk.read_file(LOG) == b""
        assert await trap == (), "the write of a dead process is no step"

    world.run(scenario)


def test_a_kill_keeps_the_page_cache_and_frees_files(world: World) -> None:
    async def scenario(little: Little) -> None:
        machine = little["n1"]

        async def holds(process: SimulatedProcess) -> None:
            process.files.make_folder(LOG.parent)
            descriptor = process.files.lock(LOG)
            process.files.write(descriptor, b"cached", 0)
            await asyncio.sleep(FOREVER)

        for _ in range(2):
            await little.start("n1", holds)
            await asyncio.sleep(1)
            assert len(await machine.alive()) == 1
            await machine.kill()
        assert machine.disk.read_file(LOG) == b"cached"

    world.run(scenario)


def test_a_flush_under_way_dies_with_its_process(world: World) -> None:
    async def scenario(little: Little) -> None:
        async def flushes(process: SimulatedProcess) -> None:
            process.files.make_folder(LOG.parent)
            descriptor = process.files.open(LOG, create=True)
            process.files.sync_folder(LOG.parent)
            process.files.write(descriptor, b"abc", 0)
            little.begun = True  # type: ignore[attr-defined]
            await flushed(process, descriptor)

        await little.start("n1", flushes)
        await within(1, lambda: hasattr(little, "begun"))
        await little["n1"].kill()
        await asyncio.sleep(1)
        assert little["n1"].disk.durable_bytes(LOG) == b""

    world.run(scenario)


def test_a_process_that_ends_by_itself_is_told_of(world: World) -> None:
    async def scenario(little: Little) -> list[Death]:
        deaths: list[Death] = []
        little["n1"]._on_death = deaths.append

        async def fails(process: SimulatedProcess) -> None:
            raise ValueError("no")

        await little.start("n1", fails)
        await asyncio.sleep(1)
        return deaths

    (death,) = world.run(scenario)
    assert (death.node, death.process, death.status, death.last_line) == ("n1", "p", 1, "ValueError: no")


def test_the_end_of_a_process_closes_its_connections(world: World) -> None:
    async def scenario(little: Little) -> None:
        pair = await Pair(little).open()
        await pair.process.stop()
        await within(1, lambda: pair.near.over is not None)
        assert await pair.process.wait() == -9

    world.run(scenario)
