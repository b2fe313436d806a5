import asyncio
import os
import signal
from pathlib import Path

import pytest
from any_user import killed, paused, wiped
from machine_checks import nobody_on, raises_node_error, somebody_on

from nodes.local import LocalCluster
from nodes.local.testing import Lines, on_cluster, until

pytestmark = pytest.mark.cluster


async def commands(cluster: LocalCluster) -> None:
    n1 = cluster.machines["n1"]
    done = await n1.run(
        ["sh", "-c", "cat; echo $COLOUR >&2; exit 3"], stdin=b"x" * 300_000, env={"COLOUR": "red"}
    )
    assert (done.returncode, len(done.stdout), done.stderr) == (3, 300_000, b"red\n"), done.returncode
    killed = await n1.run(["sh", "-c", "kill -9 $$"])
    assert killed.returncode == -signal.SIGKILL
    assert n1.directory.encode() + b"\n" == (await n1.run(["sh", "-c", "cd; pwd"])).stdout
    environment = (await n1.run(["env"])).stdout.decode().splitlines()
    assert {line.split("=")[0] for line in environment} <= {"PATH", "HOME", "LANG"}, environment
    await raises_node_error(n1.run(["no-such-program"]), "n1: can't start no-such-program")


def test_commands_have_input_output_status_and_a_small_environment(tmp_path: Path) -> None:
    on_cluster(commands, tmp_path, machines=1)


async def slow_command(cluster: LocalCluster) -> None:
    n1 = cluster.machines["n1"]
    await raises_node_error(
        n1.run(["sh", "-c", "echo nearly done >&2; sleep 60 & sleep 60"], timeout_s=0.3), "nearly done"
    )
    await until(nobody_on(n1), "the command and its child are killed")
    command = asyncio.create_task(n1.run(["sleep", "60"]))
    await until(somebody_on(n1), "the command runs")
    command.cancel()
    await asyncio.wait([command])
    assert command.cancelled()
    await until(nobody_on(n1), "a cancelled command is killed")


def test_a_command_that_takes_too_long_or_is_cancelled_is_killed(tmp_path: Path) -> None:
    on_cluster(slow_command, tmp_path, machines=1)


async def daemon(cluster: LocalCluster) -> None:
    n1 = cluster.machines["n1"]
    done = await n1.run(["sh", "-c", "(sleep 60; echo late) & echo started"], timeout_s=10)
    assert done.stdout == b"started\n"
    assert await n1.alive(), "the daemon is gone"


def test_a_command_may_leave_a_daemon_behind(tmp_path: Path) -> None:
    on_cluster(daemon, tmp_path, machines=1)


async def copies(cluster: LocalCluster) -> None:
    n1 = cluster.machines["n1"]
    scratch = Path(os.environ["SCRATCH"])
    (scratch / "tool").write_text("#!/bin/sh\necho tool\n")
    (scratch / "tool").chmod(0o755)
    await n1.put(scratch / "tool", f"{n1.directory}/deep/er/tool")
    assert (await n1.run([f"{n1.directory}/deep/er/tool"])).stdout == b"tool\n"
    await n1.run(["sh", "-c", "cd ~/deep && ln -s er/tool link && mkfifo pipe && echo private > /run/x"])
    await n1.get(f"{n1.directory}/deep", scratch / "back")
    assert (scratch / "back/er/tool").read_text() == "#!/bin/sh\necho tool\n"
    assert (scratch / "back/link").readlink() == Path("er/tool")
    assert not (scratch / "back/pipe").exists(), "a pipe was read like a file"
    await n1.get("/run/x", scratch / "x")
    assert (scratch / "x").read_text() == "private\n"
    await raises_node_error(n1.get("/run/nothing", scratch / "y"), "n1: copying /run/nothing failed")


def test_files_are_copied_to_and_from_what_the_machine_sees(tmp_path: Path) -> None:
    env = {**os.environ, "SCRATCH": str(tmp_path)}
    on_cluster(copies, tmp_path / "run", machines=1, env=env)


def test_kill_ends_every_process_at_once_and_closes_their_connections(tmp_path: Path) -> None:
    on_cluster(killed, tmp_path)


async def kill_of_a_fork_bomb(cluster: LocalCluster) -> None:
    n1 = cluster.machines["n1"]
    bomb = (
        "import os\nfor _ in range(6):\n os.fork()\nwhile True:\n if os.fork(): os.wait()\n else: os._exit(0)"
    )
    await n1.start("bomb", ["python3", "-c", bomb])
    await until(somebody_on(n1, 64), "the bomb has gone off")
    await n1.kill()
    assert not await n1.alive(), "a child was born while its parents were being killed"


def test_nothing_forks_its_way_out_of_a_kill(tmp_path: Path) -> None:
    on_cluster(kill_of_a_fork_bomb, tmp_path, machines=1)


def test_pause_stops_every_thread_until_resume(tmp_path: Path) -> None:
    on_cluster(paused, tmp_path, machines=1)


async def pause_of_a_family(cluster: LocalCluster) -> None:
    n1 = cluster.machines["n1"]
    script = """
import subprocess, sys, threading, time
def spin():
    while True: pass
threading.Thread(target=spin, daemon=True).start()
print("up", flush=True)
while True: subprocess.run(["true"])
"""
    lines = Lines()
    await n1.start("family", ["python3", "-c", script], on_line=lines)
    await lines.wait_for(b"up")
    for _ in range(5):
        await n1.pause()
        assert await n1.stopped()
        before = set(await n1.alive())
        await asyncio.sleep(0.02)
        assert set(await n1.alive()) == before, "a paused machine has new processes"
        await n1.resume()


def test_pause_holds_processes_that_fork_all_the_time(tmp_path: Path) -> None:
    on_cluster(pause_of_a_family, tmp_path, machines=1)


def test_wipe_gives_a_blank_disk_of_another_identity(tmp_path: Path) -> None:
    on_cluster(wiped, tmp_path)
