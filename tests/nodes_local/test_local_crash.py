"""Crashes at a step: the step is not taken, all that came before it is there, and who is not hit goes on."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from harness.machine import Death, Point
from nodes.local import LocalCluster
from nodes.local.machine import PowerMachine
from nodes.local.testing import Lines, on_cluster

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's machines can't lose their power"),
]

NODE = """
import concurrent.futures, os, socket, sys
own, other = sys.argv[1:]
flusher = concurrent.futures.ThreadPoolExecutor(1)
file = os.open(os.environ["HOME"] + "/log", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
os.fsync(file)
peer = socket.create_connection((other, 7001)).makefile("w")
server = socket.create_server((own, 7000))
print("ready", flush=True)
client = server.accept()[0].makefile("rw")
for number, line in enumerate(client):
    os.pwrite(file, b"%07d\\n" % number, number * 8)
    print("written", number, flush=True)
    flusher.submit(os.fdatasync, file).result()
    print("flushed", number, flush=True)
    print(number, file=peer, flush=True)
    print("sent", number, flush=True)
    print(number, file=client, flush=True)
    print("replied", number, flush=True)
"""
SINK = """
import socket, sys
server = socket.create_server((sys.argv[1], 7001))
print("ready", flush=True)
for connection, _ in iter(server.accept, None):
    for line in connection.makefile():
        print("got", line.strip(), flush=True)
"""

COUNT = 3

LAST_SAID: Mapping[Point, str] = {
    Point.WRITE: "replied",
    Point.FLUSH: "written",
    Point.FLUSHED: "written",
    Point.SEND: "flushed",
    Point.REPLY: "sent",
}
"""What the node said last, when it did not come to the step any more."""


class Pair:
    """A node that stores what a client sends it and passes it on, and the sink to which it does."""

    def __init__(self, cluster: LocalCluster) -> None:
        self.n1, self.n2 = cluster.machines.values()
        self.said, self.got = Lines(), Lines()

    async def start(self) -> None:
        await self.n2.kill()
        self.said, self.got = Lines(), Lines()
        await self.n2.start("sink", ["python3", "-c", SINK, self.n2.address], on_line=self.got)
        await self.got.wait_for(b"ready")
        argv = ["python3", "-c", NODE, self.n1.address, self.n2.address]
        await self.n1.start("node", argv, on_line=self.said)
        await self.said.wait_for(b"ready")

    async def ask_on_and_on(self) -> None:
        reader, writer = await asyncio.open_connection(self.n1.address, 7000)
        try:
            while True:
                writer.write(b"on\n")
                if not await reader.readline():
                    return
        except ConnectionResetError:
            return
        finally:
            writer.close()


async def each_point(cluster: LocalCluster, deaths: list[Death]) -> None:
    pair = Pair(cluster)
    n1 = pair.n1
    assert isinstance(n1, PowerMachine)
    for point, last in LAST_SAID.items():
        await pair.start()
        client = asyncio.create_task(pair.ask_on_and_on())
        ran = await n1.alive()
        assert ran == await n1.crash_at(point, count=COUNT, power=True, within_s=20.0), point
        assert not await n1.powered() and not await n1.alive()
        client.cancel()
        await asyncio.wait([client])
        await n1.restore_power()
        said, number = pair.said.seen[-1].decode().split()
        assert said == last, (point, pair.said.seen[-5:])
        begun = int(number) + (point is Point.WRITE)
        assert begun >= COUNT - 1, (point, number)
        log = (await n1.run(["cat", f"{n1.directory}/log"])).stdout
        kept = begun if point in (Point.WRITE, Point.FLUSH) else begun + 1
        assert log.splitlines() == [b"%07d" % each for each in range(kept)], (point, number)
        if point in (Point.SEND, Point.REPLY):
            there = begun - (point is Point.SEND)
            await pair.got.wait_for(f"got {there}".encode())
            assert f"got {there + 1}".encode() not in pair.got.seen
    assert deaths == [], deaths


def test_processes_die_before_the_step_and_not_before(tmp_path: Path) -> None:
    on_cluster(each_point, tmp_path, machines=2)


async def missed(cluster: LocalCluster, deaths: list[Death]) -> None:
    pair = Pair(cluster)
    await pair.start()
    assert await pair.n1.crash_at(Point.FLUSH, count=1, power=False, within_s=0.3) == frozenset()
    client = asyncio.create_task(pair.ask_on_and_on())
    await pair.said.wait_for(b"replied 20")
    ran = await pair.n1.alive()
    await pair.n1.pause()
    trap = asyncio.create_task(pair.n1.crash_at(Point.ANY, count=50, power=False, within_s=20.0))
    await asyncio.sleep(0.2)
    assert await pair.n1.stopped(), "a process that is watched stays paused"
    await pair.n1.resume()
    assert await trap == ran
    await client
    assert await pair.n1.alive() == frozenset()
    assert deaths == []
    await pair.start()
    await pair.n1.crash_at(Point.FLUSH, count=1, power=False, within_s=0.1)
    await pair.n1.run(["pkill", "-KILL", "python3"])
    await asyncio.wait_for(_told(deaths), 20)


async def _told(deaths: list[Death]) -> None:
    while not deaths:
        await asyncio.sleep(0.005)


def test_a_process_that_does_not_come_to_the_step_goes_on(tmp_path: Path) -> None:
    on_cluster(missed, tmp_path, machines=2)
