"""Memory of a node of the reference store while its log grows far beyond its data.

    python tests/bench/bench_store_memory.py [--seconds S] [--keys N] [--value-bytes N]

Overwrites the same keys as fast as 50 clients can and prints, every second, how much was written and how much
memory each node has. It should stay below the data plus 64 MB.
"""

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

from bench_store import NODES, used

from harness.contract import Mode
from harness.machine import ClusterConfig
from harness.system import SystemConfig
from nodes.adapters.reference import ReferenceSystem
from nodes.local import LocalCluster


async def measure(seconds: float, keys: int, value_bytes: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        cluster = LocalCluster(ClusterConfig(names=NODES, folder=Path(folder)))
        config = SystemConfig(mode=Mode.QUORUM, nodes=NODES, settings={"retries": False}, seed=0)
        system = ReferenceSystem(config)
        await cluster.up()
        try:
            await system.setup(cluster)
            for machine in cluster.machines.values():
                await system.start(machine)
            await system.form()
            written, most = 0, 0.0
            stop = time.monotonic() + seconds

            async def work(number: int) -> None:
                nonlocal written
                client = system.client(process=0)
                count = number
                while time.monotonic() < stop:
                    await client.put(f"k{count % keys}", f"{count:>{value_bytes}}")
                    written += value_bytes
                    count += 50
                await client.close()

            work_to_do = asyncio.gather(*(work(number) for number in range(50)))
            while not work_to_do.done():
                await asyncio.wait([work_to_do], timeout=1.0)
                memory = {name: used(await cluster.machines[name].alive())[1] / 2**20 for name in NODES}
                most = max(most, *memory.values())
                listing = ", ".join(f"{name} {size:.0f} MB" for name, size in memory.items())
                print(f"{written / 2**20:7.0f} MB written: {listing}")
            await work_to_do
            print(f"data {keys * value_bytes / 2**20:.1f} MB, most memory of a node {most:.0f} MB")
        finally:
            await cluster.down()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--keys", type=int, default=1000)
    parser.add_argument("--value-bytes", type=int, default=1000)
    options = parser.parse_args()
    LocalCluster.enter()
    asyncio.run(measure(options.seconds, options.keys, options.value_bytes))


if __name__ == "__main__":
    main()
