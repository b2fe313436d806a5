"""Each fault on real machines, with a trivial system, looked at by other means than the fault's own proofs."""

import asyncio
import errno
import json
import os
from collections.abc import Collection
from pathlib import Path

import pytest

from faults.disk import DiskLoss
from faults.network import Partition
from faults.power import PowerCut
from faults.process import Kill, Pause, Slow
from harness.errors import FolderError, NodeError
from harness.machine import CLIENTS, Machine
from harness.world import RunWorld
from nodes.local import LocalCluster
from nodes.local.testing import Lines, on_cluster, until

pytestmark = pytest.mark.cluster

SERVER = """
import json, os, socket, sys, threading, time
own, others = sys.argv[1], sys.argv[2:]
home, heard = os.environ["HOME"], {}
flushed = open(f"{home}/flushed", "ab", buffering=0)
written = open(f"{home}/written", "ab", buffering=0)
os.fsync(flushed.fileno()), os.fsync(written.fileno())
ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
ear.bind((own, 7000))
def beat():
    while True:
        for other in others:
            ear.sendto(b"beat", (other, 7000))
        time.sleep(0.005)
def listen():
    while True:
        sender = ear.recvfrom(100)[1][0]
        heard[sender] = heard.get(sender, 0) + 1
for work in (beat, listen):
    threading.Thread(target=work, daemon=True).start()
server = socket.create_server((own, 7001))
def serve(connection):
    with connection, connection.makefile("rw") as lines:
        for line in lines:
            if line.startswith("store "):
                flushed.write(line.encode()), os.fsync(flushed.fileno()), written.write(line.encode())
            lines.write(json.dumps(heard) + "\\n"), lines.flush()
print("ready", flush=True)
while True:
    threading.Thread(target=serve, args=[server.accept()[0]], daemon=True).start()
"""


class Beats:
    """Nodes that send each other heartbeats, tell how many they heard, and store lines."""

    name = "beats"

    def __init__(self, cluster: LocalCluster) -> None:
        self._addresses = {name: machine.address for name, machine in cluster.machines.items()}

    async def start(self, machine: Machine) -> None:
        lines = Lines()
        others = [address for name, address in self._addresses.items() if name != machine.name]
        await machine.start("beats", ["python3", "-c", SERVER, machine.address, *others], on_line=lines)
        await lines.wait_for(b"ready")

    async def ask(self, node: str, text: str = "heard", *, timeout_s: float = 5) -> dict[str, int]:
        """Ask a node how many heartbeats it heard of each other one."""
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(self._addresses[node], 7001)
            try:
                writer.write(f"{text}\n".encode())
                counts = json.loads(await reader.readline())
            finally:
                writer.close()
        return {name: counts.get(address, 0) for name, address in self._addresses.items()}

    async def hears(self, node: str) -> set[str]:
        """Return of whom a node hears now."""
        before = await self.ask(node)
        await asyncio.sleep(0.1)
        after = await self.ask(node)
        return {name for name in after if after[name] > before[name]}


async def world_of(cluster: LocalCluster) -> tuple[RunWorld, Beats]:
    system = Beats(cluster)
    for machine in cluster.machines.values():
        await system.start(machine)
    for name in cluster.machines:
        others = set(cluster.machines) - {name}

        async def all_heard(name: str = name, others: set[str] = others) -> bool:
            return await system.hears(name) == others

        await until(all_heard, f"{name} hears all others")
    return RunWorld(cluster=cluster, system=system), system


async def content(cluster: LocalCluster, node: str, name: str) -> bytes:
    machine = cluster.machines[node]
    return (await machine.run(["cat", f"{machine.directory}/{name}"])).stdout


def check(proofs: Collection[object]) -> None:
    assert proofs
    assert all(proof.shown for proof in proofs), proofs


async def partitions(cluster: LocalCluster) -> None:
    world, system = await world_of(cluster)
    everyone = {"n1", "n2", "n3"}
    expected = {
        "primary-isolated": {"n1": set(), "n2": {"n3"}, "n3": {"n2"}},
        "halves": {"n1": set(), "n2": {"n3"}, "n3": {"n2"}},
        "bridge": {"n1": {"n2", "n3"}, "n2": {"n1"}, "n3": {"n1"}},
    }
    for shape, hearing in expected.items():
        fault = Partition({"shape": shape})
        check(await fault.inject(world, ("n1",)))
        for name, others in hearing.items():
            assert await system.hears(name) == others, (shape, name)
        check(await fault.evidence(world, ("n1",)))
        check(await fault.heal(world, ("n1",)))
        for name in everyone:
            assert await system.hears(name) == everyone - {name}, (shape, name)


def test_partitions_keep_heartbeats_away(tmp_path: Path) -> None:
    on_cluster(partitions, tmp_path)


async def one_way(cluster: LocalCluster) -> None:
    world, system = await world_of(cluster)
    for direction, hearing in (
        ("mute", {"n1": {"n2", "n3"}, "n2": {"n3"}, "n3": {"n2"}}),
        ("deaf", {"n1": set(), "n2": {"n1", "n3"}, "n3": {"n1", "n2"}}),
    ):
        fault = Partition({"shape": "one-way", "direction": direction})
        check(await fault.inject(world, ("n1",)))
        for name, others in hearing.items():
            assert await system.hears(name) == others, (direction, name)
        check(await fault.evidence(world, ("n1",)))
        check(await fault.heal(world, ("n1",)))


def test_a_one_way_partition_is_one_way(tmp_path: Path) -> None:
    on_cluster(one_way, tmp_path)


SAY = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 0.1)"


async def idle(cluster: LocalCluster) -> None:
    """Nothing runs: what is dropped are the probes of these faults, and of any other that looks around."""
    world = RunWorld(cluster=cluster, system=Beats(cluster))
    faults = [Partition({"shape": shape}) for shape in ("one-way", "isolated", "primary-cut-off")]
    for fault in faults:
        check(await fault.inject(world, ("n1",)))
        assert not await cluster.reach("n2", "n1"), "one way, it is the answer that is dropped"
    assert not await cluster.reach(CLIENTS, "n1")
    for fault in faults:
        (evidence,) = await fault.evidence(world, ("n1",))
        assert not evidence.shown, evidence.what
    n1, n2 = cluster.machines["n1"], cluster.machines["n2"]
    for port in ("2", "7001"):
        assert (await n1.run(["python3", "-c", SAY, n2.address, port])).returncode != 0
    for fault in faults:
        check(await fault.evidence(world, ("n1",)))
        check(await fault.heal(world, ("n1",)))


@pytest.mark.parametrize("ip", [4, 6])
def test_a_partition_of_nodes_that_say_nothing_is_not_shown(tmp_path: Path, ip: int) -> None:
    on_cluster(idle, tmp_path, ip=ip)


async def clients(cluster: LocalCluster) -> None:
    world, system = await world_of(cluster)
    for shape, hearing in (("clients-cut-off", {"n2", "n3"}), ("primary-cut-off", set())):
        fault = Partition({"shape": shape})
        check(await fault.inject(world, ("n1",)))
        try:
            await system.ask("n1", timeout_s=0.5)
        except TimeoutError:
            pass
        else:
            raise AssertionError(f"{shape}: a client reached n1")
        await system.ask("n2")
        check(await fault.evidence(world, ("n1",)))
        before = await counts_on(cluster, system, "n1")
        await asyncio.sleep(0.2)
        after = await counts_on(cluster, system, "n1")
        assert {name for name in after if after[name] > before[name]} == hearing, shape
        check(await fault.heal(world, ("n1",)))
        await system.ask("n1")


async def counts_on(cluster: LocalCluster, system: Beats, node: str) -> dict[str, int]:
    """Ask a node from within, where no cut is in the way."""
    script = (
        "import json, socket, sys\n"
        "with socket.create_connection((sys.argv[1], 7001)) as c:\n"
        " c.sendall(b'heard\\n'); print(c.makefile().readline())"
    )
    machine = cluster.machines[node]
    counts = json.loads((await machine.run(["python3", "-c", script, machine.address])).stdout)
    return {name: counts.get(other.address, 0) for name, other in cluster.machines.items()}


def test_clients_are_cut_off_where_the_shape_says_so(tmp_path: Path) -> None:
    on_cluster(clients, tmp_path)


async def kill(cluster: LocalCluster) -> None:
    world, system = await world_of(cluster)
    await system.ask("n1", "store one")
    fault = Kill({})
    check(await fault.inject(world, ("n1", "n3")))
    for name in ("n1", "n3"):
        try:
            await system.ask(name)
        except ConnectionRefusedError:
            assert not await cluster.machines[name].alive()
        else:
            raise AssertionError(f"{name} was killed and answers")
    assert await system.hears("n2") == set()
    check(await fault.heal(world, ("n1", "n3")))
    assert await system.hears("n2") == {"n1", "n3"}
    assert (
        await content(cluster, "n1", "flushed") == await content(cluster, "n1", "written") == b"store one\n"
    )


def test_a_kill_ends_all_targets_and_keeps_what_they_wrote(tmp_path: Path) -> None:
    on_cluster(kill, tmp_path)


async def pause(cluster: LocalCluster) -> None:
    world, system = await world_of(cluster)
    fault = Pause({})
    check(await fault.inject(world, ("n1",)))
    reader, writer = await asyncio.open_connection(cluster.machines["n1"].address, 7001)
    writer.write(b"heard\n")
    answer = asyncio.create_task(reader.readline())
    assert await system.hears("n2") == {"n3"}
    assert not answer.done(), "a paused node answered"
    check(await fault.evidence(world, ("n1",)))
    check(await fault.heal(world, ("n1",)))
    assert await asyncio.wait_for(answer, 10), "what it was sent while paused is acted on afterwards"
    writer.close()
    assert await system.hears("n2") == {"n1", "n3"}


def test_a_paused_node_takes_connections_and_answers_later(tmp_path: Path) -> None:
    on_cluster(pause, tmp_path)


async def pauses(cluster: LocalCluster) -> None:
    world, system = await world_of(cluster)
    first, second, third = Pause({}), Pause({}), Pause({})
    check(await first.inject(world, ("n1",)))
    check(await second.inject(world, ("n1",)))
    check(await second.heal(world, ("n1",)))
    assert await system.hears("n2") == {"n3"}, "it went on though the first pause lasts"
    check(await third.inject(world, ("n1",)))
    for fault in (first, third):
        check(await fault.evidence(world, ("n1",)))
        check(await fault.heal(world, ("n1",)))
    assert await system.hears("n2") == {"n1", "n3"}


def test_pauses_of_one_node_heal_one_by_one(tmp_path: Path) -> None:
    on_cluster(pauses, tmp_path)


async def slow(cluster: LocalCluster) -> None:
    world, system = await world_of(cluster)
    fault = Slow({"share": 0.8, "period_s": 0.1})
    check(await fault.inject(world, ("n1",)))
    before = await system.ask("n2")
    for _ in range(20):
        await asyncio.sleep(0.05)
    after = await system.ask("n2")
    beats = {name: after[name] - before[name] for name in ("n1", "n3")}
    assert 0 < beats["n1"] < 0.6 * beats["n3"], f"heartbeats of a slow and of a sound node: {beats}"
    check(await fault.evidence(world, ("n1",)))
    check(await fault.heal(world, ("n1",)))
    assert await system.hears("n2") == {"n1", "n3"}


def test_a_slow_node_works_but_less(tmp_path: Path) -> None:
    on_cluster(slow, tmp_path)


async def power(cluster: LocalCluster) -> None:
    world, system = await world_of(cluster)
    for name in ("n1", "n2"):
        await system.ask(name, "store one")
    reader, writer = await asyncio.open_connection(cluster.machines["n1"].address, 7001)
    fault = PowerCut({})
    check(await fault.inject(world, ("n1", "n2")))
    assert not await cluster.reach(CLIENTS, "n1")
    assert await system.hears("n3") == set()
    try:
        async with asyncio.timeout(0.3):
            assert not await reader.read(), "a machine without power closed a connection"
    except TimeoutError:
        pass
    else:
        raise AssertionError("a machine without power closed a connection")
    writer.close()
    check(await fault.evidence(world, ("n1", "n2")))
    check(await fault.heal(world, ("n1", "n2")))
    assert await system.hears("n3") == {"n1", "n2"}
    for name in ("n1", "n2"):
        assert await content(cluster, name, "flushed") == b"store one\n"
        assert await content(cluster, name, "written") == b"", "what nobody flushed came back"


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="power cuts need loop mounts, and these need root")
def test_a_power_cut_takes_what_was_not_flushed(tmp_path: Path) -> None:
    on_cluster(power, tmp_path)


async def disk(cluster: LocalCluster) -> None:
    world, system = await world_of(cluster)
    for name in ("n1", "n3"):
        await system.ask(name, "store one")
    fault = DiskLoss({})
    check(await fault.inject(world, ("n1",)))
    assert await system.hears("n2") == {"n3"}
    machine = cluster.machines["n1"]
    assert (await machine.run(["ls", "-A", machine.directory])).stdout == b""
    check(await fault.heal(world, ("n1",)))
    assert await system.hears("n2") == {"n1", "n3"}
    assert await content(cluster, "n1", "flushed") == b""
    assert await content(cluster, "n3", "flushed") == b"store one\n"


def test_a_disk_loss_leaves_nothing_on_its_target(tmp_path: Path) -> None:
    on_cluster(disk, tmp_path)


async def interrupted_wipe(cluster: LocalCluster) -> None:
    world, system = await world_of(cluster)
    await system.ask("n1", "store one")
    disk = cluster.machines["n1"]._disk
    whole = disk.format

    def full() -> None:
        disk.format = whole  # type: ignore[method-assign]
        raise OSError(errno.ENOSPC, "No space left on device")

    disk.format = full  # type: ignore[method-assign]
    fault = DiskLoss({})
    try:
        await fault.inject(world, ("n1",))
    except FolderError as error:
        assert "no disk for n1" in str(error)
    else:
        raise AssertionError("there was no room for the blank disk")
    check(await fault.heal(world, ("n1",)))
    assert await system.hears("n2") == {"n1", "n3"}
    assert await content(cluster, "n1", "flushed") == b"", "the disk was lost"


def test_a_disk_loss_that_broke_off_half_way_is_healed(tmp_path: Path) -> None:
    on_cluster(interrupted_wipe, tmp_path)


async def overlapping(cluster: LocalCluster) -> None:
    world, system = await world_of(cluster)
    cut, kill, lost = Partition({"shape": "isolated"}), Kill({}), DiskLoss({})
    check(await cut.inject(world, ("n1",)))
    check(await kill.inject(world, ("n1",)))
    check(await lost.inject(world, ("n1",)))
    check(await kill.heal(world, ("n1",)))
    assert not await cluster.machines["n1"].alive(), "started while its disk is being lost"
    assert await system.hears("n2") == {"n3"}
    check(await lost.heal(world, ("n1",)))
    assert await system.hears("n2") == {"n3"}, "the partition is still there"
    check(await cut.heal(world, ("n1",)))
    assert await system.hears("n2") == {"n1", "n3"}
    try:
        await cluster.machines["n1"].start("beats", ["true"])
    except NodeError as error:
        assert "running already" in str(error)
    else:
        raise AssertionError("the system was not started again")


def test_faults_on_one_node_heal_one_by_one(tmp_path: Path) -> None:
    on_cluster(overlapping, tmp_path)
