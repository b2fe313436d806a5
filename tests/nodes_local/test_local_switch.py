import asyncio
import json
from pathlib import Path

import pytest
from any_user import EVERYONE, both_ways, heard, keys, one_way
from machine_checks import nobody_on

from harness.machine import CLIENTS, PowerCut
from nodes.local import LocalCluster
from nodes.local.testing import on_cluster, until

pytestmark = pytest.mark.cluster


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
