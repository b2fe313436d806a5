"""How fast histories of transactions are judged, in columns that are in memory.

    python tests/bench/bench_transactions.py [TRANSACTIONS ...]

Prints the check's seconds of wall clock and CPU, and the peak memory of its process, columns included, each
in a process of its own: a serial history, and one with the write skews of snapshot isolation.
"""

import resource
import subprocess
import sys
import time

from transaction_columns import made

from checkers.transactions import check

SIZES = (100_000, 1_000_000)


def judge(count: int, *, skews: bool) -> None:
    txns = made(count, skews=skews)
    import scipy.sparse.csgraph  # noqa: F401 - loading it is no part of the check

    loaded_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began, began_cpu = time.monotonic(), time.process_time()
    result = check(txns)
    took, cpu = time.monotonic() - began, time.process_time() - began_cpu
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told = ", ".join(f"{each.count:,} {each.anomaly}" for each in result.found) or "nothing"
    kind = "with write skews" if skews else "serial"
    print(
        f"{count:>9,} transactions, {len(txns.f):>9,} micro-operations, {len(txns.elements):>10,} elements, "
        f"{kind:16}: {took:5.2f} s, {cpu:5.2f} s of CPU, peak {peak_mb:5.0f} MB (of which {loaded_mb:.0f} MB "
        f"before): {result.verdict}, found {told}",
        flush=True,
    )


def main() -> None:
    if len(sys.argv) == 3 and sys.argv[1] in ("serial", "skews"):
        judge(int(sys.argv[2]), skews=sys.argv[1] == "skews")
        return
    for count in map(int, sys.argv[1:]) if len(sys.argv) > 1 else SIZES:
        for kind in ("serial", "skews"):
            subprocess.run([sys.executable, __file__, kind, str(count)], check=True)


if __name__ == "__main__":
    main()
