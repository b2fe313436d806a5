"""Prints how much CPU it takes to start: `python tests/bench/bench_startup.py [TIMES]`."""

import resource
import subprocess
import sys


def cpu_s(argv: list[str], times: int) -> float:
    """Return the least CPU time, in seconds, of a few starts."""
    least = float("inf")
    for _ in range(times):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        least = min(least, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return least


if __name__ == "__main__":
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    acked = [sys.executable, "-m", "harness"]
    for name, argv in (
        ("python -c pass", [sys.executable, "-c", "pass"]),
        ("acked --help", [*acked, "--help"]),
        ("acked verify --help", [*acked, "verify", "--help"]),
    ):
        print(f"{name:<22} {cpu_s(argv, repeats):.3f} s of CPU")
