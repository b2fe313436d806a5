"""How long machines of kind local take to come up, to run a command, to be broken, and to go down.

    python tests/bench/bench_local_up.py [MACHINES] [ROUNDS]

Prints the median of each in milliseconds. As root with ext4 disks and power cuts, otherwise without.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable
from pathlib import Path

from harness.machine import ClusterConfig, PowerCut
from nodes.local import LocalCluster


class Times:
    """Milliseconds by what was done."""

    def __init__(self) -> None:
        self.taken: defaultdict[str, list[float]] = defaultdict(list)

    async def of(self, what: str, work: Awaitable[object]) -> None:
        started = time.perf_counter()
        await work
        self.taken[what].append((time.perf_counter() - started) * 1000)


async def one_round(times: Times, machines: int, folder: Path) -> None:
    names = tuple(f"n{index}" for index in range(1, machines + 1))
    cluster = LocalCluster(ClusterConfig(names=names, folder=folder))
    await times.of("up", cluster.up())
    n1 = cluster.machines["n1"]
    await times.of("run a command", n1.run(["true"]))
    await n1.start("sleep", ["sleep", "1000"])
    await times.of("pause", n1.pause())
    await times.of("resume", n1.resume())
    await times.of("cut a link", cluster.cut("key", [("n1", "n2")]))
    await times.of("read counters", cluster.dropped())
    await times.of("mend a link", cluster.mend("key"))
    await times.of("probe the network", cluster.reach("n1", "n2"))
    await times.of("kill", n1.kill())
    if isinstance(n1, PowerCut):
        await n1.start("sleep", ["sleep", "1000"])
        await times.of("cut the power", n1.cut_power())
        await times.of("restore the power", n1.restore_power())
    await times.of("wipe", n1.wipe())
    await times.of("down", cluster.down())


async def main(machines: int, rounds: int) -> None:
    times = Times()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            await one_round(times, machines, Path(folder) / str(number))
    print(f"{machines} machines, median of {rounds}:")
    for what, taken in times.taken.items():
        print(f"{what:20} {statistics.median(taken):8.1f} ms")


if __name__ == "__main__":
    LocalCluster.enter()
    given = [int(argument) for argument in sys.argv[1:]]
    asyncio.run(main(*[*given, *[5, 5][len(given) :]]))
