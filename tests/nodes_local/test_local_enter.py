import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from nodes.linux.programs import find

pytestmark = pytest.mark.cluster

HEAD = """
import os, signal, sys, time
from nodes.local.enter import enter, entered
"""
WAIT = (
    HEAD
    + """
def note(number, _):
    print("got", signal.Signals(number).name, flush=True)
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, note)
enter()
print("inside", flush=True)
end = time.monotonic() + 60
while time.monotonic() < end:
    time.sleep(0.01)
"""
)
MARK = f"acked-test-{os.getpid()}"
"""An argument by which processes are found again."""

CLUSTER = f"""
import asyncio, sys
from pathlib import Path
from harness.machine import ClusterConfig
from nodes.local import LocalCluster
LocalCluster.enter()
async def main():
    cluster = LocalCluster(ClusterConfig(names=("n1", "n2"), folder=Path(sys.argv[2])))
    await cluster.up()
    for machine in cluster.machines.values():
        await machine.start("sleep", ["sh", "-c", "setsid sh -c 'sleep 61; :' {MARK} & sleep 60", "{MARK}"])
        await machine.run(["sh", "-c", "echo dirty > ~/file"])
    print("up", *await cluster.machines["n1"].alive(), flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


def python(script: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", script, MARK, *arguments]


def finish(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, check=False, text=True, timeout=60)


@contextlib.contextmanager
def started(command: Sequence[str], first_line: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith(first_line), line + process.stdout.read()
            yield process, line
        finally:
            process.kill()


def until(condition: Callable[[], bool], reason: str, deadline_s: float = 20.0) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"waited {deadline_s:g} s for: {reason}"
        time.sleep(0.01)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def marked() -> list[int]:
    """Return all processes of the tests of this file, as the host sees them, by their arguments or folder."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdecimal() and MARK.encode() in (entry / "cmdline").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


def host() -> dict[str, str]:
    """Return what a run could leave behind on the host."""
    commands = {
        "links": [find("ip"), "-o", "link"],
        "named namespaces": [find("ip"), "netns", "list"],
        "firewall": [find("nft"), "list", "ruleset"],
    }
    state = {
        what: subprocess.run(command, capture_output=True, text=True, check=False).stdout
        for what, command in commands.items()
    }
    return {**state, "mounts": Path("/proc/self/mountinfo").read_text()}


def loop_files(folder: Path) -> list[str]:
    files = Path("/sys/block").glob("loop*/loop/backing_file")
    return [text for file in files if str(folder) in (text := _read(file))]


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        ("pass", 0),
        ("sys.exit(7)", 7),
        ("raise ValueError('gone wrong')", 1),
    ],
)
def test_the_harness_exit_status_is_the_users(ending: str, status: int) -> None:
    done = finish(python(f"{HEAD}enter()\nassert entered()\nprint('once')\n{ending}\n"))
    assert done.returncode == status, done.stderr
    assert done.stdout in {"once\n", ""}, "each line is printed once"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_harness_that_is_killed_is_told_by_its_supervisor(number: signal.Signals) -> None:
    script = f"""{HEAD}
from harness.errors import KilledError
print("before")
try:
    enter()
except KilledError as error:
    print(error)
else:
    os.kill(os.getpid(), {int(number)})
"""
    done = finish(python(script))
    assert done.stdout == f"before\nthe run was killed ({number.name})\n", done.stderr


def test_what_was_buffered_before_is_printed_once() -> None:
    done = finish(python(f"{HEAD}print('before')\nenter()\nprint('after')\nenter()\n"))
    assert done.stdout == "before\nafter\n"


def test_the_harness_has_namespaces_of_its_own() -> None:
    script = f"""{HEAD}
import subprocess
before = {{kind: os.readlink(f"/proc/self/ns/{{kind}}") for kind in ("net", "mnt", "pid", "uts", "ipc")}}
enter()
print(sum(before[kind] == os.readlink(f"/proc/self/ns/{{kind}}") for kind in before))
print(os.getpid(), os.getppid(), os.getsid(0) == os.getpid(), len(os.listdir("/run")))
print(subprocess.run(["ip", "-o", "link"], capture_output=True, text=True).stdout.count(",UP,"))
print(sorted(int(name) for name in os.listdir("/proc") if name.isdecimal())[:2])
"""
    assert finish(python(script)).stdout.splitlines() == ["0", "2 1 True 0", "1", "[1, 2]"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_supervisor_reaches_the_harness_once(number: signal.Signals) -> None:
    with started(python(WAIT), "inside") as (process, _):
        process.send_signal(number)
        assert process.stdout is not None
        assert process.stdout.readline() == f"got {number.name}\n"
        process.send_signal(signal.SIGTERM if number is not signal.SIGTERM else signal.SIGINT)
        second = process.stdout.readline()
        assert second != f"got {number.name}\n", "the signal came twice"


def test_ctrl_c_in_a_terminal_reaches_the_harness_once() -> None:
    with started(python(WAIT), "inside") as (process, _):
        os.killpg(process.pid, signal.SIGINT)
        assert process.stdout is not None
        assert process.stdout.readline() == "got SIGINT\n"
        os.killpg(process.pid, signal.SIGTERM)
        assert process.stdout.readline() == "got SIGTERM\n", "the signal came twice"


def test_an_ignored_signal_stays_ignored() -> None:
    command = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *python(WAIT.replace(", signal.SIGHUP)", ")"))]
    with started(command, "inside") as (process, _):
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        assert process.stdout.readline() == "got SIGTERM\n", "nohup must keep its promise"


def test_ctrl_z_does_not_stop_the_supervisor() -> None:
    with started(python(WAIT), "inside") as (process, _):
        process.send_signal(signal.SIGTSTP)
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        assert process.stdout.readline() == "got SIGTERM\n"


@pytest.mark.parametrize("victim", ["supervisor", "init", "harness"])
def test_whoever_is_killed_nothing_is_left(victim: str, tmp_path: Path) -> None:
    before = host()
    with started(python(CLUSTER, str(tmp_path)), "up") as (process, line):
        assert len(line.split()) > 1, "processes run on the machine"
        (init,) = children(process.pid)
        (harness,) = children(init)
        until(lambda: len(marked()) == 7, "three processes of the harness and two on each machine run")
        if os.geteuid() == 0:
            assert len(loop_files(tmp_path)) == 2
        os.kill({"supervisor": process.pid, "init": init, "harness": harness}[victim], signal.SIGKILL)
        status = process.wait(20)
        assert status == (-signal.SIGKILL if victim == "supervisor" else 1), "an error of the supervisor"
        until(lambda: not marked(), "every process is gone")
        until(lambda: not loop_files(tmp_path), "every loop device is free again")
    until(lambda: host() == before, "the host is as before")


def test_threads_are_refused() -> None:
    thread = "from threading import Thread\nThread(target=time.sleep, args=[30], daemon=True).start()"
    script = f"{HEAD}{thread}\nenter()"
    done = finish(python(script))
    assert done.returncode == 1
    assert "enter() was called too late" in done.stderr


REFUSED = f"""{HEAD}
from harness.errors import MissingError
outer = os.getpid()
try:
    enter()
except MissingError as error:
    print(os.getpid() == outer, error)
"""


def test_a_host_without_namespaces_is_told_what_to_allow() -> None:
    limit = ["unshare", "-Ur", "sh", "-c", 'echo 0 > /proc/sys/user/max_net_namespaces; exec "$@"', "sh"]
    done = finish([*limit, *python(REFUSED)])
    assert done.stdout.startswith("True [Errno 28] unshare"), done
    assert "user.max_user_namespaces" in done.stdout


def test_an_error_of_the_init_reaches_the_caller() -> None:
    # A /proc of which a part is covered may not be mounted anew in a user namespace.
    cover = ["unshare", "-Urm", "sh", "-c", 'mount -t tmpfs none /proc/sys && exec unshare -Ur "$@"', "sh"]
    done = finish([*cover, *python(REFUSED)])
    assert done.stdout.startswith("True Setting up namespaces failed: [Errno 1] mount proc on /proc"), done
    assert "systempaths=unconfined" in done.stdout
    until(lambda: not marked(), "nothing is left of the attempt")
