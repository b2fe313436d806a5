import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkers.workloads import BATCH, append, mixed
from harness.generator import Context
from harness.operation import Invocation, Operation, Outcome
from harness.system import SettingError

NODES = ("n1", "n2", "n3")
CONTEXT = Context(now_ns=0, worker=0, process=0, members=1, busy=0)


def draw(workload, count, seed=1):
    generator = workload.generator(NODES, seed=seed)
    found = []
    for _ in range(count):
        step, generator = generator.next(CONTEXT)
        assert isinstance(step, Invocation)
        found.append(step)
    return found


def answered(f, *args, value=None, outcome=Outcome.OK):
    return Operation(id=0, process=0, f=f, args=args, call_ns=0, return_ns=1, outcome=outcome, value=value)


def recorded(operation):
    """The operation as a history on disk gives it back: tuples have become lists."""
    plain = json.loads(json.dumps([operation.args, operation.value]))
    return answered(operation.f, *plain[0], value=plain[1], outcome=operation.outcome)


@pytest.mark.parametrize("kind", [append, mixed])
@given(seed=st.integers(0, 2**64 - 1))
def test_elements_are_unique(kind, seed):
    workload = kind({})
    elements = [element for step in draw(workload, 300, seed) for element in workload.writes(step)]
    assert len(elements) > 150
    assert len(elements) == len(set(elements))
    assert len({value for _, value in elements}) == len(elements)


@pytest.mark.parametrize("kind", [append, mixed])
def test_a_share_of_the_replica_reads_is_bounded(kind):
    plain = Counter(step.f for step in draw(kind({"reads": 0.5, "replica_reads": 0.5}), 500))
    assert plain["peek"] > 80 and not plain["get_within"]
    options = {"reads": 0.5, "replica_reads": 0.5, "bounded": 0.5, "max_lag_ms": 70}
    reads = [step for step in draw(kind(options), 500) if step.f == "get_within"]
    assert 40 < len(reads) < 85
    assert {step.node for step in reads} == set(NODES)
    assert {step.args[1] for step in reads} == {70}
    assert list(kind({}).sees(answered("get_within", "list-1", 70, value=[3, 4]))) == [
        ("list-1", 3),
        ("list-1", 4),
    ]


@pytest.mark.parametrize("kind", [append, mixed])
def test_the_same_seed_gives_the_same_operations(kind):
    assert draw(kind({}), 500, 7) == draw(kind({}), 500, 7)
    assert draw(kind({}), 500, 7) != draw(kind({}), 500, 8)


@pytest.mark.parametrize("kind", [append, mixed])
def test_asking_twice_changes_nothing(kind):
    generator = kind({}).generator(NODES, seed=3)
    for _ in range(50):
        first, following = generator.next(CONTEXT)
        again, _ = generator.next(CONTEXT)
        assert first == again
        generator = following


@pytest.mark.parametrize("workload", [append, mixed])
def test_long_keys_change_nothing_but_their_length(workload):
    short, long = (draw(workload({"key_bytes": key_bytes}), 300) for key_bytes in (0, 300))
    keys = [[key for step in steps for key, _ in workload({}).writes(step)] for steps in (short, long)]
    assert [key.rstrip(".") for key in keys[1]] == keys[0]
    assert {len(key) for key in keys[1]} == {300}


def test_lists_end_at_their_length():
    workload = append({"length": 10, "lists": 2, "reads": 0})
    lengths = Counter(key for step in draw(workload, 205) for key, _ in workload.writes(step))
    assert max(lengths.values()) == 10
    assert len(lengths) == 22


def test_reads_have_their_share_and_go_to_lists_written_before():
    workload = append({"reads": 0.5, "replica_reads": 0.5})
    steps = draw(workload, 2000)
    counts = Counter(step.f for step in steps)
    assert 800 < counts["get"] + counts["peek"] < 1200
    assert 350 < counts["peek"] < 650
    assert {step.node for step in steps if step.f == "peek"} == set(NODES)
    written = set()
    for step in steps:
        written.update(key for key, _ in workload.writes(step))
        if step.f == "get":
            assert step.args[0] in written


def test_no_reads_if_none_are_asked_for():
    assert {step.f for step in draw(append({"reads": 0}), 200)} == {"append"}


def test_mixed_does_every_kind_of_write():
    counts = Counter(step.f for step in draw(mixed({}), 1000))
    assert set(counts) == {"put", "cas", "add", "append", "txn", "increment", "get", "peek"}
    assert min(counts[f] for f in ("put", "cas", "add", "append", "txn", "increment")) > 80
    assert "increment" not in {step.f for step in draw(mixed({"counters": 0}), 500)}


def test_transactions_write_to_different_keys():
    for step in draw(mixed({}), 1000):
        if step.f == "txn":
            keys = [key for f, key, _ in step.args[0] if f != "get"]
            assert 2 <= len(keys) <= 3
            assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("operation", "elements"),
    [
        (answered("append", "list-0", 4), [("list-0", 4)]),
        (answered("add", "set-0", 4), [("set-0", 4)]),
        (answered("put", "put-4", 4), [("put-4", 4)]),
        (answered("cas", "cas-4", None, 4, value=True), [("cas-4", 4)]),
        (answered("cas", "cas-4", None, 4, value=False), []),
        (answered("cas", "cas-4", None, 4, outcome=Outcome.INFO), [("cas-4", 4)]),
        (answered("cas", "cas-4", None, 4, outcome=Outcome.FAIL), [("cas-4", 4)]),
        (
            answered("txn", (("append", "a", 1), ("get", "b", None), ("put", "c", 2), ("add", "d", 3))),
            [("a", 1), ("c", 2), ("d", 3)],
        ),
        (answered("increment", "counter-0", 2, value=5), []),
        (answered("get", "list-0", value=[1, 2]), []),
        (answered("peek", ("list-0",), value=[[1]]), []),
    ],
)
def test_what_operations_write(operation, elements):
    assert list(mixed({}).writes(operation)) == elements
    assert list(mixed({}).writes(recorded(operation))) == elements


@pytest.mark.parametrize(
    ("operation", "elements"),
    [
        (answered("get", "list-0", value=[3, 1]), [("list-0", 3), ("list-0", 1)]),
        (answered("get", "put-4", value=4), [("put-4", 4)]),
        (answered("get", "put-4", value=None), []),
        (answered("get", "counter-0", value=17), []),
        (
            answered("peek", ("a", "b", "c", "counter-1"), value=[[1], None, 2, 9]),
            [("a", 1), ("c", 2)],
        ),
        (
            answered(
                "txn",
                (("append", "a", 1), ("get", "b", None), ("get", "c", None)),
                value=[["append", "a", None], ["get", "b", [5, 6]], ["get", "c", 7]],
            ),
            [("b", 5), ("b", 6), ("c", 7)],
        ),
        (answered("txn", (("append", "a", 1),), value=None), []),
        (answered("append", "a", 1, value=None), []),
    ],
)
def test_what_operations_show(operation, elements):
    assert list(mixed({}).sees(operation)) == elements
    assert list(mixed({}).sees(recorded(operation))) == elements


def test_final_reads_come_in_batches():
    keys = [f"k{i}" for i in range(BATCH + 1)]
    reads = list(append({}).final_reads(keys, "n2"))
    assert [len(read.args[0]) for read in reads] == [BATCH, 1]
    assert all(read.f == "peek" and read.node == "n2" for read in reads)
    assert [key for read in reads for key in read.args[0]] == keys


def test_counters_are_read_in_the_end_though_they_leave_no_trace():
    (read,) = mixed({"counters": 2}).final_reads(["put-1", "counter-0"], "n1")
    assert read.args[0] == ("put-1", "counter-0", "counter-1")


@pytest.mark.parametrize("kind", [append, mixed])
@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"raeds": 0.1}, "raeds"),
        ({"reads": 1}, "reads"),
        ({"reads": -0.1}, "reads"),
        ({"reads": "half"}, "reads"),
        ({"reads": True}, "reads"),
        ({"replica_reads": 2}, "replica_reads"),
        ({"length": 0}, "length"),
        ({"length": 1.5}, "length"),
    ],
)
def test_wrong_options_are_refused(kind, options, field):
    with pytest.raises(SettingError) as caught:
        kind(options)
    assert caught.value.field == field


def test_an_unknown_option_comes_with_the_known_ones():
    with pytest.raises(SettingError) as caught:
        append({"length": 3, "counters": 2})
    allowed = ("reads", "replica_reads", "bounded", "max_lag_ms", "length", "lists", "key_bytes")
    assert caught.value.allowed == allowed
