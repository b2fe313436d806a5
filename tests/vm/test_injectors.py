"""What faults of virtual machines do, seen from outside of them: each must bite, and end when it is told to."""

import asyncio
import itertools
import time
from collections.abc import Callable

import pytest

from harness.machine import CLIENTS, DiskFault, Weather
from nodes.vagrant.cluster import VagrantCluster
from nodes.vagrant.machine import VagrantMachine

MS = 1_000_000
SECOND = 1_000_000_000

Say = Callable[[str], str]


@pytest.fixture
def machine(cluster: VagrantCluster, runner: asyncio.Runner) -> VagrantMachine:
    """The first machine, with a blank machine."""
    machine = cluster.machines["n1"]
    assert isinstance(machine, VagrantMachine)
    runner.run(machine.wipe())
    return machine


@pytest.fixture
def say(machine: VagrantMachine, runner: asyncio.Runner) -> Say:
    """Run a script on the machine, in the folder of its machine."""

    def run(script: str) -> str:
        argv = ["sh", "-c", f"cd {machine.directory}\n{script}"]
        done = runner.run(machine.run(argv, timeout_s=120))
        return (done.stdout + done.stderr).decode()

    return run


def write(letter: str, *, block: int, flush: bool = True) -> str:
    """Return the command that writes a block of a letter into the file; its status is the flush's."""
    end = "notrunc,fsync" if flush else "notrunc"
    dd = f"dd of=log bs=4096 seek={block} count=1 iflag=fullblock conv={end}"
    return f'head -c 4096 /dev/zero | tr "\\0" {letter} | {dd}'


def durable(say: Say, *, blocks: int) -> str:
    """Return the first letter of each block of the file on the disk itself."""
    each = "dd if=log bs=1 skip=$((4096 * number)) count=1 2>/dev/null"
    return say(f"echo 3 >/proc/sys/vm/drop_caches; for number in $(seq 0 {blocks - 1}); do {each}; done")


def test_a_slow_disk_takes_its_time_for_flushes_and_only_while_it_lasts(
    machine: VagrantMachine, runner: asyncio.Runner
) -> None:
    async def go() -> None:
        await machine.break_disk("k", DiskFault.SLOW, amount=700 * MS)
        assert (await machine.probe_disk()).took_ns >= 700 * MS
        assert (await machine.disk_bites())[DiskFault.SLOW] >= 1
        assert await machine.mend_disk("k")
        assert await machine.mend_disk("k")
        assert (await machine.probe_disk()).took_ns < 700 * MS

    runner.run(go())


def test_a_full_disk_counts_what_could_not_be_written(
    machine: VagrantMachine, runner: asyncio.Runner, say: Say
) -> None:
    runner.run(machine.break_disk("k", DiskFault.FULL, amount=0))
    assert "No space left" in runner.run(machine.probe_disk()).error
    assert runner.run(machine.disk_bites())[DiskFault.FULL] == 0, "probes do not count"
    assert "No space left" in say(f"{write('a', block=0)} 2>&1 || true")
    assert runner.run(machine.disk_bites())[DiskFault.FULL] > 0
    runner.run(machine.mend_disk("k"))
    assert runner.run(machine.probe_disk()).error == ""


def test_one_flush_fails_and_the_file_system_lives_on(
    machine: VagrantMachine, runner: asyncio.Runner, say: Say
) -> None:
    say(write("a", block=0))
    runner.run(machine.break_disk("k", DiskFault.FLUSH_ERROR))
    assert runner.run(machine.disk_bites())[DiskFault.FLUSH_ERROR] == 0
    assert "Input/output error" in say(f"{write('b', block=0)} 2>&1 || true")
    wait_for(runner, machine, DiskFault.FLUSH_ERROR)
    assert durable(say, blocks=1) == "a"
    say(write("c", block=0))
    assert durable(say, blocks=1) == "c"
    runner.run(machine.mend_disk("k"))
    assert runner.run(machine.probe_disk()).error == ""


def test_what_a_lying_disk_kept_is_durable_once_it_confesses(
    machine: VagrantMachine, runner: asyncio.Runner, say: Say
) -> None:
    runner.run(machine.break_disk("k", DiskFault.LYING_FLUSH))
    assert not runner.run(machine.probe_disk()).durable
    say(write("a", block=0))
    assert runner.run(machine.disk_bites())[DiskFault.LYING_FLUSH] > 0
    runner.run(machine.mend_disk("k"))
    assert runner.run(machine.probe_disk()).durable
    assert durable(say, blocks=1) == "a"


def test_a_lost_write_is_shown_and_not_durable(
    machine: VagrantMachine, runner: asyncio.Runner, say: Say
) -> None:
    for block, letter in enumerate("abc"):
        say(write(letter, block=block))
    runner.run(machine.break_disk("k", DiskFault.LOST_WRITE))
    say(write("X", block=1))
    wait_for(runner, machine, DiskFault.LOST_WRITE)
    assert say("dd if=log bs=1 skip=4096 count=1 2>/dev/null") == "X"
    assert durable(say, blocks=3) == "abc"
    runner.run(machine.mend_disk("k"))


def test_a_misdirected_write_destroys_another_block(
    machine: VagrantMachine, runner: asyncio.Runner, say: Say
) -> None:
    for block, letter in enumerate("abc"):
        say(write(letter, block=block))
    runner.run(machine.break_disk("k", DiskFault.MISDIRECTED_WRITE))
    say(write("X", block=1))
    wait_for(runner, machine, DiskFault.MISDIRECTED_WRITE)
    assert durable(say, blocks=3) in ("Xbc", "abX")
    runner.run(machine.mend_disk("k"))


def test_bits_of_what_is_durable_flip(machine: VagrantMachine, runner: asyncio.Runner, say: Say) -> None:
    say(write("a", block=0))
    before = say("sha256sum log")
    assert runner.run(machine.rot(1)) == 1
    assert say("sha256sum log") != before


def test_a_blank_disk_is_another_one(machine: VagrantMachine, runner: asyncio.Runner, say: Say) -> None:
    say(write("a", block=0))
    before = runner.run(machine.disk_identity())
    runner.run(machine.wipe())
    assert runner.run(machine.disk_identity()) != before
    assert say("ls") == ""


def test_a_power_cut_keeps_what_was_flushed_and_nothing_else(
    cluster: VagrantCluster, machine: VagrantMachine, runner: asyncio.Runner, say: Say
) -> None:
    say(f"{write('a', block=0)}; sync .; {write('b', block=1, flush=False)}; echo x >unflushed")
    runner.run(machine.break_disk("k", DiskFault.LYING_FLUSH))
    say(write("l", block=0))
    bites = runner.run(machine.disk_bites())[DiskFault.LYING_FLUSH]
    assert bites > 0

    async def outage() -> None:
        await machine.cut_power()
        assert not await machine.powered()
        assert not await machine.alive()
        assert not await cluster.reach(CLIENTS, "n1")
        assert not await cluster.reach("n1", "n2")
        assert await machine.mend_disk("k"), "it went with the power"
        await machine.restore_power()
        assert await machine.powered()
        assert await cluster.reach("n2", "n1", timeout_s=5.0)

    runner.run(outage())
    assert say("stat --format=%s log") == "4096\n"
    assert durable(say, blocks=1) == "a"
    assert say("ls") == "log\n"
    assert runner.run(machine.disk_bites())[DiskFault.LYING_FLUSH] >= bites
    assert runner.run(machine.probe_disk()).durable


def test_a_disk_that_is_pulled_out_fails_and_comes_back_with_what_was_flushed(
    machine: VagrantMachine, runner: asyncio.Runner, say: Say
) -> None:
    say(f"{write('a', block=0)}; sync .")
    assert runner.run(machine.detach_disk())
    assert runner.run(machine.disk_refusals()) == 0, "probes do not count"
    assert "rror" in say(f"{write('b', block=0)} 2>&1 || true")
    runner.run(machine.attach_disk())
    assert runner.run(machine.probe_disk()).error == ""
    assert durable(say, blocks=1) == "a"


def test_a_write_cache_keeps_what_was_flushed_and_nothing_else(
    machine: VagrantMachine, runner: asyncio.Runner, say: Say
) -> None:
    say(f"{write('a', block=0)}; {write('b', block=1)}; sync .")
    runner.run(machine.begin_caching())
    say(write("A", block=0))
    # Written to the disk, but not flushed there: a write past the page cache, after the last flush.
    say(
        'head -c 4096 /dev/zero | tr "\\0" B | dd of=log bs=4096 seek=1 oflag=direct conv=notrunc iflag=fullblock'
    )
    assert runner.run(machine.cached()) > 0
    lost = runner.run(machine.lose_cache())
    assert lost.flushes > 0 and lost.writes > 0 and lost.forgotten > 0, lost
    assert durable(say, blocks=2) == "Ab"
    assert runner.run(machine.cached()) == 0
    assert runner.run(machine.probe_disk()).durable


def test_a_cache_that_lies_loses_flushes_too(
    machine: VagrantMachine, runner: asyncio.Runner, say: Say
) -> None:
    say(f"{write('a', block=0)}; sync .")
    runner.run(machine.begin_caching(lost_flushes=10_000))
    say(write("A", block=0))
    assert durable(say, blocks=1) == "A"
    lost = runner.run(machine.lose_cache())
    assert lost.writes == lost.flushes == 0 and lost.forgotten > 0, lost
    assert durable(say, blocks=1) == "a"


def test_a_kernel_that_panics_says_so_and_comes_back(
    cluster: VagrantCluster, machine: VagrantMachine, runner: asyncio.Runner, say: Say
) -> None:
    say(f"{write('a', block=0)}; sync .; {write('b', block=1, flush=False)}")

    async def outage() -> None:
        assert "Kernel panic" in await machine.panic()
        assert not await machine.powered()
        assert not await machine.alive()
        assert not await cluster.reach(CLIENTS, "n1")
        await machine.restore_power()
        assert await machine.powered()
        assert await cluster.reach("n2", "n1", timeout_s=5.0)

    runner.run(outage())
    assert durable(say, blocks=1) == "a"
    assert say("stat --format=%s log") == "4096\n"


def test_clocks_jump_and_drift(machine: VagrantMachine, runner: asyncio.Runner) -> None:
    async def go() -> None:
        before = await machine.read_clocks()
        await machine.jump_clock(3600 * SECOND)
        after = await machine.read_clocks()
        ahead = (after.wall_ns - before.wall_ns) - (after.monotonic_ns - before.monotonic_ns)
        assert abs(ahead - 3600 * SECOND) < SECOND
        await machine.jump_clock(-3600 * SECOND)
        right = await rate(machine)
        await machine.set_drift("k", 100_000)
        assert (await rate(machine)) / right == pytest.approx(1.1, abs=0.04)
        await machine.set_drift("k", 0)
        assert (await rate(machine)) / right == pytest.approx(1.0, abs=0.04)

    runner.run(go())


def test_weather_delays_by_direction_is_counted_and_ends(
    cluster: VagrantCluster, runner: asyncio.Runner
) -> None:
    in_, out = (CLIENTS, "n1"), ("n1", CLIENTS)

    async def there_and_back_s() -> float:
        begun = time.monotonic()
        assert await cluster.reach(*in_, timeout_s=20.0)
        return time.monotonic() - begun

    async def go() -> None:
        await cluster.disturb("one", [in_], Weather(delay_ns=800 * MS))
        assert await there_and_back_s() >= 0.8
        await cluster.disturb("other", [out], Weather(delay_ns=900 * MS))
        assert await there_and_back_s() >= 1.7
        counted = await cluster.disturbed()
        assert counted[in_].delayed >= 2
        assert counted[out].delayed >= 1
        await cluster.calm("one")
        assert in_ not in await cluster.disturbed()
        await cluster.calm("other")
        assert await there_and_back_s() < 0.8

    runner.run(go())


def test_packets_are_repeated_on_all_links_at_once(cluster: VagrantCluster, runner: asyncio.Runner) -> None:
    """Kernels since 2025 refuse a netem that duplicates beside another one on a device."""
    links = list(itertools.permutations(["n1", "n2", CLIENTS], 2))

    async def go() -> None:
        await cluster.disturb("k", links, Weather(duplicate=0.5))
        for _ in range(10):
            for link in links:
                assert await cluster.reach(*link, timeout_s=20.0)
        counted = await cluster.disturbed()
        assert all(counted[link].duplicated for link in links), counted
        await cluster.calm("k")

    runner.run(go())


def test_what_is_cut_stays_cut_over_a_power_cut(cluster: VagrantCluster, runner: asyncio.Runner) -> None:
    async def go() -> None:
        machine = cluster.machines["n2"]
        assert isinstance(machine, VagrantMachine)
        await cluster.cut("k", [("n1", "n2")])
        await machine.cut_power()
        await machine.restore_power()
        assert not await cluster.reach("n1", "n2", timeout_s=2.0)
        await cluster.mend("k")
        assert await cluster.reach("n1", "n2", timeout_s=5.0)

    runner.run(go())


def wait_for(runner: asyncio.Runner, machine: VagrantMachine, fault: DiskFault) -> None:
    """Wait until a fault that strikes once has struck."""
    deadline = time.monotonic() + 60
    while not runner.run(machine.disk_bites())[fault]:
        assert time.monotonic() < deadline, f"{fault} did not strike"


async def rate(machine: VagrantMachine) -> float:
    """Return by how much a machine's monotonic clock goes on while ours goes on by one."""

    async def both() -> tuple[float, float]:
        begun = time.monotonic_ns()
        theirs = (await machine.read_clocks()).monotonic_ns
        return (begun + time.monotonic_ns()) / 2, theirs

    ours, theirs = await both()
    await asyncio.sleep(2)
    ours_later, theirs_later = await both()
    return (theirs_later - theirs) / (ours_later - ours)
