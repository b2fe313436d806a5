"""Machines over SSH, against real sshds in namespaces: what every kind of machine must be able to do."""

import asyncio
import os
import shutil
import socket
from pathlib import Path

import pytest
from lab import Lab

from harness.errors import NodeError
from harness.machine import CLIENTS, ClusterConfig, Death, RottingDisk
from nodes.linux.programs import search_path
from nodes.local import LocalCluster
from nodes.local.testing import Lines, on_cluster
from nodes.ssh.cluster import SshCluster

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="hosts with a sshd of their own need root"),
    pytest.mark.skipif(shutil.which("sshd", path=search_path()) is None, reason="sshd is not installed"),
]


async def basics(local: LocalCluster) -> None:
    lab = await Lab.build(local)
    deaths: list[Death] = []
    folder = lab.folder / "run"
    cluster = SshCluster(
        ClusterConfig(names=("n1", "n2"), folder=folder, on_death=deaths.append), lab.hosts()
    )
    try:
        await cluster.up()
        n1 = cluster.machines["n1"]
        assert "PowerCut" not in cluster.missing, cluster.missing
        done = await n1.run(["sh", "-c", "cat; echo err >&2; exit 3"], stdin=b"hello")
        assert (done.returncode, done.stdout, done.stderr) == (3, b"hello", b"err\n")
        lines = Lines()
        await n1.start("talk", ["sh", "-c", "echo one; echo two >&2; exec sleep 60"], on_line=lines)
        await lines.wait_for(b"one")
        alive = await n1.alive()
        assert len(alive) == 1
        assert await n1.kill() == alive
        assert not await n1.alive()
        assert not deaths
        assert "one" in (folder / "logs/n1/talk.log").read_text()
    finally:
        await cluster.down()
    for name in local.machines:
        assert await lab.left_behind(name) == "", await lab.left_behind(name)


def test_what_a_machine_offers(tmp_path: Path) -> None:
    on_cluster(basics, tmp_path, machines=2)


WRITE = """
import os, socket
log = open(os.environ["HOME"] + "/log", "wb")
log.write(b"a" * 4096); log.flush(); os.fsync(log.fileno())
log.write(b"b" * 4096); log.flush()
server = socket.create_server(("", 5000))
print("written", flush=True)
connection, _ = server.accept()
connection.recv(100)
try:
    while True:
        connection.send(b"x" * 65536)
except OSError as error:
    print("saw", error, flush=True)
"""


async def until_silent(peer: socket.socket, *, quiet_s: float = 0.5) -> int:
    """Read all that comes, until nothing has come for a while; return how much it was."""
    received = 0
    while True:
        try:
            async with asyncio.timeout(quiet_s):
                chunk = await asyncio.get_running_loop().sock_recv(peer, 1 << 20)
        except TimeoutError:
            return received
        assert chunk, "a machine that had no power does not take leave"
        received += len(chunk)


async def power(local: LocalCluster) -> None:
    lab = await Lab.build(local)
    cluster = SshCluster(ClusterConfig(names=("n1", "n2"), folder=lab.folder / "run"), lab.hosts())
    try:
        await cluster.up()
        n1, lines, loop = cluster.machines["n1"], Lines(), asyncio.get_running_loop()
        await n1.start("write", ["python3", "-c", WRITE], on_line=lines)
        await lines.wait_for(b"written")
        identity = await n1.disk_identity()
        with socket.socket() as peer:
            peer.setblocking(False)
            await loop.sock_connect(peer, (n1.address, 5000))
            await loop.sock_sendall(peer, b"ping")
            assert await loop.sock_recv(peer, 1), "it sends more than is read, so its kernel has some to send"
            await n1.cut_power()
            assert not await n1.powered()
            assert not await n1.alive()
            assert not await cluster.reach(CLIENTS, "n1")
            assert not await cluster.reach("n2", "n1")
            with pytest.raises(NodeError, match="n1 has no power"):
                await n1.run(["true"])
            await until_silent(peer)
            await n1.restore_power()
            assert lines.seen == [b"written"], "no process lived to see its disk fail"
            assert await cluster.reach(CLIENTS, "n1")
            assert await until_silent(peer, quiet_s=4.0) == 0, "its kernel sends what a dead process had said"
            with pytest.raises(ConnectionResetError):  # it knows nothing of the connection, and says so
                await loop.sock_sendall(peer, b"ping")
                await until_silent(peer, quiet_s=30.0)
        assert await n1.disk_identity() == identity
        assert (await n1.run(["cat", f"{n1.directory}/log"])).stdout == b"a" * 4096
        await n1.wipe()
        assert await n1.disk_identity() != identity
        assert not await n1.exists(f"{n1.directory}/log")
    finally:
        await cluster.down()


def test_a_power_cut_takes_what_was_not_flushed_and_silences(tmp_path: Path) -> None:
    on_cluster(power, tmp_path, machines=2)


async def files(local: LocalCluster) -> None:
    lab = await Lab.build(local)
    cluster = SshCluster(ClusterConfig(names=("n1",), folder=lab.folder / "run"), lab.hosts())
    try:
        await cluster.up()
        n1 = cluster.machines["n1"]
        big = lab.folder / "big"
        big.write_bytes(os.urandom(3 << 20))
        big.chmod(0o750)
        await n1.put(big, f"{n1.directory}/deep/er/big")
        await n1.run(["sh", "-c", "cd ~/deep; ln -s er/big link; mkfifo pipe; : > empty"])
        await n1.get(f"{n1.directory}/deep", lab.folder / "got")
        got = sorted(str(path.relative_to(lab.folder / "got")) for path in (lab.folder / "got").rglob("*"))
        assert got == ["empty", "er", "er/big", "link"]
        assert (lab.folder / "got/er/big").read_bytes() == big.read_bytes()
        assert (lab.folder / "got/er/big").stat().st_mode & 0o777 == 0o750
        assert (lab.folder / "got/link").readlink() == Path("er/big")
        with pytest.raises(NodeError, match="n1: copying /gone failed: No such file or directory"):
            await n1.get("/gone", lab.folder / "gone")
        with pytest.raises(NodeError, match="n1: copying /proc/x failed"):
            await n1.put(big, "/proc/x")
        assert "parcel" not in await lab.run("n1", ["ls", "/var/lib/acked"])
    finally:
        await cluster.down()


def test_files_and_folders_are_copied(tmp_path: Path) -> None:
    on_cluster(files, tmp_path, machines=1)


async def rots(local: LocalCluster) -> None:
    lab = await Lab.build(local)
    cluster = SshCluster(ClusterConfig(names=("n1",), folder=lab.folder / "run"), lab.hosts())
    try:
        await cluster.up()
        n1 = cluster.machines["n1"]
        assert isinstance(n1, RottingDisk) and "RottingDisk" not in cluster.missing
        assert await n1.rot(1) == 0, "there is nothing yet"
        log = f"{n1.directory}/log"
        await n1.run(["sh", "-c", f"head -c 6000 /dev/zero | tr '\\0' x >{log}; sync {log}"])
        assert await n1.rot(1) == 1
        content = (await n1.run(["cat", log])).stdout
        assert sum((byte ^ ord("x")).bit_count() for byte in content) == 1
        await n1.cut_power()
        with pytest.raises(NodeError, match="no power"):
            await n1.rot(1)
    finally:
        await cluster.down()


def test_bits_of_what_is_durable_flip_on_a_host(tmp_path: Path) -> None:
    on_cluster(rots, tmp_path, machines=1)
