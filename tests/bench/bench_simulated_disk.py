"""What the simulated disk costs: appends of 200 bytes to a preallocated segment, each flushed.

    python tests/bench/bench_simulated_disk.py [WRITES]

Prints microseconds a write and flush: alone, with the steps of a flush apart, and with a hook and a watcher;
and what a power cut, a copy and a look at each crash state cost.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from nodes.simulated.disk import Disk
from nodes.simulated.disk_choices import Seeded
from nodes.simulated.disk_crash import crash_states
from nodes.simulated.disk_view import View

SEGMENT_BYTES = 256 << 10
RECORD = bytes(range(200))
LOG = Path("/data/log/00000001.log")


def segment(view: View) -> int:
    view.make_folder(LOG.parent)
    descriptor = view.open(LOG, create=True)
    view.allocate(descriptor, SEGMENT_BYTES)
    view.sync(descriptor)
    view.sync_folder(LOG.parent)
    return descriptor


def appends(view: View, count: int, flush: Callable[[View, int], None]) -> float:
    """Return microseconds an append, in one segment after the other."""
    took = 0.0
    while count > 0:
        descriptor = segment(view)
        these = min(count, SEGMENT_BYTES // len(RECORD))
        before = time.perf_counter()
        for place in range(these):
            view.write(descriptor, RECORD, place * len(RECORD))
            flush(view, descriptor)
        took += time.perf_counter() - before
        view.unlink(LOG)
        view.close(descriptor)
        count -= these
    return took * 1e6


def stepwise(view: View, descriptor: int) -> None:
    flush = view.begin_sync(descriptor)
    view.end_sync(flush)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    disk = Disk(Seeded(1))
    print(f"write and sync_data: {appends(disk.view('a'), count, View.sync_data) / count:.2f} µs")
    print(f"write, begin, end:   {appends(disk.view('a'), count, stepwise) / count:.2f} µs")
    disk.watch(lambda path, ranges: None)
    watched = disk.view("a", step=lambda name, path: None)
    print(f"hook and watcher:    {appends(watched, count, View.sync_data) / count:.2f} µs")
    descriptor = segment(watched)
    for place in range(8):
        watched.write(descriptor, RECORD, place * len(RECORD))
    before = time.perf_counter()
    states = crash_states(disk, limit=10_000)
    found = sum(1 for _ in states)
    print(f"crash states:        {(time.perf_counter() - before) * 1e6 / found:.1f} µs each of {found}")


if __name__ == "__main__":
    main()
