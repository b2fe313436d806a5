"""How fast histories are checked for linearizability, and what memory that takes.

    python tests/bench/bench_linearizability.py [ROW …]

Each row in a process of its own; the history is in memory before the clock starts. Memory is the peak of the
process (its threads share it), and what of it was the history.
"""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from register_calls import register_calls

from checkers.linearizability import MODELS, Calls, check, engine

sys.path.insert(0, str(Path(__file__).parents[1] / "checkers" / "linearizability"))

ROWS: dict[str, Callable[[], Calls]] = {
    "small values, 1 M, 100 keys, 5 clients": lambda: register_calls(1_000_000, clients=5, keys=100),
    "small values, 100 k, 1 key, 5 clients": lambda: register_calls(100_000, clients=5),
    "unique values, 10 M, 1 key, 50 clients, 2 % unknown": lambda: register_calls(
        10_000_000, clients=50, unique=True, unknown=0.02
    ),
    "unique values, 10 M, 100 keys, 50 clients, 2 % unknown": lambda: register_calls(
        10_000_000, clients=50, keys=100, unique=True, unknown=0.02
    ),
    "small values, 10 k, 20 clients": lambda: register_calls(10_000, clients=20),
    "small values, 10 k, 50 clients": lambda: register_calls(10_000, clients=50),
    "small values, 1 k, 5 clients, 2 % unknown, a stale read": lambda: register_calls(
        1_000, clients=5, unknown=0.02, stale=True
    ),
    "small values, 10 k, 5 clients, 2 % unknown, a stale read": lambda: register_calls(
        10_000, clients=5, unknown=0.02, stale=True
    ),
}
ORACLES = "the register logs of etcd"
LIMIT_S, LIMIT_MB = 60.0, 4000.0


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def one(name: str) -> None:
    calls = ROWS[name]()
    before_mb = peak_mb()
    wall_s, cpu_s = time.monotonic(), time.process_time()
    result = check(
        calls,
        MODELS["cas-register"],
        time_limit_s=LIMIT_S,
        memory_limit_mb=LIMIT_MB,
        jobs=os.cpu_count() or 1,
    )
    wall_s, cpu_s = time.monotonic() - wall_s, time.process_time() - cpu_s
    print(
        f"{name:57} {wall_s:7.2f} s {cpu_s:7.2f} CPU-s {peak_mb():6.0f} MB ({before_mb:.0f} before), "
        f"{result.steps:,} steps: {result.verdict} {' '.join(result.reasons)}",
        flush=True,
    )


def oracles() -> None:
    import oracle_logs

    logs = {name: oracle_logs.read(name) for name in oracle_logs.verdicts() if name.startswith("etcd")}
    wall_s, cpu_s = time.monotonic(), time.process_time()
    found = {name: check(calls, MODELS[model]).verdict for name, (calls, model) in logs.items()}
    wall_s, cpu_s = time.monotonic() - wall_s, time.process_time() - cpu_s
    right = sum(verdict == oracle_logs.verdicts()[name] for name, verdict in found.items())
    print(
        f"{ORACLES:57} {wall_s:7.2f} s {cpu_s:7.2f} CPU-s: {right} of {len(found)} verdicts right", flush=True
    )


def main() -> None:
    if len(sys.argv) == 3 and sys.argv[1] == "--one":
        (oracles() if sys.argv[2] == ORACLES else one(sys.argv[2]))
        return
    print("with the extension" if engine.COMPILED else "in Python: the extension was not built")
    for name in (ORACLES, *ROWS):
        if not sys.argv[1:] or any(word in name for word in sys.argv[1:]):
            subprocess.run([sys.executable, __file__, "--one", name], check=True)


if __name__ == "__main__":
    main()
