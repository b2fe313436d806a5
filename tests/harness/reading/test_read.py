import bz2
import copy
import gzip
import lzma
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from harness.clock import Origin
from harness.errors import DamagedError, UsageError
from harness.operation import Invocation, Operation, Outcome, Reply
from harness.reading import read as read_module
from harness.reading import scanned, source
from harness.reading.events import gathered
from harness.reading.formats import EDN, JSON, LOG, OWN, recognized
from harness.reading.piece import MalformedError
from harness.reading.read import read
from harness.recording import Recorder
from harness.spool import Spool

ORACLES = Path(__file__).parents[4] / "shared" / "oracles"

EDN_LINES = """\
{:type :invoke, :f :read, :value nil, :process 0, :time 10, :index 0}
{:type :invoke, :f :write, :value 3, :process 1, :time 11, :index 1}
{:type :info, :f :start, :value "cut off n1", :process :nemesis, :time 12, :index 2}
{:type :ok, :f :read, :value 3, :process 0, :time 20, :index 3}
{:type :info, :f :write, :value 3, :process 1, :time 30, :index 4, :error :timeout}
{:type :invoke, :f :cas, :value [3 4], :process 0, :time 40, :index 5}
{:type :fail, :f :cas, :value [3 4], :process 0, :time 50, :index 6, :error [:mismatch 5]}
{:type :invoke, :f :read, :value nil, :process 2, :time 60, :index 7}
"""
MEANT = [
    Operation(id=0, process=0, f="read", call_ns=10, return_ns=20, outcome=Outcome.OK, value=3),
    Operation(id=1, process=1, f="write", args=(3,), call_ns=11, return_ns=30, error="timeout"),
    Operation(
        id=2,
        process=0,
        f="cas",
        args=([3, 4],),
        call_ns=40,
        return_ns=50,
        outcome=Outcome.FAIL,
        error="[:mismatch 5]",
    ),
    Operation(id=3, process=2, f="read", call_ns=60),
]
JSON_LINES = """\
{"type":"invoke","f":"read","value":null,"process":0,"time":10,"index":0}
{"type":"invoke","f":"write","value":3,"process":1,"time":11,"index":1}
{"type":"info","f":"start","value":"cut off n1","process":"nemesis","time":12,"index":2}
{"type":"ok","f":"read","value":3,"process":0,"time":20,"index":3}
{"type":"info","f":"write","value":3,"process":1,"time":30,"index":4,"error":"timeout"}
{"type":"invoke","f":"cas","value":[3,4],"process":0,"time":40,"index":5}
{"type":"fail","f":"cas","value":[3,4],"process":0,"time":50,"index":6,"error":"[:mismatch 5]"}
{"type":"invoke","f":"read","process":2,"time":60,"index":7}
"""


def kept(tmp_path, text, name="history"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def listed(text, opens, closes, comma=","):
    return opens + f"{comma}\n ".join(text.strip().split("\n")) + closes + "\n"


@pytest.mark.parametrize(
    "text,format_",
    [
        (EDN_LINES, "edn"),
        (EDN_LINES.rstrip("\n"), "edn"),
        (listed(EDN_LINES, "[", "]"), "edn"),
        (listed(EDN_LINES, "; a history\n(", ")", comma=""), "edn"),
        (listed(EDN_LINES, "[", "]").replace("\n", " "), "edn"),
        (EDN_LINES.replace("{:type", "#jepsen.history.Op{:type"), "edn"),
        (EDN_LINES.replace(", ", "\n ,"), "edn"),
        (JSON_LINES, "json"),
        (listed(JSON_LINES, "[", "]"), "json"),
        (listed(JSON_LINES, " \n[", "]\n").replace("\n", " "), "json"),
    ],
)
@pytest.mark.parametrize("block", [1, 50, 2**18])
def test_operation_maps(tmp_path, monkeypatch, text, format_, block):
    monkeypatch.setattr(source, "BLOCK_BYTES", block)
    reading = read(kept(tmp_path, text))
    assert reading.format == format_
    assert list(reading.table.operations()) == MEANT
    assert reading.notes == ("1 operation of no client skipped",)


ODD_VALUES = EDN_LINES.replace(":value 3,", ":value 3 #_ passed-over,")
"""The same with what the scanner does not know, so that it is parsed."""


@pytest.fixture
def small_pieces(monkeypatch):
    """Small pieces, and several at the same time however short the file is."""
    monkeypatch.setattr("harness.reading.read.PARALLEL_BYTES", 0)
    monkeypatch.setattr(source, "BLOCK_BYTES", 100)


@pytest.mark.parametrize("text", [EDN_LINES, ODD_VALUES])
@pytest.mark.parametrize("jobs", [2, 3])
def test_side_by_side_the_same_is_read(tmp_path, small_pieces, jobs, text):
    reading = read(kept(tmp_path, text), jobs=jobs)
    assert list(reading.table.operations()) == MEANT


@pytest.mark.parametrize("text", [EDN_LINES, ODD_VALUES])
def test_side_by_side_damage_is_told_as_alone(tmp_path, small_pieces, text):
    lines = text.splitlines(keepends=True)
    path = kept(tmp_path, "".join([*lines[:3], "{:type :ok\n", *lines[3:]]))
    with pytest.raises(DamagedError) as several:
        read(path, jobs=2)
    with pytest.raises(DamagedError) as alone:
        read(path)
    assert str(several.value) == str(alone.value)


def test_processes_parse_only_what_can_not_be_scanned(tmp_path, small_pieces, monkeypatch):
    pool, parsed = read_module.ProcessPoolExecutor, []

    class Watched(pool):
        def submit(self, function, format_, data):
            parsed.append(data)
            return super().submit(function, format_, data)

    monkeypatch.setattr(read_module, "ProcessPoolExecutor", Watched)
    read(kept(tmp_path, EDN_LINES.replace("[:mismatch 5]", ":mismatch")), jobs=2)
    assert bool(parsed) != scanned.COMPILED
    parsed.clear()
    read(kept(tmp_path, ODD_VALUES), jobs=2)
    assert parsed


@pytest.fixture(params=[1, 2**18])
def small_blocks(request, monkeypatch):
    """Pieces of a byte and more, and one for all."""
    monkeypatch.setattr(source, "BLOCK_BYTES", request.param)


LOG_LINES = """\
INFO  jepsen.core - Relative time begins now
INFO  jepsen.util - 0\t:invoke\t:read\tnil
INFO [2020-01-31 10:15:00,528] jepsen worker 1 - jepsen.util 1\t:invoke\t:write\t[7 3]
INFO [2020-01-31 10:15:00,529] jepsen nemesis - jepsen.util :nemesis\t:info\t:start\t[:isolated {"n1" #{}}]
INFO [2020-01-31 10:15:00,530] jepsen worker 0 - jepsen.util 0  :ok     :read   {:type "x", :in 1}
INFO  jepsen.util - 1\t:info\t:write\t:timed-out
INFO  jepsen.util - 2\t:invoke\t:cas\t[4 4]
INFO  jepsen.util - 2\t:fail\t:cas\t[4 4]\t:timeout
"""


def test_a_log(tmp_path):
    reading = read(kept(tmp_path, LOG_LINES))
    assert reading.format == "log"
    assert list(reading.table.operations()) == [
        Operation(
            id=0,
            process=0,
            f="read",
            call_ns=0,
            return_ns=2,
            outcome=Outcome.OK,
            value={"type": "x", "in": 1},
        ),
        Operation(id=1, process=1, f="write", args=([7, 3],), call_ns=1, return_ns=3, error="timed-out"),
        Operation(
            id=2,
            process=2,
            f="cas",
            args=([4, 4],),
            call_ns=4,
            return_ns=5,
            outcome=Outcome.FAIL,
            error="timeout",
        ),
    ]
    assert reading.notes == (
        "2 lines of no client skipped",
        "no usable times: the order of lines gives them",
    )


def recorded(tmp_path, count=3):
    path = tmp_path / "history.jsonl"
    with Spool() as spool:
        recorder = Recorder(spool.open(path), Origin(utc="2026-01-02T03:04:05Z", monotonic_ns=5))
        for number in range(count):
            call = Invocation(f="put", args=(f"k{number}", [number, None]), node="n1")
            id_ = recorder.call(call, process=7, call_ns=10 * number)
            if number % 3 == 0:
                reply = Reply(value={"a": 1}, node="n2", epoch=2, offset=number, degraded=True)
                recorder.ok(id_, return_ns=10 * number + 5, reply=reply)
            elif number % 3 == 1:
                recorder.failed(id_, return_ns=10 * number + 5, outcome=Outcome.FAIL, error="no")
    return path


@pytest.mark.parametrize("block", [1, 60, 2**18])
def test_our_own_history(tmp_path, monkeypatch, block):
    monkeypatch.setattr(source, "BLOCK_BYTES", block)
    path = recorded(tmp_path)
    reading = read(path)
    args = [(f"k{number}", [number, None]) for number in range(3)]
    common = {"process": 7, "f": "put"}
    assert reading.format == "acked"
    assert reading.notes == ()
    assert reading.table.origin == Origin(utc="2026-01-02T03:04:05Z", monotonic_ns=5)
    assert list(reading.table.operations()) == [
        Operation(
            id=0,
            args=args[0],
            node="n2",
            call_ns=0,
            return_ns=5,
            outcome=Outcome.OK,
            value={"a": 1},
            epoch=2,
            offset=0,
            degraded=True,
            **common,
        ),
        Operation(
            id=1,
            args=args[1],
            node="n1",
            call_ns=10,
            return_ns=15,
            outcome=Outcome.FAIL,
            error="no",
            **common,
        ),
        Operation(id=2, args=args[2], node="n1", call_ns=20, **common),
    ]


@pytest.mark.parametrize(
    "pack", [gzip.compress, lzma.compress, bz2.compress, zstandard.ZstdCompressor().compress]
)
def test_compressed_files_are_known_by_their_content(tmp_path, pack):
    assert list(read(kept(tmp_path, pack(EDN_LINES.encode()), "x.txt")).table.operations()) == MEANT


def test_a_compressed_file_that_ends_early_is_read_to_its_end(tmp_path):
    lines = "".join(EDN_LINES for _ in range(3000))
    reading = read(kept(tmp_path, gzip.compress(lines.encode())[:-1000]))
    assert len(reading.table) > 1000
    assert reading.notes[0] == "the end of the file was cut off and is left out"


def test_what_can_not_be_decompressed_is_damaged(tmp_path):
    packed = bytearray(gzip.compress(EDN_LINES.encode()))
    packed[20:30] = bytes(10)
    path = kept(tmp_path, bytes(packed))
    with pytest.raises(DamagedError, match="can't be"):
        read(path)


@pytest.mark.parametrize(
    "text", [EDN_LINES, JSON_LINES, listed(EDN_LINES, "[", "]"), listed(JSON_LINES, "[", "]")]
)
@pytest.mark.parametrize("block", [40, 2**18])
def test_an_end_that_was_cut_off_is_left_out(tmp_path, monkeypatch, text, block):
    monkeypatch.setattr(source, "BLOCK_BYTES", block)
    last = text.rindex("{")
    for end in range(last + 2, len(text.rstrip("\n])")) - 1, 7):
        reading = read(kept(tmp_path, text[:end]))
        assert list(reading.table.operations()) == MEANT[:3]
        assert reading.notes[0] == "the end of the file was cut off and is left out"


def test_a_last_line_of_ours_that_was_cut_off_is_left_out(tmp_path):
    path = recorded(tmp_path)
    text = path.read_bytes()
    path.write_bytes(text[:-3])
    reading = read(path)
    assert len(reading.table) == 2
    assert reading.notes == ("the end of the file was cut off and is left out",)


@pytest.mark.parametrize(
    "text,line,expected",
    [
        (EDN_LINES.replace(":value 3, :process 0", ":value 3x, :process 0"), 4, "3x is no number"),
        (
            EDN_LINES.replace(":type :ok", ":type :done"),
            4,
            "type is one of invoke, ok, fail, info, not :done",
        ),
        (EDN_LINES.replace(":process 0, :time 20", ":process 0 :time"), 4, "a map has a key without a value"),
        (EDN_LINES.replace(":time 20", ":time :never"), 4, "time is a number of nanoseconds, not :never"),
        (listed(EDN_LINES, "[", "]").replace(":type :ok", ":type 7"), 4, "type is one of"),
        (EDN_LINES.replace("{:type :ok", "7 {:type :ok"), 4, "an operation's map was expected"),
        (JSON_LINES.replace('"type":"ok"', '"type":"done"'), 4, "type is one of"),
        (JSON_LINES.replace('"value":3,"process":0', '"value":3x,"process":0'), 4, "malformed"),
        (
            listed(JSON_LINES, "[", "]").replace('"value":3,"process":0', '"value":3x,"process":0'),
            4,
            "malformed",
        ),
        (listed(JSON_LINES, "[", "]").replace('"type":"ok"', '"type":"done"'), 4, "type is one of"),
        (LOG_LINES.replace("[7 3]", "[7 3"), 3, "a value in EDN was expected"),
    ],
)
def test_damage_is_told_with_file_and_line(tmp_path, small_blocks, text, line, expected):
    path = kept(tmp_path, text)
    with pytest.raises(DamagedError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}:{line}: damaged: ")
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    "damage,line",
    [
        (lambda text: text.replace(b'"return":15', b'"return":x'), 5),
        (lambda text: text.replace(b'"return":15', b'"back":15'), 5),
        (lambda text: text.replace(b'"outcome":"fail"', b'"outcome":"maybe"'), 5),
        (lambda text: text.replace(b'{"id":1,"return"', b'{"id":9,"return"'), 5),
        (lambda text: text.replace(b'{"id":1,"return"', b'{"id":0,"return"'), 5),
        (lambda text: text.replace(b'{"id":2', b'{"id":1'), 6),
        (lambda text: text.replace(b'{"id":1,"return"', b'{"id":2,"return"'), 5),
    ],
)
@pytest.mark.parametrize("block", [1, 2**18])
def test_damage_of_our_own_history_is_told_with_file_and_line(tmp_path, monkeypatch, damage, line, block):
    monkeypatch.setattr(source, "BLOCK_BYTES", block)
    path = recorded(tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DamagedError, match=f"^{path}:{line}: damaged"):
        read(path)


@pytest.mark.parametrize("text", ["", "hello\n", "a,b\n1,2\n", "[1, 2]", "<html>", b"\x7fELF\x00\x01"])
def test_what_is_no_history_is_a_mistake(tmp_path, text):
    with pytest.raises(UsageError, match=":1: no history that can be read; expected one of"):
        read(kept(tmp_path, text))


@pytest.mark.parametrize("text", ['{"a": 1}\n', "{:a 1}\n", '{"type": "begin", "process": 1}\n'])
def test_what_only_looks_like_a_history_is_a_mistake(tmp_path, text):
    with pytest.raises(UsageError, match="type is one of"):
        read(kept(tmp_path, text))


def test_a_missing_file_is_a_mistake(tmp_path):
    with pytest.raises(UsageError, match="No such file"):
        read(tmp_path / "nothing")


@pytest.mark.parametrize("text", ["[]", "[ ]\n", "()"])
def test_an_empty_list_is_a_history_of_nothing(tmp_path, text):
    assert len(read(kept(tmp_path, text)).table) == 0


def test_a_named_format_is_taken_at_its_word(tmp_path):
    path = kept(tmp_path, "some log without operations\n")
    assert len(read(path, format_name="log").table) == 0
    with pytest.raises(UsageError):
        read(path)


def test_elle_leaves_out_names_and_processes(tmp_path):
    text = '[{"type":"invoke","value":[["r",1,null]]},{"type":"ok","value":[["r",1,[2]]]}]'
    (operation,) = read(kept(tmp_path, text)).table.operations()
    assert (operation.f, operation.process, operation.args) == ("txn", 0, ([["r", 1, None]],))


def test_keys_beside_values_come_first(tmp_path):
    text = """{:process 0, :type :invoke, :f :put, :key "a", :value "x"}
{:process 0, :type :ok, :f :put, :key "a", :value "x"}
{:process 0, :type :invoke, :f :get, :key "a", :value nil}
{:process 0, :type :ok, :f :get, :key "a", :value "x"}"""
    operations = list(read(kept(tmp_path, text)).table.operations())
    assert [operation.args for operation in operations] == [("a", "x"), ("a",)]


def test_a_completion_without_an_invocation_may_have_begun_at_any_time(tmp_path):
    text = EDN_LINES + "{:type :ok, :f :write, :value 9, :process 5, :time 70}\n"
    reading = read(kept(tmp_path, text))
    first = next(reading.table.operations())
    assert (first.f, first.args, first.call_ns, first.return_ns) == ("write", (9,), 10, 70)
    assert "1 completion without an invocation" in reading.notes[1]


def test_times_that_go_backwards_are_not_used(tmp_path):
    reading = read(kept(tmp_path, EDN_LINES.replace(":time 20", ":time 5")))
    assert not reading.table.timed
    assert [operation.call_ns for operation in reading.table.operations()] == [0, 1, 4, 6]


@given(
    st.lists(
        st.sampled_from(["invoke", "ok", "fail", "info"]).flatmap(
            lambda t: st.tuples(st.just(t), st.integers(0, 3))
        ),
        max_size=12,
    )
)
def test_returns_belong_to_the_last_call_of_their_process(events):
    lines = "\n".join(
        f"{{:type :{kind}, :f :write, :value {n}, :process {p}}}" for n, (kind, p) in enumerate(events)
    )
    from harness.reading.joining import join_processes

    table = join_processes(gathered([EDN.parse(lines.encode())])).table
    meant, open_ = [], {}
    for number, (kind, process) in enumerate(events):
        if kind == "invoke":
            open_[process] = [number, None, "info"]
            meant.append(open_[process])
        elif process in open_:
            open_.pop(process)[1:] = [number, kind]
        else:
            meant.append([-1, number, kind])
    found = [[op.call_ns, op.return_ns, op.outcome] for op in table.operations()]
    assert sorted(found, key=str) == sorted([[max(call, 0), ret, kind] for call, ret, kind in meant], key=str)


def test_the_known_formats_are_told_apart():
    assert recognized(b'{"format":"acked-history","version":1') is OWN
    assert recognized(EDN_LINES.encode()) is EDN
    assert recognized(JSON_LINES.encode()) is JSON
    assert recognized(LOG_LINES.encode()) is LOG


def test_a_malformed_piece_says_so_from_any_process():
    error = copy.copy(MalformedError("why", 7, incomplete=True))  # by the same means as pickle
    assert (error.message, error.line, error.incomplete) == ("why", 7, True)
