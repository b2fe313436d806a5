import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_spool import SmallDisk, wait_for

from harness.clock import Origin
from harness.errors import DamagedError, FolderError, HarnessError
from harness.history import FAIL, INFO, OK, OUTCOMES, History
from harness.operation import Invocation, Operation, Outcome, Reply
from harness.recording import Recorder
from harness.spool import LineFile, Spool

ORIGIN = Origin(utc="2026-01-02T03:04:05.678Z", monotonic_ns=123)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
names = st.sampled_from(["n1", "n2", None])


@st.composite
def histories(draw: st.DrawFn) -> list[Operation]:
    """Operations that overlap in any way, in the order of their returns, then those without."""
    count = draw(st.integers(0, 8))
    times = sorted(draw(st.lists(st.integers(0, 10**6), min_size=2 * count, max_size=2 * count, unique=True)))
    places = draw(st.permutations(range(2 * count)))
    pairs = sorted(tuple(sorted(places[2 * i : 2 * i + 2])) for i in range(count))
    operations = []
    for id_, (call, returned) in enumerate(pairs):
        outcome = draw(st.sampled_from(OUTCOMES))
        ok = outcome is Outcome.OK
        never = outcome is Outcome.INFO and draw(st.booleans())
        operations.append(
            Operation(
                id=id_,
                process=draw(st.integers(0, 50)),
                f=draw(st.sampled_from(["get", "put", "append"])),
                args=tuple(draw(st.lists(json_values, max_size=2))),
                node=draw(names),
                call_ns=times[call],
                return_ns=None if never else times[returned],
                outcome=outcome,
                value=draw(json_values) if ok else None,
                epoch=draw(st.none() | st.integers(0, 9)) if ok else None,
                offset=draw(st.none() | st.integers(0, 9)) if ok else None,
                degraded=draw(st.booleans()) if ok else False,
                error=None if ok or never else draw(st.text(max_size=5)),
            )
        )
    returned = sorted((op for op in operations if op.return_ns is not None), key=lambda op: op.return_ns or 0)
    return [*returned, *(op for op in operations if op.return_ns is None)]


def record(operations: list[Operation], recorder: Recorder) -> None:
    events = [(op.call_ns, op, True) for op in operations]
    events += [(op.return_ns, op, False) for op in operations if op.return_ns is not None]
    for at_ns, op, is_call in sorted(events, key=lambda event: event[0]):
        if is_call:
            invocation = Invocation(f=op.f, args=op.args, node=op.node)
            assert recorder.call(invocation, process=op.process, call_ns=at_ns) == op.id
        elif op.outcome is Outcome.OK:
            reply = Reply(value=op.value, epoch=op.epoch, offset=op.offset, degraded=op.degraded)
            recorder.ok(op.id, return_ns=at_ns, reply=reply)
        else:
            recorder.failed(op.id, return_ns=at_ns, outcome=op.outcome, error=op.error or "")


def write(operations: list[Operation], path: Path) -> None:
    with Spool() as spool:
        record(operations, Recorder(spool.open(path), ORIGIN))


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    return tmp_path / "history.jsonl"  # type: ignore[return-value]


def example() -> list[Operation]:
    return [
        Operation(
            id=1, process=1, f="get", args=("k",), call_ns=2, return_ns=3, outcome=Outcome.OK, value=[1, 2]
        ),
        Operation(
            id=0,
            process=0,
            f="append",
            args=("k", 1),
            call_ns=1,
            return_ns=5,
            outcome=Outcome.OK,
            epoch=1,
            offset=7,
            degraded=True,
        ),
        Operation(
            id=2, process=1, f="get", args=("k",), call_ns=4, return_ns=6, outcome=Outcome.FAIL, error="no"
        ),
        Operation(id=3, process=0, f="append", args=("k", 2), call_ns=7),
    ]


@given(histories())
def test_what_was_recorded_is_read_again_and_again(operations: list[Operation]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.jsonl"
        write(operations, path)
        history = History.open(path)
        assert list(history) == operations
        assert list(history) == operations
        assert history.origin == ORIGIN
        assert not history.truncated
        memory = History.of(reversed(operations))
        assert list(memory) == operations
        for name, column in (
            (name, getattr(memory.columns(), name)) for name in memory.columns().__struct_fields__
        ):
            assert np.array_equal(getattr(history.columns(), name), column), name


@given(histories())
def test_columns_are_the_operations(operations: list[Operation]) -> None:
    columns = History.of(operations).columns()
    assert len(columns.id) == len(operations)
    for row, op in enumerate(operations):
        assert columns.id[row] == op.id
        assert columns.call_ns[row] == op.call_ns
        assert columns.return_ns[row] == (-1 if op.return_ns is None else op.return_ns)
        assert OUTCOMES[columns.outcome[row]] is op.outcome
        assert columns.process[row] == op.process
        assert columns.names[columns.f[row]] == op.f
        assert columns.epoch[row] == (-1 if op.epoch is None else op.epoch)
        assert columns.offset[row] == (-1 if op.offset is None else op.offset)
        assert columns.degraded[row] == op.degraded


def test_codes_of_outcomes() -> None:
    assert (OUTCOMES[OK], OUTCOMES[FAIL], OUTCOMES[INFO]) == (Outcome.OK, Outcome.FAIL, Outcome.INFO)


def test_two_readers_at_once(path: Path) -> None:
    write(example(), path)
    history = History.open(path)
    assert [one.id for pair in zip(history, history, strict=True) for one in pair] == [1, 1, 0, 0, 2, 2, 3, 3]


def test_the_answering_node_replaces_the_one_asked(path: Path) -> None:
    with Spool() as spool:
        recorder = Recorder(spool.open(path), ORIGIN)
        recorder.call(Invocation(f="get", node="n1"), process=0, call_ns=1)
        recorder.call(Invocation(f="get", node="n1"), process=0, call_ns=1)
        recorder.ok(0, return_ns=2, reply=Reply(node="n2"))
        recorder.ok(1, return_ns=2, reply=Reply())
    assert [op.node for op in History.open(path)] == ["n2", "n1"]


@given(cut=st.integers(1, 60))
def test_a_last_line_cut_off_is_left_out_and_told(cut: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.jsonl"
        write(example(), path)
        whole = path.read_bytes()
        last = whole.rstrip(b"\n").rfind(b"\n") + 1
        path.write_bytes(whole[: max(last + 1, len(whole) - cut)])
        history = History.open(path)
        assert history.truncated
        assert [op.id for op in history] == [1, 0, 2]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda lines: [lines[0][:20] + b"\n", *lines[1:]], r"history.jsonl:1: this is no history"),
        (lambda lines: [b'{"a":1}\n', *lines[1:]], r"history.jsonl:1: this is no history"),
        (lambda lines: [lines[0].replace(b'"version":1', b'"version":9'), *lines[1:]], r":1: .*version 9"),
        (lambda lines: [], r"history.jsonl:1: nothing was recorded"),
        (lambda lines: [lines[0][:-1]], r"history.jsonl:1: nothing was recorded"),
        (lambda lines: [*lines[:3], b"\x00\x00\xff\n", *lines[4:]], r"history.jsonl:4: damaged line"),
        (lambda lines: [*lines[:-1], lines[-1][:-9] + b"\n"], r"history.jsonl:8: damaged line"),
        (lambda lines: [lines[0], *lines[2:]], r"history.jsonl:\d: damaged line: neither"),
        (lambda lines: [*lines[:2], lines[1], *lines[2:]], r"history.jsonl:3: damaged line: neither"),
        (lambda lines: [*lines[:2], b"{}\n"], r"history.jsonl:3: damaged line"),
        (lambda lines: [*lines[:2], b'{"id":0,"return":"x","outcome":"ok"}\n'], r"history.jsonl:3: damaged"),
        (lambda lines: [*lines[:2], b'{"id":0,"return":4,"outcome":"odd"}\n'], r"history.jsonl:3: damaged"),
    ],
)
def test_damage_is_named_by_file_and_line(path: Path, damage, message: str) -> None:  # type: ignore[no-untyped-def]
    write(example(), path)
    path.write_bytes(b"".join(damage(path.read_bytes().splitlines(keepends=True))))
    with pytest.raises(DamagedError, match=message):
        list(History.open(path))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DamagedError, match="No such file"):
        History.open(tmp_path / "none")


def test_values_that_json_does_not_have_are_a_defect_of_the_client(path: Path) -> None:
    with Spool() as spool:
        recorder = Recorder(spool.open(path), ORIGIN)
        for value in (object(), "\udcff"):
            recorder.call(Invocation(f="get"), process=0, call_ns=1)
            with pytest.raises(HarnessError, match="can't be recorded"):
                recorder.ok(0, return_ns=1, reply=Reply(value=value))
        recorder.failed(0, return_ns=3, outcome=Outcome.INFO, error="odd \udcff bytes")
    (first, *_) = History.open(path)
    assert first.error == "odd \\udcff bytes"


def test_a_full_disk_keeps_what_was_recorded(path: Path) -> None:
    disk = SmallDisk(room=2000, chunk=100)
    file = LineFile(path, disk)
    recorder = Recorder(file, ORIGIN)
    with pytest.raises(FolderError, match="No space left"):
        for number in range(1000):
            id_ = recorder.call(Invocation(f="append", args=("k", number)), process=0, call_ns=number)
            recorder.ok(id_, return_ns=number, reply=Reply())
            file.drain()
    path.write_bytes(disk.data)
    history = History.open(path)
    assert history.truncated
    assert [op.args[1] for op in islice(history, 10)] == list(range(10))


def test_a_killed_harness_leaves_a_readable_history(path: Path) -> None:
    script = f"""
import itertools
from pathlib import Path
from harness.clock import Origin
from harness.operation import Invocation, Reply
from harness.recording import Recorder
from harness.spool import Spool
with Spool() as spool:
    recorder = Recorder(spool.open(Path({str(path)!r})), Origin.now())
    for number in itertools.count():
        id_ = recorder.call(Invocation(f="append", args=("k", number)), process=0, call_ns=number)
        recorder.ok(id_, return_ns=number, reply=Reply())
"""
    child = subprocess.Popen([sys.executable, "-c", script])
    try:
        wait_for(lambda: path.exists() and path.stat().st_size > 100_000, "the child to record", 30.0)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    read = [op.args[1] for op in History.open(path)]
    assert len(read) > 500
    assert read == list(range(len(read)))
