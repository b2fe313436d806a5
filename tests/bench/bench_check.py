"""How fast histories are read and judged, and in how much memory.

    python tests/bench/bench_check.py [SCALE]

SCALE 1 (the default) is the table's size: a million operations, and ten million adds. Each row is a process of its
own that finds its history ready: in memory for a check (its time is that of the check alone, its peak that of the
history and the check), in a file for reading.
"""

import os
import pickle
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness import judging
from harness.columns.table import Table
from harness.exporting.write import export
from harness.generate.catalogue import Wanted, generate
from harness.history_checker import Request
from harness.reading.read import read

MILLION = 1_000_000
CHECKS = {
    "set-full, 1 M adds, one final read": Wanted(workload="set-full", operations=MILLION + 1),
    "set-full, 1 M adds, 10 reads spread out": Wanted(workload="set-full", operations=MILLION + 10, reads=10),
    "set-full, 10 M adds, one final read": Wanted(workload="set-full", operations=10 * MILLION + 1),
    "counter, 1 M": Wanted(workload="counter", operations=MILLION),
    "bank, 1 M": Wanted(workload="bank", operations=MILLION),
    "unique ids, 1 M": Wanted(workload="unique-ids", operations=MILLION),
    "total queue, 1 M": Wanted(workload="total-queue", operations=MILLION),
    "long fork, 1 M": Wanted(workload="long-fork", operations=MILLION),
    "causal reverse, 1 M": Wanted(workload="causal-reverse", operations=MILLION),
}
READINGS = {
    "cas-register, JSON lines": ("cas-register", "jsonl"),
    "cas-register, Parquet": ("cas-register", "parquet"),
    "cas-register, EDN": ("cas-register", "edn"),
    "cas-register, JSON": ("cas-register", "json"),
    "list-append, JSON lines": ("list-append", "jsonl"),
    "list-append, EDN": ("list-append", "edn"),
}


def cpu_s() -> float:
    """Return the CPU time of this process and of those that it waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def peak_mb(jobs: int) -> float:
    """Return an upper bound of the peak memory of the process tree: the largest child, for each of them."""
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return (own + jobs * child) / 1024


def check(name: str, path: str) -> None:
    table: Table = pickle.loads(Path(path).read_bytes())  # noqa: S301 - its own file
    loaded_mb = peak_mb(0)
    (checker,) = judging.checkers([CHECKS[name].workload], {})
    cpu, began = cpu_s(), time.perf_counter()
    result = checker.check(table, Request())
    wall = time.perf_counter() - began
    print(
        f"{name:42} {wall:6.2f} s ({cpu_s() - cpu:5.2f} CPU-s), peak {peak_mb(0):6.0f} MB "
        f"(history {loaded_mb:.0f}): {result.verdict}, {result.summary}",
        flush=True,
    )


def reading(name: str, path: str) -> None:
    cpu, began = cpu_s(), time.perf_counter()
    table = read(Path(path)).table
    alone_s, cpu = time.perf_counter() - began, cpu_s() - cpu
    jobs, began = len(os.sched_getaffinity(0)), time.perf_counter()
    read(Path(path), jobs=jobs)
    wall = time.perf_counter() - began
    print(
        f"{name:42} {len(table) / cpu:>9,.0f} operations a CPU-s; {Path(path).stat().st_size / 1e6:.0f} MB in "
        f"{alone_s:.2f} s by one thread, {wall:.2f} s by {jobs}; peak {peak_mb(jobs):.0f} MB",
        flush=True,
    )


def make_check(name: str, path: str) -> None:
    Path(path).write_bytes(pickle.dumps(scaled(CHECKS[name]), protocol=5))


def make_reading(name: str, path: str) -> None:
    workload, target = READINGS[name]
    export(scaled(Wanted(workload=workload, operations=MILLION, keys=100, unknown=0.02)), Path(path), target)


def scaled(wanted: Wanted) -> Table:
    scale = float(os.environ["SCALE"])
    fields = {name: getattr(wanted, name) for name in wanted.__struct_fields__}
    return generate(Wanted(**{**fields, "operations": int(wanted.operations * scale)}))


STEPS = {"check": check, "reading": reading, "make_check": make_check, "make_reading": make_reading}


def main() -> None:
    if len(sys.argv) == 4:
        STEPS[sys.argv[1]](*sys.argv[2:])
        return
    os.environ["SCALE"] = sys.argv[1] if len(sys.argv) > 1 else "1"
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "history")
        for step, names in (("check", CHECKS), ("reading", READINGS)):
            for name in names:
                subprocess.run([sys.executable, __file__, f"make_{step}", name, path], check=True)
                subprocess.run([sys.executable, __file__, step, name, path], check=True)


if __name__ == "__main__":
    main()
