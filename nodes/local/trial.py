"""Tries two machines on this host: `python -m nodes.local.trial FOLDER` writes what worked, as JSON.

A program of its own, because who asks (`nodes.local.host`) must not be moved into other namespaces.
"""

import asyncio
import json
import os
import sys
import time
from pathlib import Path

from harness.errors import AckedError, MissingError
from harness.machine import ClusterConfig, PowerCut
from nodes.local.cluster import LocalCluster
from nodes.local.host import Check


async def try_machines(folder: Path) -> list[Check]:
    """Start two machines, cut the link between them, cut one's power, and say what worked."""
    cluster = LocalCluster(ClusterConfig(names=("n1", "n2"), folder=folder))
    started = time.monotonic()
    try:
        await cluster.up()
        took_s = time.monotonic() - started
        return [
            Check("machines", True, f"two machines were up in {took_s:.2f} s"),
            await _partition(cluster),
            await _power_cut(cluster),
        ]
    except AckedError as error:
        return [Check("machines", False, str(error))]
    finally:
        await cluster.down()


async def _partition(cluster: LocalCluster) -> Check:
    before = await cluster.reach("n1", "n2")
    await cluster.cut("trial", [("n1", "n2"), ("n2", "n1")])
    during = await cluster.reach("n1", "n2")
    await cluster.mend("trial")
    after = await cluster.reach("n1", "n2")
    if (before, during, after) == (True, False, True):
        return Check("partitions", True, "a link was cut and mended")
    return Check("partitions", False, f"reached before, during and after a cut: {before}, {during}, {after}")


async def _power_cut(cluster: LocalCluster) -> Check:
    machine = cluster.machines["n1"]
    if not isinstance(machine, PowerCut):
        return Check("power cuts", False, cluster.missing["PowerCut"])
    await machine.cut_power()
    await machine.restore_power()
    return Check("power cuts", True, "a machine lost its power and came back")


def main(folder: Path) -> None:
    """Write the findings to standard output."""
    by = "as root" if os.geteuid() == 0 else "in a user namespace"
    try:
        LocalCluster.enter()
    except MissingError as error:
        findings: list[Check] = [Check("namespaces", False, str(error))]
    else:
        findings = [Check("namespaces", True, by), *asyncio.run(try_machines(folder))]
    sys.stdout.write(json.dumps(findings))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
