"""How many operations a second the engine itself can do, recorded on disk: no-op clients, no system.

    python tests/bench/bench_runner.py [SECONDS] [CLIENTS] [asyncio|uvloop] [RATE]

Prints operations a second, the process's peak memory, and the size of the history.
"""

import asyncio
import resource
import sys
import tempfile
import time
from pathlib import Path

from harness.clock import Clock, Origin
from harness.generator import Context, Step, stateful
from harness.generators import rate, time_limit
from harness.observer import Observer
from harness.operation import Invocation, Reply
from harness.recording import Recorder
from harness.runner import Runner
from harness.session import Desk
from harness.spool import Spool


class Nothing:
    """A client that answers at once."""

    async def append(self, key: str, value: int) -> Reply:
        return Reply(node="n1", epoch=1, offset=value)

    async def close(self) -> None:
        pass


def step(_: Context, value: int, draws: object) -> tuple[Step, int]:
    return Invocation(f="append", args=(f"list-{value // 100}", value)), value + 1


async def run(seconds: float, clients: int, per_second: float, path: Path) -> None:
    origin = Origin.now()
    with Spool() as spool:
        desk = Desk(
            make_client=lambda process, node=None: Nothing(),
            recorder=Recorder(spool.open(path), origin),
            clock=Clock(origin),
            timeout_s=1.0,
            observer=Observer(),
        )
        source = time_limit(rate(stateful(step, 0, seed=1), per_second), int(seconds * 1e9))
        await Runner(source, desk=desk, workers=clients).run()


def main() -> None:
    arguments = dict(enumerate(sys.argv[1:]))
    seconds, clients = float(arguments.get(0, 5)), int(arguments.get(1, 200))
    loop_name, per_second = arguments.get(2, "asyncio"), float(arguments.get(3, 0))
    factory = None
    if loop_name == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.jsonl"
        before, cpu = time.monotonic(), time.process_time()
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(run(seconds, clients, per_second, path))
        took, cpu = time.monotonic() - before, time.process_time() - cpu
        with path.open("rb") as file:
            count = sum(1 for _ in file) // 2
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{loop_name}, {clients} clients: {count / took:,.0f} operations/s "
            f"({cpu / count * 1e6:.1f} us CPU each), peak memory {peak_mb:.0f} MB, "
            f"history {path.stat().st_size / 1e6:.0f} MB for {count:,} operations"
        )


if __name__ == "__main__":
    main()
