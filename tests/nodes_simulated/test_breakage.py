"""The faults of a machine's disk: by key, adding up, counted, probed, and over when nobody wants them any more."""

from pathlib import Path

import pytest
from little_cluster import Little, World

from harness.errors import NodeError
from harness.machine import DiskFault

FILE = Path("/data/f")


def written(little: Little, data: bytes = b"x" * 1000) -> None:
    """Let the system have a durable file."""
    little["n1"].disk.write_file(FILE, data)


def write_and_flush(little: Little, data: bytes, *, at: int = 0) -> None:
    files = little["n1"].disk.view("test")
    descriptor = files.open(FILE)
    try:
        files.write(descriptor, data, at)
        files.sync(descriptor)
    finally:
        little["n1"].disk.release("test")


def test_a_probe_of_a_sound_disk_is_durable_and_leaves_nothing(world: World) -> None:
    async def scenario(little: Little) -> None:
        before = little["n1"].disk.contents()
        probe = await little["n1"].probe_disk()
        assert (probe.error, probe.durable) == ("", True)
        assert little.loop.time_ns() >= probe.took_ns > 0
        assert little["n1"].disk.contents() == before
        await little["n1"].cut_power()
        with pytest.raises(NodeError, match="no power"):
            await little["n1"].probe_disk()

    world.run(scenario)


def test_a_lie_ends_when_the_last_who_wants_it_lets_go_and_then_comes_true(world: World) -> None:
    async def scenario(little: Little) -> None:
        machine = little["n1"]
        written(little, b"old")
        await machine.break_disk("a", DiskFault.LYING_FLUSH)
        await machine.break_disk("b", DiskFault.LYING_FLUSH)
        assert not (await machine.probe_disk()).durable
        assert (await machine.disk_bites())[DiskFault.LYING_FLUSH] == 0, "a probe does not count"
        write_and_flush(little, b"new")
        assert (await machine.disk_bites())[DiskFault.LYING_FLUSH] == 1
        assert not await machine.mend_disk("a")
        assert machine.disk.durable_bytes(FILE) == b"old"
        assert await machine.mend_disk("b")
        assert machine.disk.durable_bytes(FILE) == b"new"
        assert (await machine.probe_disk()).durable
        assert await machine.mend_disk("b"), "twice is no harm"

    world.run(scenario)


def test_a_flush_error_strikes_the_system_and_no_probe(world: World) -> None:
    async def scenario(little: Little) -> None:
        machine = little["n1"]
        written(little)
        await machine.break_disk("a", DiskFault.FLUSH_ERROR)
        assert (await machine.probe_disk()).error == ""
        with pytest.raises(OSError, match="Input/output error"):
            write_and_flush(little, b"new")
        assert (await machine.disk_bites())[DiskFault.FLUSH_ERROR] == 1
        write_and_flush(little, b"new")
        assert await machine.mend_disk("a")

    world.run(scenario)


@pytest.mark.parametrize("fault", [DiskFault.FLUSH_ERROR, DiskFault.LOST_WRITE, DiskFault.MISDIRECTED_WRITE])
def test_what_has_not_struck_yet_is_withdrawn(world: World, fault: DiskFault) -> None:
    async def scenario(little: Little) -> None:
        machine = little["n1"]
        written(little)
        await machine.break_disk("a", fault)
        assert await machine.mend_disk("a")
        write_and_flush(little, b"new")
        assert machine.disk.durable_bytes(FILE)[:3] == b"new"
        assert set((await machine.disk_bites()).values()) == {0}

    world.run(scenario)


def test_a_full_disk_has_what_is_free_and_no_more(world: World) -> None:
    async def scenario(little: Little) -> None:
        machine = little["n1"]
        written(little)
        await machine.break_disk("a", DiskFault.FULL, amount=100)
        await machine.break_disk("b", DiskFault.FULL, amount=1 << 20)
        assert "No space" in (await machine.probe_disk()).error
        write_and_flush(little, b"x" * 100, at=1000)
        with pytest.raises(OSError, match="No space"):
            write_and_flush(little, b"x", at=1100)
        assert (await machine.disk_bites())[DiskFault.FULL] == 1
        assert not await machine.mend_disk("a")
        write_and_flush(little, b"x", at=1100)
        assert await machine.mend_disk("b")

    world.run(scenario)


def test_slow_flushes_add_up(world: World) -> None:
    async def scenario(little: Little) -> None:
        machine = little["n1"]
        sound = (await machine.probe_disk()).took_ns
        for key in "ab":
            await machine.break_disk(key, DiskFault.SLOW, amount=1000)
        assert (await machine.probe_disk()).took_ns == sound + 2000
        assert not await machine.mend_disk("a")
        assert (await machine.probe_disk()).took_ns == sound + 1000
        assert (await machine.disk_bites())[DiskFault.SLOW] == 0

    world.run(scenario)


def test_bits_rot_at_once_where_there_is_something(world: World) -> None:
    async def scenario(little: Little) -> None:
        machine = little["n1"]
        assert await machine.rot(1) == 0
        written(little, bytes(100) + b"\xff" * 900)
        assert await machine.rot(3) == 3
        assert machine.disk.durable_bytes(FILE) != bytes(100) + b"\xff" * 900

    world.run(scenario)


def test_a_lost_write_is_seen_until_the_power_goes(world: World) -> None:
    async def scenario(little: Little) -> None:
        machine = little["n1"]
        written(little, b"old")
        await machine.break_disk("a", DiskFault.LOST_WRITE)
        await machine.probe_disk()
        write_and_flush(little, b"new")
        assert machine.disk.read_file(FILE) == b"new"
        await machine.cut_power()
        assert machine.disk.read_file(FILE) == b"old"
        assert (await machine.disk_bites())[DiskFault.LOST_WRITE] == 1

    world.run(scenario)


def test_a_misdirected_write_damages_another_place(world: World) -> None:
    async def scenario(little: Little) -> None:
        machine = little["n1"]
        written(little, b"o" * 1024)
        await machine.break_disk("a", DiskFault.MISDIRECTED_WRITE)
        write_and_flush(little, b"new")
        await machine.cut_power()
        assert machine.disk.read_file(FILE) == b"o" * 512 + b"new" + b"o" * 509

    world.run(scenario)
