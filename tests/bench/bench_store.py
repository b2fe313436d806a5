"""Acknowledged writes a second of the reference store: 50 clients, three local machines.

    python tests/bench/bench_store.py [--mode MODE]… [--clients N] [--seconds S]

Prints, for each mode, writes/s, latency quantiles, each node's memory, and the processor time by process, which
tells what limits it.
"""

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Collection
from pathlib import Path

from harness.contract import Mode
from harness.machine import ClusterConfig
from harness.system import SystemConfig
from nodes.adapters.reference import ReferenceSystem
from nodes.local import LocalCluster

NODES = ("n1", "n2", "n3")


async def measure(mode: Mode, clients: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        cluster = LocalCluster(ClusterConfig(names=NODES, folder=Path(folder)))
        system = ReferenceSystem(SystemConfig(mode=mode, nodes=NODES, settings={"retries": False}, seed=0))
        await cluster.up()
        try:
            await system.setup(cluster)
            for machine in cluster.machines.values():
                await system.start(machine)
            await system.form()
            took: list[float] = []
            stop = time.monotonic() + seconds

            async def work(number: int) -> None:
                client = system.client(process=0)
                count = 0
                while time.monotonic() < stop:
                    start = time.perf_counter()
                    await client.append(f"l{number}.{count // 100}", count)
                    took.append(time.perf_counter() - start)
                    count += 1
                await client.close()

            own = time.process_time()
            before = {name: used(await cluster.machines[name].alive()) for name in NODES}
            await asyncio.gather(*(work(number) for number in range(clients)))
            own = time.process_time() - own
            after = {name: used(await cluster.machines[name].alive()) for name in NODES}
            took.sort()
            quantiles = ", ".join(f"p{q} {took[len(took) * q // 100] * 1e3:.1f} ms" for q in (50, 99))
            print(f"{mode:17} {len(took) / seconds:7.0f} writes/s  {quantiles}")
            cpu = ", ".join(f"{name} {after[name][0] - before[name][0]:.1f} s" for name in NODES)
            memory = ", ".join(f"{name} {after[name][1] / 2**20:.0f} MB" for name in NODES)
            print(
                f"{'':17} processor: clients {own:.1f} s, {cpu}, of {seconds * (os.cpu_count() or 1):.0f} s"
            )
            print(f"{'':17} memory: {memory}")
        finally:
            await cluster.down()


def used(pids: Collection[int]) -> tuple[float, int]:
    """Return the processor seconds and the resident bytes of processes."""
    seconds, resident = 0.0, 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        seconds += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        resident += int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
    return seconds, resident


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", action="append", type=Mode)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    LocalCluster.enter()
    for mode in options.mode or list(Mode):
        asyncio.run(measure(mode, options.clients, options.seconds))


if __name__ == "__main__":
    main()
