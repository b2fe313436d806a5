import asyncio
import contextlib
import os
import signal
import socket
from pathlib import Path

import pytest
from machine_checks import LISTEN, existing, raises_node_error

from harness.errors import HarnessError
from harness.machine import CLIENTS, DiskLoss, Kill, Pause, PowerCut
from nodes.linux import kernel
from nodes.linux.disk import Ext4Disk
from nodes.local import LocalCluster
from nodes.local.testing import Lines, on_cluster, until

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="power cuts need loop mounts, and these need root"),
]

WRITE = """
import os
home = os.environ["HOME"]
log = open(f"{home}/log", "wb")
log.write(b"a" * 4096); log.flush(); os.fsync(log.fileno())
os.mkdir(f"{home}/folder")
with open(f"{home}/folder/file", "wb") as file:
    file.write(b"b" * 100); file.flush(); os.fsync(file.fileno())
# Nothing is flushed from here on.
log.write(b"c" * 4096); log.flush()
with open(f"{home}/new", "wb") as file:
    file.write(b"d" * 100)
os.rename(f"{home}/folder/file", f"{home}/folder/renamed")
print("written", flush=True)
try:
    while True:
        log.write(b"e" * 100); log.flush()
except OSError as error:
    print("saw", error, flush=True)
"""


def as_power(cluster: LocalCluster, name: str = "n1") -> PowerCut:
    machine = cluster.machines[name]
    assert isinstance(machine, PowerCut), cluster.missing
    return machine


async def what_survives(cluster: LocalCluster) -> None:
    n1, power = cluster.machines["n1"], as_power(cluster)
    lines = Lines()
    process = await n1.start("write", ["python3", "-c", WRITE], on_line=lines)
    await lines.wait_for(b"written")
    identity = await n1.disk_identity()
    before = await n1.alive()
    await power.cut_power()
    assert not await power.powered()
    assert process.returncode == -signal.SIGKILL
    assert not await n1.alive()
    assert not existing(before)
    assert lines.seen == [b"written"], "a process lived to see its disk fail"
    await power.restore_power()
    assert await power.powered()
    assert not await n1.alive(), "processes are not started again by the power"
    assert await n1.disk_identity() == identity
    log = (await n1.run(["cat", f"{n1.directory}/log"])).stdout
    assert log[:4096] == b"a" * 4096, "flushed bytes were lost"
    assert len(log) == 4096, f"{len(log) - 4096} bytes survive that nobody flushed"
    listing = (await n1.run(["sh", "-c", "cd; find . -mindepth 1 -type f | sort"])).stdout.decode().split()
    assert listing == ["./folder/file", "./log"], "a new file or a rename survived that nobody flushed"
    assert (await n1.run(["cat", f"{n1.directory}/folder/file"])).stdout == b"b" * 100


def test_only_what_was_flushed_survives_a_power_cut(tmp_path: Path) -> None:
    on_cluster(what_survives, tmp_path, machines=1)


OVERWRITE = """
import os, time
home = os.environ["HOME"]
file = os.open(f"{home}/log", os.O_RDWR | os.O_CREAT)
os.pwrite(file, b"a" * 8192, 0)
os.fsync(file)
os.pwrite(file, b"b" * 8192, 0)
print("written", flush=True)
time.sleep(60)
"""


async def what_remains(cluster: LocalCluster) -> None:
    n1, power = cluster.machines["n1"], as_power(cluster)
    kept: set[str] = set()
    for _ in range(12):
        lines = Lines()
        await n1.start("write", ["python3", "-c", OVERWRITE], on_line=lines)
        await lines.wait_for(b"written")
        await power.cut_power()
        await power.restore_power()
        log = (await n1.run(["cat", f"{n1.directory}/log"])).stdout.decode()
        assert len(log) == 8192
        sectors = [log[at : at + 512] for at in range(0, 8192, 512)]
        assert set(sectors) <= {"a" * 512, "b" * 512}, "a sector is written whole or not at all"
        kept.add("".join(sector[0] for sector in sectors))
    assert "a" * 16 in kept, "nothing but what was flushed survives most power cuts"
    assert any(len(set(mix)) == 2 for mix in kept), "no write was torn"


def test_some_power_cuts_tear_what_was_not_flushed(tmp_path: Path) -> None:
    on_cluster(what_remains, tmp_path, machines=1)


RENAME = """
import os
home = os.environ["HOME"]
for name in ("old", "new"):
    with open(f"{home}/{name}", "wb") as file:
        file.write(name.encode() * 1000); file.flush()
        if name == "old":
            os.fsync(file.fileno())
os.rename(f"{home}/new", f"{home}/old")
folder = os.open(home, os.O_RDONLY)
os.fsync(folder)
print("renamed", flush=True)
"""


async def what_a_rename_flushes(cluster: LocalCluster) -> None:
    n1, power = cluster.machines["n1"], as_power(cluster)
    lines = Lines()
    await n1.start("rename", ["python3", "-c", RENAME], on_line=lines)
    await lines.wait_for(b"renamed")
    await power.cut_power()
    await power.restore_power()
    assert (await n1.run(["cat", f"{n1.directory}/old"])).stdout == b"", "nobody had flushed what was renamed"


def test_a_rename_over_another_file_flushes_nothing(tmp_path: Path) -> None:
    on_cluster(what_a_rename_flushes, tmp_path, machines=1)


NAMES = """
import os
home = os.environ["HOME"]
def file(name):
    number = os.open(f"{home}/{name}", os.O_RDWR | os.O_CREAT)
    os.posix_fallocate(number, 0, 16384)
    os.pwrite(number, b"head", 0)
    os.fsync(number)
    return number
for name in ("one", "two"):
    number = file(name)
    os.rename(f"{home}/{name}", f"{home}/{name}.log")
    os.pwrite(number, b"entry", 4)
    os.fdatasync(number)
    print(name, flush=True)
    if name == "one":
        file("spare")
print("renamed", flush=True)
"""


async def which_names_are_durable(cluster: LocalCluster) -> None:
    n1, power = cluster.machines["n1"], as_power(cluster)
    lines = Lines()
    await n1.start("names", ["python3", "-c", NAMES], on_line=lines)
    await lines.wait_for(b"renamed")
    await power.cut_power()
    await power.restore_power()
    names = (await n1.run(["ls", n1.directory])).stdout.decode().split()
    assert "two" in names, "a flush of a file's content made its name durable"
    assert "one.log" in names, "the flush of another new file did not make an earlier name durable"


def test_a_name_is_durable_with_the_next_new_file_not_with_its_own_content(tmp_path: Path) -> None:
    """So segment-without-directory-fsync waits for a lost name: the store makes its next segment at once."""
    on_cluster(which_names_are_durable, tmp_path, machines=1)


async def what_survives_a_kill(cluster: LocalCluster) -> None:
    n1 = cluster.machines["n1"]
    lines = Lines()
    await n1.start("write", ["python3", "-c", WRITE], on_line=lines)
    await lines.wait_for(b"written")
    await n1.kill()
    log = (await n1.run(["cat", f"{n1.directory}/log"])).stdout
    assert len(log) >= 8192, "a kill must leave the page cache alone"
    assert (await n1.run(["cat", f"{n1.directory}/new"])).stdout == b"d" * 100


def test_what_was_written_survives_a_kill(tmp_path: Path) -> None:
    on_cluster(what_survives_a_kill, tmp_path, machines=1)


async def silence(cluster: LocalCluster) -> None:
    n1, power = cluster.machines["n1"], as_power(cluster)
    lines = Lines()
    await n1.start("server", ["python3", "-c", LISTEN], on_line=lines)
    await lines.wait_for(b"listening")
    loop = asyncio.get_running_loop()
    with socket.socket() as peer:
        peer.setblocking(False)
        await loop.sock_connect(peer, (n1.address, 5000))
        await loop.sock_sendall(peer, b"ping")
        assert await loop.sock_recv(peer, 100) == b"pong"
        await power.cut_power()
        assert not await cluster.reach(CLIENTS, "n1")
        assert not await cluster.reach("n1", "n2")
        try:
            async with asyncio.timeout(0.5):
                heard = await loop.sock_recv(peer, 100)
        except TimeoutError:
            heard = None
        assert heard is None, f"a machine without power sent {heard!r}"
        await power.restore_power()
        assert await cluster.reach(CLIENTS, "n1")
        # The machine knows nothing of the connection any more, and says so.
        await loop.sock_sendall(peer, b"ping")
        async with asyncio.timeout(10):
            try:
                heard = await loop.sock_recv(peer, 100)
            except ConnectionResetError:
                heard = None
        assert heard is None, f"a connection outlived its machine: {heard!r}"


def test_peers_hear_nothing_of_a_power_cut(tmp_path: Path) -> None:
    on_cluster(silence, tmp_path, machines=2)


RESEND = """
import socket
server = socket.create_server(("", 5000))
print("listening", flush=True)
connection, _ = server.accept()
connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1_000_000)
connection.recv(100)
connection.sendall(b"x" * 50_000_000)
"""


async def no_ghosts(cluster: LocalCluster) -> None:
    n1, power = cluster.machines["n1"], as_power(cluster)
    lines = Lines()
    await n1.start("server", ["python3", "-c", RESEND], on_line=lines)
    await lines.wait_for(b"listening")
    loop = asyncio.get_running_loop()
    with socket.socket() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.setblocking(False)
        await loop.sock_connect(peer, (n1.address, 5000))
        await loop.sock_sendall(peer, b"go")
        await loop.sock_recv(peer, 1)
        await power.cut_power()
        await power.restore_power()
        received = 0
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            async with asyncio.timeout(1.5):
                while chunk := await loop.sock_recv(peer, 1 << 16):
                    received += len(chunk)
        assert received < 50_000, "the kernel of before the cut went on sending from its buffers"


def test_nothing_that_was_to_be_sent_before_the_cut_is_sent_after_it(tmp_path: Path) -> None:
    on_cluster(no_ghosts, tmp_path, machines=1)


async def without_power(cluster: LocalCluster) -> None:
    n1, power = cluster.machines["n1"], as_power(cluster)
    await power.cut_power()
    await power.cut_power()
    await raises_node_error(n1.run(["true"]), "n1 has no power")
    await raises_node_error(n1.start("x", ["true"]), "n1 has no power")
    await raises_node_error(n1.get("/etc/hostname", Path("/nowhere")), "n1 has no power")
    assert isinstance(n1, Kill)
    assert isinstance(n1, Pause)
    assert not await n1.kill()
    await n1.pause()
    await n1.resume()
    assert not await n1.stopped()
    assert isinstance(n1, DiskLoss)
    identity = await n1.disk_identity()
    await n1.wipe()
    assert await n1.disk_identity() != identity
    assert not await power.powered(), "a wipe is no reason to come back"
    await power.restore_power()
    await power.restore_power()
    assert (await n1.run(["ls", "-A", n1.directory])).stdout == b""


def test_a_machine_without_power_refuses_and_stays_off(tmp_path: Path) -> None:
    on_cluster(without_power, tmp_path, machines=1)


async def cut_during(cluster: LocalCluster) -> None:
    n1, power = cluster.machines["n1"], as_power(cluster)
    command = asyncio.create_task(n1.run(["sleep", "60"]))
    await until(lambda: n1_is_busy(cluster), "the command runs")
    await power.cut_power()
    await raises_node_error(command, "n1 lost its power during sleep 60")
    for _ in range(3):
        cut = asyncio.create_task(power.cut_power())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        cut.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await cut
        assert not await power.powered()
        restore = asyncio.create_task(power.restore_power())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        restore.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await restore
        assert await power.powered(), "a cancelled caller left the machine half on"
        assert (await n1.run(["hostname"])).stdout == b"n1\n"


async def n1_is_busy(cluster: LocalCluster) -> bool:
    return bool(await cluster.machines["n1"].alive())


def test_power_goes_on_and_off_whole_whoever_is_cancelled(tmp_path: Path) -> None:
    on_cluster(cut_during, tmp_path, machines=1)


async def at_once(cluster: LocalCluster) -> None:
    machines = [as_power(cluster, name) for name in cluster.machines]
    for machine in cluster.machines.values():
        await machine.run(["sh", "-c", "echo kept > ~/kept; sync ~/kept; echo lost > ~/lost"])
    await asyncio.gather(*(machine.cut_power() for machine in machines))
    await asyncio.gather(*(machine.restore_power() for machine in machines))
    for machine in cluster.machines.values():
        assert (await machine.run(["ls", machine.directory])).stdout == b"kept\n", machine.name


def test_all_machines_may_lose_power_at_once(tmp_path: Path) -> None:
    on_cluster(at_once, tmp_path, machines=5)


def test_a_disk_that_is_not_mounted_does_not_pull_down_the_host(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stopped: list[int] = []
    monkeypatch.setattr(kernel, "stop_ext4", stopped.append)
    disk = Ext4Disk(tmp_path)
    disk.format()
    disk.lose_power(Path("/"))
    assert stopped == [], "this is the host's own file system"


def test_a_foreign_file_system_is_not_pulled_down(tmp_path: Path) -> None:
    disk = Ext4Disk(tmp_path)
    disk.format()
    elsewhere = tmp_path / "machine"
    (elsewhere / str(disk.directory).lstrip("/")).parent.mkdir(parents=True)
    (elsewhere / str(disk.directory).lstrip("/")).symlink_to("/dev/shm")
    with pytest.raises(HarnessError, match="is not"):
        disk.lose_power(elsewhere)
