import asyncio
import json
from collections.abc import Collection
from pathlib import Path

import pytest
from machine_checks import nobody_on

from harness.errors import HarnessError
from harness.machine import CLIENTS, Link, PowerCut
from nodes.local import LocalCluster, network
from nodes.local.testing import Lines, on_cluster, until

pytestmark = pytest.mark.cluster

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


def test_a_cut_is_one_way_and_of_both_ip_versions(tmp_path: Path) -> None:
    on_cluster(one_way, tmp_path)


async def flooded(cluster: LocalCluster) -> None:
    groups = ("224.0.0.77", "10.77.0.255")
    for group in groups:
        assert await heard(cluster, "n2", bind="", to=group, senders=("n1", "n3")) == {"n1", "n3"}, group
    await cluster.cut("key", [("n1", "n2")])
    for group in groups:
        assert await heard(cluster, "n2", bind="", to=group, senders=("n1", "n3")) == {"n3"}, group
        assert await heard(cluster, "n3", bind="", to=group, senders=("n1", "n2")) == {"n1", "n2"}, group
    assert await cluster.dropped() == {("n1", "n2"): 0}, "a broadcast is no evidence for one link"


def test_broadcasts_and_multicasts_are_cut_too(tmp_path: Path) -> None:
    on_cluster(flooded, tmp_path)


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
    counted = await cluster.dropped()
    assert set(counted) == cut
    assert all(counted[a, b] for a, b in cut), f"each probe was dropped somewhere: {counted}"
    await cluster.mend("a")
    cut = both_ways(("n1", "n2"), ("n2", "n3"))
    after = await cluster.dropped()
    assert set(after) == cut
    assert all(after[link] >= counted[link] for link in cut), "links that stay cut keep their counts"
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


@pytest.mark.parametrize("ip", [4, 6])
def test_cuts_add_up_by_key_and_each_is_mended_by_its_own(tmp_path: Path, ip: int) -> None:
    on_cluster(keys, tmp_path, ip=ip)


async def cancelled(cluster: LocalCluster) -> None:
    for delay_ms in range(0, 24, 2):
        cut = asyncio.create_task(cluster.cut("key", [("n1", "n2")]))
        await asyncio.sleep(delay_ms / 1000)
        cut.cancel()
        await asyncio.wait([cut])
        await cluster.mend("key")
        assert not await cluster.dropped(), f"a cut that was cancelled after {delay_ms} ms can't be mended"


def test_a_cut_whose_caller_was_cancelled_is_mended_all_the_same(tmp_path: Path) -> None:
    on_cluster(cancelled, tmp_path, machines=2)


async def reboot(cluster: LocalCluster) -> None:
    n1 = cluster.machines["n1"]
    await cluster.cut("key", both_ways(("n1", "n2")))
    if isinstance(n1, PowerCut):
        await n1.cut_power()
        await n1.restore_power()
    await n1.wipe()
    assert not await cluster.reach("n1", "n2")
    assert not await cluster.reach("n2", "n1")
    assert await cluster.reach("n1", "n3")
    assert await cluster.reach(CLIENTS, "n1")
    await until(nobody_on(n1), "n1 is idle")


def test_a_cut_outlives_the_machines_reboot(tmp_path: Path) -> None:
    on_cluster(reboot, tmp_path)


async def no_noise(cluster: LocalCluster) -> None:
    await cluster.cut("key", {(a, b) for a in EVERYONE for b in EVERYONE if a != b})
    await asyncio.sleep(2)
    counted = await cluster.dropped()
    assert len(counted) == len(EVERYONE) * (len(EVERYONE) - 1)
    assert not any(counted.values()), (
        f"packets are counted that nobody sent: {json.dumps(list(counted.items()))}"
    )


def test_an_idle_network_is_no_evidence(tmp_path: Path) -> None:
    on_cluster(no_noise, tmp_path)
