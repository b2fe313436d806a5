"""What must hold of machines for root and for an ordinary user alike."""

import asyncio
import signal
import time
from collections.abc import Collection
from pathlib import Path

from machine_checks import LISTEN, existing, raises_node_error, states_of_threads

from harness.errors import HarnessError
from harness.machine import CLIENTS, DiskLoss, Kill, Link, Pause, Point, PowerCut, Switch
from nodes.local import LocalCluster, network
from nodes.local.testing import Lines, until

COUNT = """
import os, pathlib, time
path, count = pathlib.Path(os.environ["HOME"], "count"), 0
print("counting", flush=True)
while True:
    count += 1
    path.write_text(str(count))
    time.sleep(0.001)
"""


async def apart(cluster: LocalCluster) -> None:
    n1, n2 = cluster.machines["n1"], cluster.machines["n2"]
    assert list(cluster.machines) == ["n1", "n2", "n3", "n4", "n5"]
    for name, machine in cluster.machines.items():
        assert (await machine.run(["hostname"])).stdout.decode().strip() == name
        assert await cluster.reach(CLIENTS, name)
    await n1.start("sleep", ["sleep", "1234"])
    await n1.run(["sh", "-c", "echo n1 > /run/file; echo n1 > /dev/shm/file; echo n1 > ~/file"])
    await n1.run(["sh", "-c", "hostname changed"])
    commands = (await n2.run(["sh", "-c", "cat /proc/[0-9]*/cmdline"])).stdout
    assert b"1234" not in commands, "a machine sees another's processes"
    assert (await n2.run(["sh", "-c", "ls /run/file /dev/shm/file ~/file"])).returncode != 0
    assert (await n2.run(["hostname"])).stdout == b"n2\n"
    ids = (await n2.run(["sh", "-c", "echo /proc/[0-9]*"])).stdout.split()
    assert len(ids) == 2, f"its own PID 1 and the shell: {ids}"
    assert (await n2.run(["sh", "-c", "kill -9 1; kill -TERM 1; echo lives"])).stdout == b"lives\n"
    assert (await n2.run(["hostname"])).stdout == b"n2\n", "PID 1 can't be killed from within"
    interfaces = (await n2.run(["ip", "-o", "link"])).stdout.decode()
    assert [line.split(":")[1].split("@")[0].strip() for line in interfaces.splitlines()] == ["lo", "eth0"]
    mounts = (await n2.run(["cat", "/proc/mounts"])).stdout.decode()
    assert "machines/n1" not in mounts, "a machine sees another's disk"
    await raises_node_error(n1.start("sleep", ["sleep", "1"]), "is running already")


async def crashed(cluster: LocalCluster) -> None:
    n1 = cluster.machines["n1"]
    lines = Lines()
    await n1.start("count", ["python3", "-c", COUNT], on_line=lines)
    await lines.wait_for(b"counting")
    assert await n1.crash_at(Point.SEND, count=1, power=False, within_s=0.2) == frozenset()
    ran = await n1.alive()
    assert ran == await n1.crash_at(Point.WRITE, count=20, power=False, within_s=20)
    assert await n1.alive() == frozenset()
    assert (await n1.run(["cat", f"{n1.directory}/count"])).stdout == b"", "truncated, but not written"
    await n1.start("count", ["python3", "-c", COUNT], on_line=lines)
    ran = await n1.alive()
    trap = asyncio.create_task(n1.crash_at(Point.WRITE, count=300, power=False, within_s=1))
    await asyncio.sleep(0.4)
    # A late event loop hears of the step and of the end of the wait in the same moment.
    asyncio.get_running_loop().call_soon(time.sleep, 3)
    victims = await trap
    assert await n1.alive() == ran - set(victims), "what is told is what has happened"


async def killed(cluster: LocalCluster) -> None:
    n1, n2 = cluster.machines["n1"], cluster.machines["n2"]
    lines = Lines()
    server = await n1.start("server", ["python3", "-c", LISTEN], on_line=lines)
    await n1.run(["sh", "-c", "(setsid sleep 60 &) ; echo kept > ~/file"])
    await lines.wait_for(b"listening")
    reader, writer = await asyncio.open_connection(n1.address, 5000)
    writer.write(b"ping")
    assert await reader.readexactly(4) == b"pong"

    async def alone() -> bool:
        return len(await n1.alive()) == 2

    await until(alone, "only the server and the daemon are left of all that was started")
    before = set(await n1.alive())
    others = await n2.start("other", ["sleep", "60"])
    assert set(await n1.kill()) == before
    assert server.returncode == await server.wait() == -signal.SIGKILL
    assert not await n1.alive()
    await until(lambda: not existing(before), "PID 1 has reaped the daemon, too")
    ended = await asyncio.wait_for(reader.read(), 10)
    assert ended == b"", "the machine's kernel must close the connection"
    writer.close()
    assert (await n1.run(["sh", "-c", "cat ~/file"])).stdout == b"kept\n", "the page cache survives a kill"
    assert others.returncode is None, "another machine's process was killed"
    assert not await n1.kill()


async def paused(cluster: LocalCluster) -> None:
    n1 = cluster.machines["n1"]
    lines = Lines()
    process = await n1.start("count", ["python3", "-c", COUNT], on_line=lines)
    await lines.wait_for(b"counting")
    assert not await n1.stopped()
    await n1.pause()
    assert await n1.stopped()
    states = states_of_threads(await n1.alive())
    assert states == {"T"}, states
    count = Path(n1.directory)
    before = (await n1.run(["cat", str(count / "count")])).stdout
    await asyncio.sleep(0.1)
    assert (await n1.run(["cat", str(count / "count")])).stdout == before, "a paused process went on"
    assert await cluster.reach(CLIENTS, "n1"), "the machine's network answers while its processes stand still"
    await n1.resume()
    assert not await n1.stopped()
    end = time.monotonic() + 10
    while (await n1.run(["cat", str(count / "count")])).stdout == before:
        assert time.monotonic() < end, "a resumed process makes no progress"
        await asyncio.sleep(0.01)
    await n1.pause()
    await n1.kill()
    assert await asyncio.wait_for(process.wait(), 10) == -signal.SIGKILL
    await n1.pause()
    assert not await n1.stopped(), "a machine without processes is not paused"


async def wiped(cluster: LocalCluster) -> None:
    n1 = cluster.machines["n1"]
    identity = await n1.disk_identity()
    assert identity == await n1.disk_identity()
    assert identity != await cluster.machines["n2"].disk_identity()
    await n1.run(["sh", "-c", "echo data > ~/file; sync; echo run > /run/file"])
    process = await n1.start("sleep", ["sleep", "60"])
    await n1.wipe()
    assert process.returncode == -signal.SIGKILL
    assert not await n1.alive()
    assert await n1.disk_identity() != identity
    assert (await n1.run(["ls", "-A", n1.directory])).stdout == b"", "a blank disk is empty"
    assert (await n1.run(["ls", "/run/file"])).returncode != 0
    assert await cluster.reach("n2", "n1")
    assert (await cluster.machines["n2"].run(["hostname"])).stdout == b"n2\n"


async def logged(cluster: LocalCluster) -> None:
    n1 = cluster.machines["n1"]
    lines = Lines()
    talk = "echo out; echo err >&2; printf unfinished"
    process = await n1.start("talk", ["sh", "-c", talk], on_line=lines)
    assert process.name == "talk"
    assert await process.wait() == 0
    await process.drained()
    assert lines.seen == [b"out"], "only complete lines of standard output are passed on"
    again = await n1.start("talk", ["sh", "-c", "echo more; exit 7"])
    assert await again.wait() == again.returncode == 7
    await again.drained()


EVERYONE = ("n1", "n2", "n3", CLIENTS)

HEAR = """
import socket, sys
hearing = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
hearing.bind((sys.argv[2], 6000))
if sys.argv[1].startswith("224"):
    group = socket.inet_aton(sys.argv[1]) + socket.inet_aton(sys.argv[3])
    hearing.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
print("ready", flush=True)
while True:
    print(hearing.recv(100).decode(), flush=True)
"""
SAY = """
import socket, sys
saying = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
saying.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
if sys.argv[1].startswith("224"):
    saying.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(sys.argv[3]))
saying.sendto(sys.argv[2].encode(), (sys.argv[1], 6000))
"""


def addresses(cluster: LocalCluster, name: str) -> tuple[str, str]:
    place = network.places(cluster.machines)[name]
    return place.ipv4, place.ipv6


async def heard(
    cluster: LocalCluster, target: str, *, bind: str, to: str, senders: Collection[str]
) -> set[str]:
    """Have every sender say its name once; a last word by way of loopback tells that all were there."""
    machine, lines = cluster.machines[target], Lines()
    await machine.start(
        "hear", ["python3", "-c", HEAR, to, bind, addresses(cluster, target)[0]], on_line=lines
    )
    await lines.wait_for(b"ready")
    for sender in senders:
        if sender != target:
            own = addresses(cluster, sender)[0]
            await cluster.machines[sender].run(["python3", "-c", SAY, to, sender, own])
    last = addresses(cluster, target)[":" in to]
    await machine.run(["python3", "-c", SAY, last, "last", last])
    await lines.wait_for(b"last")
    await machine.kill()
    return {line.decode() for line in lines.seen} - {"ready", "last"}


async def one_way(cluster: LocalCluster) -> None:
    senders = ("n1", "n3")
    for version in (0, 1):
        to = addresses(cluster, "n2")[version]
        assert await heard(cluster, "n2", bind=to, to=to, senders=senders) == {"n1", "n3"}
    await cluster.cut("key", [("n1", "n2")])
    for version in (0, 1):
        to = addresses(cluster, "n2")[version]
        before = await cluster.dropped()
        assert await heard(cluster, "n2", bind=to, to=to, senders=senders) == {"n3"}, f"version {version}"
        after = await cluster.dropped()
        assert set(after) == {("n1", "n2")}
        assert after["n1", "n2"] == before["n1", "n2"] + 1, "each dropped packet is counted once"
        back = addresses(cluster, "n1")[version]
        assert await heard(cluster, "n1", bind=back, to=back, senders=("n2",)) == {"n2"}, (
            "the other way is open"
        )
    await cluster.mend("key")
    assert not await cluster.dropped()
    for version in (0, 1):
        to = addresses(cluster, "n2")[version]
        assert await heard(cluster, "n2", bind=to, to=to, senders=senders) == {"n1", "n3"}


async def reached(cluster: LocalCluster) -> set[Link]:
    pairs = [(a, b) for a in EVERYONE for b in EVERYONE if a != b]
    answers = await asyncio.gather(*(cluster.reach(a, b) for a, b in pairs))
    return {pair for pair, answer in zip(pairs, answers, strict=True) if answer}


def both_ways(*links: Link) -> set[Link]:
    return {*links, *((b, a) for a, b in links)}


async def keys(cluster: LocalCluster) -> None:
    everything = {(a, b) for a in EVERYONE for b in EVERYONE if a != b}
    assert await reached(cluster) == everything
    await cluster.cut("a", both_ways(("n1", "n2"), ("n1", CLIENTS)))
    await cluster.cut("b", both_ways(("n1", "n2"), ("n2", "n3")))
    cut = both_ways(("n1", "n2"), ("n1", CLIENTS), ("n2", "n3"))
    assert await reached(cluster) == everything - cut
    assert await cluster.dropped() == dict.fromkeys(cut, 0), "the harness's own probes are no traffic"
    for to in addresses(cluster, "n2"):
        await cluster.machines["n1"].run(["python3", "-c", SAY, to, "hello"])
    counted = await cluster.dropped()
    assert counted == {**dict.fromkeys(cut, 0), ("n1", "n2"): 2}
    await cluster.mend("a")
    cut = both_ways(("n1", "n2"), ("n2", "n3"))
    after = await cluster.dropped()
    assert set(after) == cut
    assert after["n1", "n2"] == 2, "links that stay cut keep their counts"
    assert await reached(cluster) == everything - cut
    await cluster.mend("a")
    await cluster.mend("never cut")
    await cluster.mend("b")
    assert await reached(cluster) == everything
    try:
        await cluster.cut("c", [("n1", "n9")])
    except HarnessError as error:
        assert "n9" in str(error)
    else:
        raise AssertionError("a link to nowhere was cut")


async def abilities(cluster: LocalCluster) -> None:
    n1 = cluster.machines["n1"]
    assert isinstance(n1, Kill)
    assert isinstance(n1, Pause)
    assert isinstance(n1, DiskLoss)
    assert isinstance(cluster, Switch)
    assert not isinstance(n1, PowerCut)
    assert cluster.missing["PowerCut"] == "an ordinary user can't mount a file system of his own: run as root"
    assert (await n1.run(["id", "-u"])).stdout == b"0\n"
