"""What hosts let go wrong, against real sshds in namespaces: their network, where it can; never their clock."""

import asyncio
import os
import shutil
import time
from pathlib import Path

import pytest
from lab import Lab

from harness.machine import CLIENTS, ClusterConfig, Weather
from nodes.linux.programs import search_path
from nodes.local import LocalCluster
from nodes.local.testing import on_cluster, until
from nodes.ssh.asks import hazard
from nodes.ssh.cluster import SshCluster

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="hosts with a sshd of their own need root"),
    pytest.mark.skipif(shutil.which("sshd", path=search_path()) is None, reason="sshd is not installed"),
]

MS = 1_000_000
_CLIENTS_ADDRESS = "10.77.0.254"
_TRAFFIC = "tc qdisc show; tc filter show dev eth0 ingress; tc filter show dev eth0 egress; ip -brief link"


async def up(lab: Lab) -> SshCluster:
    names = tuple(lab.cluster.machines)
    cluster = SshCluster(ClusterConfig(names=names, folder=lab.folder / "run"), lab.hosts())
    await cluster.up()
    return cluster


async def took_s(cluster: SshCluster, source: str, target: str) -> float:
    begun = time.monotonic()
    assert await cluster.reach(source, target, timeout_s=20.0)
    return time.monotonic() - begun


async def weather(local: LocalCluster) -> None:
    """The kernel's netem delays what it is told to; a kernel without it is told of, with its reason."""
    lab = await Lab.build(local)
    before = await lab.run("n1", ["sh", "-c", _TRAFFIC])
    cluster = await up(lab)
    try:
        if why := cluster.missing.get("BadWeather"):
            assert why.startswith("n1: its kernel has no netem (modules sch_netem and ifb): "), why
            return
        await cluster.disturb(
            "k", [("n2", "n1"), (CLIENTS, "n1"), ("n1", CLIENTS)], Weather(delay_ns=300 * MS)
        )
        assert await took_s(cluster, "n2", "n1") >= 0.3
        assert await took_s(cluster, CLIENTS, "n1") >= 0.6
        assert await took_s(cluster, CLIENTS, "n2") < 0.3
        begun = time.monotonic()
        await cluster.machines["n1"].alive()
        assert time.monotonic() - begun < 0.3, "the way to the agent is not slowed"
        counted = await cluster.disturbed()
        assert counted["n2", "n1"].delayed > 0 and counted["n1", CLIENTS].delayed > 0
        await cluster.calm("k")
        assert await took_s(cluster, CLIENTS, "n1") < 0.3
    finally:
        await cluster.down()
    assert await lab.run("n1", ["sh", "-c", _TRAFFIC]) == before


def test_weather_is_netems_where_the_host_has_it(tmp_path: Path) -> None:
    on_cluster(weather, tmp_path, machines=2)


async def queues(local: LocalCluster) -> None:
    """All but netem itself: a queue that this kernel has is in its place."""
    lab = await Lab.build(local)
    before = await lab.run("n1", ["sh", "-c", _TRAFFIC])
    cluster = await up(lab)
    try:
        n1, n2, clients = cluster._ways["n1"], local.machines["n2"].address, _CLIENTS_ADDRESS
        slow = "tbf rate 8kbit burst 100 latency 20s"
        lines = [
            ([n2], True, slow),
            ([clients], True, "pfifo limit 100"),
            ([clients], False, "pfifo limit 100"),
        ]
        await hazard(n1, "change weather", lines=lines)
        assert await took_s(cluster, "n2", "n1") >= 0.0
        assert await took_s(cluster, "n2", "n1") > 0.05, "a queue of 1000 bytes a second"
        assert await took_s(cluster, CLIENTS, "n1") < 0.3
        slowed, inward, outward = await hazard(n1, "count weather", lines=lines)
        assert slowed["came"] >= slowed["sent"] > 0
        assert inward["came"] == inward["sent"] > 0 and outward["came"] == outward["sent"] > 0
        seen = inward["came"]
        for _ in range(20):
            await cluster.machines["n1"].alive()
        _, inward, _ = await hazard(n1, "count weather", lines=lines)
        assert inward["came"] == seen, "what belongs to the harness's own connection is spared"
        await hazard(n1, "change weather", lines=[])
        assert await lab.run("n1", ["sh", "-c", _TRAFFIC]) == before
        await hazard(n1, "change weather", lines=lines)
    finally:
        await cluster.down()
    assert await lab.run("n1", ["sh", "-c", _TRAFFIC]) == before, "the end of a run ends it, too"


def test_packets_are_led_through_queues_of_our_own_and_nothing_stays(tmp_path: Path) -> None:
    on_cluster(queues, tmp_path, machines=2)


async def killed(local: LocalCluster) -> None:
    lab = await Lab.build(local)
    before = await lab.run("n1", ["sh", "-c", _TRAFFIC])
    cluster = await up(lab)
    try:
        peer = _CLIENTS_ADDRESS
        await hazard(cluster._ways["n1"], "change weather", lines=[([peer], True, "pfifo limit 100")])
        assert "acked-way0" in await lab.run("n1", ["sh", "-c", _TRAFFIC])
        await lab.run("n1", ["sh", "-c", "pkill -KILL -n -f '[a]cked/agent-.* serve'"])

        async def healed() -> bool:
            return await lab.run("n1", ["sh", "-c", _TRAFFIC]) == before

        await until(healed, "whoever watches over the agent removes the queues")
    finally:
        await asyncio.gather(cluster.down(), return_exceptions=True)


def test_an_agent_that_is_killed_leaves_no_weather_behind(tmp_path: Path) -> None:
    on_cluster(killed, tmp_path, machines=1)


async def foreign(local: LocalCluster) -> None:
    lab = await Lab.build(local)
    await lab.run("n1", ["tc", "qdisc", "add", "dev", "eth0", "clsact"])
    cluster = await up(lab)
    try:
        assert cluster.missing["BadWeather"] == (
            "n1: eth0 has filters of somebody else's (tc qdisc show dev eth0): remove them"
        )
    finally:
        await cluster.down()
    assert "clsact" in await lab.run("n1", ["tc", "qdisc", "show", "dev", "eth0"])


def test_a_card_that_somebody_else_filters_is_left_alone(tmp_path: Path) -> None:
    on_cluster(foreign, tmp_path, machines=1)


async def clocks(local: LocalCluster) -> None:
    lab = await Lab.build(local)
    (lab.folder / "jump.yaml").write_text(
        "name: jump\nmode: sync\ntime_limit_s: 1\nfaults: [{clock-jump: {}, at_s: 0.2, for_s: 0.2}]\n"
    )
    begun = time.time() - time.monotonic()
    done = await lab.acked("run", "jump.yaml", "--nodes-file", str(lab.nodes_file()), "--folder", "run")
    assert done.code == 2, done
    wanted = (
        "clock-jump needs machines with clocks of their own, but n1: it runs in namespaces, as a container"
    )
    assert wanted in " ".join((done.out + done.err).split()), done
    assert abs(time.time() - time.monotonic() - begun) < 1


def test_a_clock_that_others_share_is_never_set(tmp_path: Path) -> None:
    on_cluster(clocks, tmp_path, machines=3)
