"""How fast a history is read, and in how much memory: records streamed, and columns.

python tests/bench/bench_history.py [OPERATIONS]
"""

import resource
import sys
import tempfile
import time
from pathlib import Path

from harness.clock import Origin
from harness.history import History
from harness.operation import Invocation, Reply
from harness.recording import Recorder
from harness.spool import Spool


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.jsonl"
        began = time.perf_counter()
        with Spool() as spool:
            recorder = Recorder(spool.open(path), Origin.now())
            for number in range(count):
                call = Invocation(f="append", args=(f"list-{number // 100}", number))
                id_ = recorder.call(call, process=number % 50, call_ns=number * 1000)
                recorder.ok(
                    id_, return_ns=number * 1000 + 500, reply=Reply(node="n1", epoch=1, offset=number)
                )
        print(f"write: {count / (time.perf_counter() - began):,.0f} operations/s")
        history, before = History.open(path), peak_mb()
        began = time.perf_counter()
        assert sum(1 for _ in history) == count
        print(
            f"iterate: {count / (time.perf_counter() - began):,.0f} operations/s, +{peak_mb() - before:.0f} MB"
        )
        before, began = peak_mb(), time.perf_counter()
        columns = history.columns()
        took = time.perf_counter() - began
        size_mb = (
            sum(getattr(columns, name).nbytes for name in columns.__struct_fields__ if name != "names") / 1e6
        )
        print(
            f"columns: {count / took:,.0f} operations/s, {size_mb:.0f} MB, "
            f"+{peak_mb() - before:.0f} MB with numpy, {peak_mb():.0f} MB in all"
        )


if __name__ == "__main__":
    main()
