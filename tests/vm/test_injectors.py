"""What faults of virtual machines do, seen from outside of them: each must bite, and end when it is told to."""

import asyncio
import time
from collections.abc import Callable

import pytest
from vm_places import FOLDER

from harness.machine import CLIENTS, DiskFault, Weather
from nodes.linux import probe
from nodes.vagrant.clocks import MachineClocks
from nodes.vagrant.disk import MachineDisk
from nodes.vagrant.hand import Hand
from nodes.vagrant.lifecycle import VirtualMachines
from nodes.vagrant.weather import MachineWeather

MS = 1_000_000
SECOND = 1_000_000_000
FILE = f"{FOLDER}/log"

Say = Callable[[str], str]


@pytest.fixture
def say(machines: VirtualMachines, runner: asyncio.Runner) -> Say:
    """Have root run a script on n1."""
    return lambda script: runner.run(machines.say("n1", f"sudo sh -c '{script}'"))


def write(letter: str, *, block: int, flush: bool = True) -> str:
    """Return the command that writes a block of a letter into the file; its status is the flush's."""
    end = "notrunc,fsync" if flush else "notrunc"
    dd = f"dd of={FILE} bs=4096 seek={block} count=1 iflag=fullblock conv={end}"
    return f'head -c 4096 /dev/zero | tr "\\0" {letter} | {dd}'


def durable(say: Say, *, blocks: int) -> str:
    """Return the first letter of each block of the file on the disk itself."""
    each = f"dd if={FILE} bs=1 skip=$((4096 * number)) count=1 2>/dev/null"
    return say(f"echo 3 >/proc/sys/vm/drop_caches; for number in $(seq 0 {blocks - 1}); do {each}; done")


def test_a_slow_disk_takes_its_time_for_flushes_and_only_while_it_lasts(
    disk: MachineDisk, runner: asyncio.Runner
) -> None:
    async def go() -> None:
        await disk.break_disk("k", DiskFault.SLOW, amount=700 * MS)
        assert (await disk.probe_disk()).took_ns >= 700 * MS
        assert (await disk.disk_bites())[DiskFault.SLOW] >= 1
        assert await disk.mend_disk("k")
        assert await disk.mend_disk("k")
        assert (await disk.probe_disk()).took_ns < 700 * MS

    runner.run(go())


def test_a_full_disk_counts_what_could_not_be_written(
    disk: MachineDisk, runner: asyncio.Runner, say: Say
) -> None:
    runner.run(disk.break_disk("k", DiskFault.FULL, amount=0))
    assert "No space left" in runner.run(disk.probe_disk()).error
    assert runner.run(disk.disk_bites())[DiskFault.FULL] == 0, "probes do not count"
    assert "No space left" in say(f"{write('a', block=0)} 2>&1 || true")
    assert runner.run(disk.disk_bites())[DiskFault.FULL] > 0
    runner.run(disk.mend_disk("k"))
    assert runner.run(disk.probe_disk()).error == ""


def test_one_flush_fails_and_the_file_system_lives_on(
    disk: MachineDisk, runner: asyncio.Runner, say: Say
) -> None:
    say(write("a", block=0))
    runner.run(disk.break_disk("k", DiskFault.FLUSH_ERROR))
    assert runner.run(disk.disk_bites())[DiskFault.FLUSH_ERROR] == 0
    assert "Input/output error" in say(f"{write('b', block=0)} 2>&1 || true")
    wait_for(runner, disk, DiskFault.FLUSH_ERROR)
    assert durable(say, blocks=1) == "a"
    say(write("c", block=0))
    assert durable(say, blocks=1) == "c"
    runner.run(disk.mend_disk("k"))
    assert runner.run(disk.probe_disk()).error == ""


def test_what_a_lying_disk_kept_is_durable_once_it_confesses(
    disk: MachineDisk, runner: asyncio.Runner, say: Say
) -> None:
    runner.run(disk.break_disk("k", DiskFault.LYING_FLUSH))
    assert not runner.run(disk.probe_disk()).durable
    say(write("a", block=0))
    assert runner.run(disk.disk_bites())[DiskFault.LYING_FLUSH] > 0
    runner.run(disk.mend_disk("k"))
    assert runner.run(disk.probe_disk()).durable
    assert durable(say, blocks=1) == "a"


def test_a_lost_write_is_shown_and_not_durable(disk: MachineDisk, runner: asyncio.Runner, say: Say) -> None:
    for block, letter in enumerate("abc"):
        say(write(letter, block=block))
    runner.run(disk.break_disk("k", DiskFault.LOST_WRITE))
    say(write("X", block=1))
    wait_for(runner, disk, DiskFault.LOST_WRITE)
    assert say(f"dd if={FILE} bs=1 skip=4096 count=1 2>/dev/null") == "X"
    assert durable(say, blocks=3) == "abc"
    runner.run(disk.mend_disk("k"))


def test_a_misdirected_write_destroys_another_block(
    disk: MachineDisk, runner: asyncio.Runner, say: Say
) -> None:
    for block, letter in enumerate("abc"):
        say(write(letter, block=block))
    runner.run(disk.break_disk("k", DiskFault.MISDIRECTED_WRITE))
    say(write("X", block=1))
    wait_for(runner, disk, DiskFault.MISDIRECTED_WRITE)
    assert durable(say, blocks=3) in ("Xbc", "abX")
    runner.run(disk.mend_disk("k"))


def test_bits_of_what_is_durable_flip(disk: MachineDisk, runner: asyncio.Runner, say: Say) -> None:
    say(write("a", block=0))
    before = say(f"sha256sum {FILE}")
    runner.run(disk.break_disk("k", DiskFault.BIT_ROT, amount=1))
    assert say(f"sha256sum {FILE}") != before
    assert runner.run(disk.disk_bites())[DiskFault.BIT_ROT] == 1
    runner.run(disk.mend_disk("k"))


def test_a_blank_disk_is_another_one(disk: MachineDisk, runner: asyncio.Runner, say: Say) -> None:
    say(write("a", block=0))
    before = runner.run(disk.identity())
    runner.run(disk.make())
    assert runner.run(disk.identity()) != before
    assert say(f"ls {FOLDER}").split() == ["lost+found"]


def test_a_power_cut_keeps_what_was_flushed_and_nothing_else(
    disk: MachineDisk, machines: VirtualMachines, hands: dict[str, Hand], runner: asyncio.Runner, say: Say
) -> None:
    say(f"{write('a', block=0)}; {write('b', block=1, flush=False)}; echo x >{FOLDER}/unflushed")
    runner.run(disk.break_disk("k", DiskFault.LYING_FLUSH))
    say(write("l", block=0))
    bites = runner.run(disk.disk_bites())[DiskFault.LYING_FLUSH]

    async def cut() -> None:
        await disk.lose_power()
        await machines.power.cut("n1")
        assert not await machines.power.powered("n1")
        assert not await probe.answers("192.168.56.11", netns=None, timeout_s=1.0)
        await hands["n1"].let_go()
        await machines.power.restore("n1")
        await machines.answers("n1")
        await disk.attach()

    runner.run(cut())
    assert say(f"stat --format=%s {FILE}") == "4096\n"
    assert durable(say, blocks=1) == "a"
    assert "unflushed" not in say(f"ls {FOLDER}")
    assert runner.run(disk.disk_bites())[DiskFault.LYING_FLUSH] >= bites
    assert runner.run(disk.probe_disk()).durable


def test_clocks_jump_and_drift(hands: dict[str, Hand], runner: asyncio.Runner) -> None:
    clocks = MachineClocks("n1", hands["n1"])

    async def go() -> None:
        before = await clocks.read_clocks()
        await clocks.jump_clock(3600 * SECOND)
        after = await clocks.read_clocks()
        ahead = (after.wall_ns - before.wall_ns) - (after.monotonic_ns - before.monotonic_ns)
        assert abs(ahead - 3600 * SECOND) < SECOND
        await clocks.jump_clock(-3600 * SECOND)
        right = await rate(clocks)
        await clocks.set_drift("k", 100_000)
        assert (await rate(clocks)) / right == pytest.approx(1.1, abs=0.04)
        await clocks.set_drift("k", 0)
        assert (await rate(clocks)) / right == pytest.approx(1.0, abs=0.04)

    runner.run(go())


def test_weather_delays_by_direction_is_counted_and_ends(
    hands: dict[str, Hand], runner: asyncio.Runner
) -> None:
    addresses = {CLIENTS: "192.168.56.1", "n1": "192.168.56.11", "n2": "192.168.56.12"}
    weather = MachineWeather(hands, addresses, dict.fromkeys(hands, "eth1"))
    in_, out = (CLIENTS, "n1"), ("n1", CLIENTS)

    async def there_and_back_s() -> float:
        begun = time.monotonic()
        assert await probe.answers(addresses["n1"], netns=None, timeout_s=20.0)
        return time.monotonic() - begun

    async def go() -> None:
        await weather.disturb("one", [in_], Weather(delay_ns=800 * MS))
        assert await there_and_back_s() >= 0.8
        await weather.disturb("other", [out], Weather(delay_ns=900 * MS))
        assert await there_and_back_s() >= 1.7
        counted = await weather.disturbed()
        assert counted[in_].delayed >= 2
        assert counted[out].delayed >= 1
        await weather.calm("one")
        assert in_ not in await weather.disturbed()
        await weather.calm("other")
        assert await there_and_back_s() < 0.8

    runner.run(go())


def wait_for(runner: asyncio.Runner, disk: MachineDisk, fault: DiskFault) -> None:
    """Wait until a fault that strikes once has struck."""
    deadline = time.monotonic() + 60
    while not runner.run(disk.disk_bites())[fault]:
        assert time.monotonic() < deadline, f"{fault} did not strike"


async def rate(clocks: MachineClocks) -> float:
    """Return by how much a machine's monotonic clock goes on while ours goes on by one."""

    async def both() -> tuple[float, float]:
        begun = time.monotonic_ns()
        theirs = (await clocks.read_clocks()).monotonic_ns
        return (begun + time.monotonic_ns()) / 2, theirs

    ours, theirs = await both()
    await asyncio.sleep(2)
    ours_later, theirs_later = await both()
    return (theirs_later - theirs) / (ours_later - ours)
