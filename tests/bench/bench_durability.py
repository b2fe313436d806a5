"""How fast a history is judged: appends and reads on three nodes, with a failover that loses a thousand writes.

    python tests/bench/bench_durability.py [OPERATIONS]

Prints operations a second and the peak memory of each checker, each in a process of its own.
"""

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import groupby, islice
from pathlib import Path

from checkers.convergence import Convergence
from checkers.copies import CopiesAtAck
from checkers.durability import Durability
from checkers.phantom import PhantomReads
from checkers.workloads import append
from harness.checker import RecordedRun
from harness.clock import Origin
from harness.contract import Mode, contract_for
from harness.events import Cause, Elected, Medium, NodeEvent, Stored
from harness.generator import Context
from harness.history import History
from harness.operation import Invocation, Reply
from harness.recording import Recorder
from harness.spool import Spool

NODES = ("n1", "n2", "n3")
STEP_NS = 100_000
GROUP = 8
"""How many entries a flush covers."""
LOST = 1_000
CHECKERS = (Durability, CopiesAtAck, PhantomReads, Convergence)


def write_history(path: Path, count: int) -> None:
    """Record `count` operations; the last LOST of the first half are acknowledged and lost."""
    workload = append({})
    generator = workload.generator(NODES, seed=1)
    lists: dict[str, list[int]] = {}
    offset, half = 0, count // 2
    with Spool() as spool:
        recorder = Recorder(spool.open(path), Origin.now())
        for index in range(count):
            now_ns = index * STEP_NS
            step, generator = generator.next(Context(now_ns=now_ns, worker=0, process=0, members=1, busy=0))
            assert isinstance(step, Invocation)
            number = recorder.call(step, process=0, call_ns=now_ns)
            reply = Reply(node="n1", value=[lists.get(step.args[0][0], [])] if step.f == "peek" else None)
            if step.f == "get":
                reply = Reply(node="n1", value=lists.get(step.args[0], []))
            if step.f == "append":
                key, value = step.args
                offset += 1
                kept = lists.setdefault(key, [])
                if not half - LOST <= index < half:
                    kept.append(value)
                epoch = 1 if index < half else 2
                reply = Reply(node=f"n{epoch}", epoch=epoch, offset=offset)
            recorder.ok(number, return_ns=now_ns + STEP_NS * GROUP * 4, reply=reply)
        now_ns = (count + 1000) * STEP_NS
        for node in NODES:
            for read in workload.final_reads(lists, node):
                number = recorder.call(read, process=0, call_ns=now_ns)
                shown = [lists[key] for key in read.args[0]]
                recorder.ok(number, return_ns=now_ns + 1, reply=Reply(node=node, value=shown))


def reports(path: Path, count: int) -> Iterator[NodeEvent]:
    """Yield what the nodes reported: flushes of groups of entries, and an election in the middle."""
    half_ns = count // 2 * STEP_NS
    entries = ((op.epoch or 0, op.offset, op.call_ns) for op in History.open(path) if op.offset is not None)
    yield Elected(node="n1", at_ns=0, epoch=1, cause=Cause.BOOTSTRAP, heard=NODES, log_epoch=0, log_offset=0)
    kept = 0
    for (epoch, lost), alike in groupby(
        entries, key=lambda entry: (entry[0], half_ns - LOST * STEP_NS <= entry[2] < half_ns)
    ):
        if epoch == 2:
            heard = ("n2", "n3")
            cause = Cause.ELECTION
            yield Elected(
                node="n2", at_ns=half_ns, epoch=2, cause=cause, heard=heard, log_epoch=1, log_offset=kept
            )
        for group in iter(lambda alike=alike: list(islice(alike, GROUP)), []):
            first, last, at_ns = group[0][1], group[-1][1], group[-1][2] + STEP_NS
            kept = kept if lost else last
            for node in NODES[:1] if lost else NODES:
                yield Stored(node=node, at_ns=at_ns, epoch=epoch, first=first, last=last, medium=Medium.DISK)


def judge(path: Path, count: int, name: str) -> None:
    run = RecordedRun(
        contract=contract_for(Mode.ASYNC, NODES),
        history=History.open(path),
        workload=append({}),
        episodes=(),
        events=sorted(reports(path, count), key=lambda event: event.at_ns),
        reports=True,
        survivor="n2",
        settled=True,
        recovered=True,
        stopped_ns=(count + 500) * STEP_NS,
    )
    loaded_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    checker = next(kind for kind in CHECKERS if kind.__name__ == name)()
    before = time.monotonic()
    result = checker.check(run)
    took = time.monotonic() - before
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{name:13} {count / took:>9,.0f} operations/s ({took:5.1f} s), peak memory {peak_mb:.0f} MB "
        f"(of which {loaded_mb:.0f} MB before): {result.verdict}, {result.summary}",
        flush=True,
    )


def main() -> None:
    if len(sys.argv) == 4:
        judge(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
        return
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.jsonl"
        write_history(path, count)
        print(f"{count:,} operations, history {path.stat().st_size / 1e6:.0f} MB")
        for kind in CHECKERS:
            subprocess.run([sys.executable, __file__, str(path), str(count), kind.__name__], check=True)


if __name__ == "__main__":
    main()
