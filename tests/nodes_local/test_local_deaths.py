"""What dies by itself is told of, what the harness ends is not, and a machine that is gone says so."""

import asyncio
import os
import signal
from pathlib import Path

import pytest
from machine_checks import nobody_on, raises_node_error, somebody_on

from harness.machine import MACHINE, Death, PowerCut
from nodes.linux import boot
from nodes.local import LocalCluster
from nodes.local.machine import LocalMachine
from nodes.local.testing import Lines, on_cluster, until

pytestmark = pytest.mark.cluster


def init_of(machine: LocalMachine) -> int:
    """Return the id of a machine's PID 1: the parent of what it starts."""
    boot = machine._machine.boot
    assert boot is not None
    return boot.pid


async def by_itself(cluster: LocalCluster, deaths: list[Death]) -> None:
    n1 = cluster.machines["n1"]
    script = "import sys; print('out'); sys.stderr.write('first\\n\\x1b[31mno licence\\n\\n'); sys.exit(3)"
    await n1.start("store", ["python3", "-c", script])
    await until(lambda: bool(deaths), "the exit is told of")
    (death,) = deaths
    assert (death.node, death.process, death.status) == ("n1", "store", 3)
    assert death.last_line == "?[31mno licence"
    assert death.words == "store on n1 exited with status 3: ?[31mno licence (logs/n1/store.log)"
    deaths.clear()
    await n1.start("victim", ["sh", "-c", "printf unfinished >&2; exec sleep 60"])
    await until(somebody_on(n1), "it runs")
    await until(lambda: n1._errors["victim"].last_line == "unfinished", "it has spoken")
    for pid in await n1.alive():
        os.kill(pid, signal.SIGSEGV)
    await until(lambda: bool(deaths), "the kill from outside is told of")
    assert deaths[0].words == "victim on n1 was killed by SIGSEGV: unfinished (logs/n1/victim.log)"
    deaths.clear()
    await n1.start("silent", ["true"])
    await until(lambda: bool(deaths), "an exit that leaves nothing running is told of")
    assert deaths[0].words == "silent on n1 exited with status 0 (logs/n1/silent.log)"


def test_a_process_that_dies_by_itself_is_told_of_with_its_last_words(tmp_path: Path) -> None:
    on_cluster(by_itself, tmp_path, machines=1)


async def by_us(cluster: LocalCluster, deaths: list[Death]) -> None:
    n1 = cluster.machines["n1"]
    await n1.start("killed", ["sleep", "60"])
    await n1.kill()
    stopped = await n1.start("stopped", ["sh", "-c", "trap 'exit 7' TERM; echo up; sleep 60 & wait"])
    await until(somebody_on(n1), "it runs")
    await stopped.stop()
    await n1.kill()
    awaited = await n1.start("awaited", ["sh", "-c", "exit 5"])
    assert await awaited.wait() == 5
    lines = Lines()
    await n1.start("daemon", ["sh", "-c", "sleep 60 & echo gone"], on_line=lines)
    await lines.wait_for(b"gone")
    await until(lambda: n1._machine._processes["daemon"].returncode == 0, "it leaves its child behind")
    await n1.wipe()
    await n1.start("powerless", ["sleep", "60"])
    if isinstance(n1, PowerCut):
        await n1.cut_power()
        await n1.restore_power()
    # One that is told of comes last, so that all before it would have been.
    await n1.start("last", ["false"])
    await until(lambda: bool(deaths), "the last one is told of")
    assert [death.process for death in deaths] == ["last"], deaths


def test_what_is_ended_on_purpose_or_waited_for_is_no_death(tmp_path: Path) -> None:
    on_cluster(by_us, tmp_path, machines=1)


async def before_the_kill(cluster: LocalCluster, deaths: list[Death]) -> None:
    n1 = cluster.machines["n1"]
    early = await n1.start("early", ["sleep", "60"])
    early.condemn()  # what is about to be killed ends in another way before it comes to that
    for pid in await n1.alive():
        os.kill(pid, signal.SIGTERM)
    await until(lambda: bool(deaths), "the end is told of")
    assert [(death.process, death.status) for death in deaths] == [("early", -signal.SIGTERM)]


def test_an_exit_just_before_a_kill_is_told_of_all_the_same(tmp_path: Path) -> None:
    on_cluster(before_the_kill, tmp_path, machines=1)


async def lost_machine(cluster: LocalCluster, deaths: list[Death]) -> None:
    n1 = cluster.machines["n1"]
    await n1.start("store", ["sleep", "60"])
    await n1.start("helper", ["sleep", "60"])
    command = asyncio.create_task(n1.run(["sleep", "60"]))
    await until(somebody_on(n1, 3), "all three run")
    os.kill(init_of(n1), signal.SIGKILL)
    await raises_node_error(command, "n1 is gone: its PID 1 died")
    await until(lambda: bool(deaths), "the loss is told of")
    await until(nobody_on(n1), "all went along")
    assert [death.process for death in deaths] == [MACHINE], "its processes are no news of their own"
    assert deaths[0].words == "the machine n1 is gone, with all that ran on it"
    await raises_node_error(n1.run(["true"]), "n1 is gone: its PID 1 died")
    await raises_node_error(n1.start("store", ["true"]), "n1 is gone: its PID 1 died")
    assert not await n1.kill()
    await n1.pause()
    await n1.resume()
    assert (await cluster.machines["n2"].run(["true"])).returncode == 0
    await cluster.down()
    assert [death.process for death in deaths] == [MACHINE], "to tear down is no death"
    assert not (n1._logs.parents[1] / "machines").exists()


def test_a_machine_whose_pid_1_dies_is_told_of_once_and_torn_down(tmp_path: Path) -> None:
    on_cluster(lost_machine, tmp_path, machines=2)


async def stuck_machine(cluster: LocalCluster) -> None:
    boot._ANSWER_S = 0.2
    n1 = cluster.machines["n1"]
    await n1.start("store", ["sleep", "60"])
    os.kill(init_of(n1), signal.SIGSTOP)
    await raises_node_error(n1.run(["true"]), "n1: its PID 1 gives no answer for 0.2 s")
    await asyncio.wait_for(cluster.down(), 60)
    assert not await n1.alive()


def test_a_machine_that_hangs_says_so_and_is_torn_down(tmp_path: Path) -> None:
    on_cluster(stuck_machine, tmp_path, machines=1)


async def torn_down_under(cluster: LocalCluster) -> None:
    n1 = cluster.machines["n1"]
    script = "trap '' TERM INT HUP\n" + "sleep 600 & wait\n" * 3
    command = asyncio.create_task(n1.run(["sh", "-c", script], timeout_s=600))
    await until(somebody_on(n1, 2), "it runs")
    await asyncio.wait_for(cluster.down(), 60)
    try:
        await asyncio.wait_for(command, 60)
    except Exception as error:
        assert str(error).startswith("n1 lost its power during sh -c 'trap"), error
        assert "\n" not in str(error), "one line"
    else:
        raise AssertionError("the command can't have ended")


def test_a_command_that_never_returns_does_not_hold_up_tearing_down(tmp_path: Path) -> None:
    on_cluster(torn_down_under, tmp_path, machines=1)
