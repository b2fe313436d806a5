import json
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from test_history import histories, json_values

from checkers.histories.objects import objects
from harness.columns.table import table_of
from harness.columns.values import Keyword, Members, Tagged
from harness.errors import FolderError, MissingError, UsageError
from harness.exporting.write import export
from harness.operation import Operation, Outcome
from harness.reading.read import read

edn_values = st.recursive(
    json_values | st.text("abc", min_size=1, max_size=3).map(Keyword) | st.integers(-(2**70), 2**70),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(Members)
        | st.dictionaries(st.integers(0, 3), inner, max_size=2)
        | st.builds(Tagged, st.just("inst"), inner)
    ),
    max_leaves=6,
)


@st.composite
def foreign(draw):
    """Operations as others' files have them: one argument, processes one after the other."""
    operations = []
    for process in range(draw(st.integers(1, 3))):
        now = draw(st.integers(0, 5))
        for _ in range(draw(st.integers(0, 3))):
            returned = now + draw(st.integers(0, 3))
            outcome = draw(st.sampled_from(list(Outcome)))
            never = outcome is Outcome.INFO and draw(st.booleans())
            value = draw(edn_values)
            operations.append(
                Operation(
                    id=0,
                    process=process,
                    f=draw(st.sampled_from(["read", "write", "txn", "a/b-c"])),
                    args=() if value is None else (value,),
                    node=draw(st.sampled_from(["n1", None])),
                    call_ns=now,
                    return_ns=None if never else returned,
                    outcome=outcome,
                    value=draw(edn_values) if outcome is Outcome.OK else None,
                    error=None if outcome is Outcome.OK or never else draw(st.none() | st.text(max_size=3)),
                )
            )
            now = returned + draw(st.integers(0, 1))
            if never:
                break
    return table_of([replace(each, id=number) for number, each in enumerate(operations)])


def written(path, table, target):
    export(table, path, target)
    return list(read(path).table.operations())


def numbered(operations):
    """Without ids, which others' formats do not have, and in an order of their own."""
    return sorted(({**json_like(each), "id": 0} for each in operations), key=repr)


def json_like(operation):
    return {name: spelled(getattr(operation, name)) for name in operation.__struct_fields__}


def spelled(value):
    """A value and all its types: 1 and True, keyword and text are told apart, tuples and lists are not."""
    if isinstance(value, Members | Tagged):
        return [type(value).__name__, *map(spelled, value)]
    if isinstance(value, list | tuple):
        return ["list", *map(spelled, value)]
    if isinstance(value, dict):
        return ["map", *((spelled(key), spelled(each)) for key, each in value.items())]
    return [type(value).__name__, value]


@given(table=foreign())
def test_foreign_histories_come_back_from_edn(tmp_path_factory, table):
    if not len(table):
        return
    found = written(tmp_path_factory.mktemp("x") / "h.edn", table, "edn")
    assert numbered(found) == numbered(table.operations())


@given(operations=histories())
@pytest.mark.parametrize("target", ["jsonl", "parquet"])
def test_our_histories_come_back_as_they_were(tmp_path_factory, operations, target):
    table = table_of(operations)
    found = written(tmp_path_factory.mktemp("x") / "h", table, target)
    assert sorted(found, key=lambda each: each.id) == sorted(operations, key=lambda each: each.id)


@given(table=foreign())
@pytest.mark.parametrize("target", ["json", "jsonl", "parquet"])
def test_foreign_histories_come_back_from_json_but_for_what_it_lacks(tmp_path_factory, table, target):
    if not len(table):
        return
    path = tmp_path_factory.mktemp("x") / "h"
    once = table_of(written(path, table, target))
    again = written(path, once, target)
    assert numbered(again) == numbered(once.operations())
    assert [(each.f, each.outcome, each.call_ns, each.return_ns) for each in once.operations()] == [
        (each.f, each.outcome, each.call_ns, each.return_ns) for each in table.operations()
    ]


OURS = [
    Operation(id=0, process=0, f="put", args=("k", 1), call_ns=0, return_ns=1, outcome=Outcome.OK),
    Operation(id=1, process=0, f="get", args=("k",), call_ns=2, return_ns=3, outcome=Outcome.OK, value=1),
    Operation(
        id=2, process=0, f="cas", args=("k", 1, 2), call_ns=4, return_ns=5, outcome=Outcome.OK, value=True
    ),
    Operation(
        id=3, process=0, f="cas", args=("k", 1, 3), call_ns=6, return_ns=7, outcome=Outcome.OK, value=False
    ),
    Operation(id=4, process=0, f="get", args=("new",), call_ns=8, return_ns=9, outcome=Outcome.OK),
    Operation(id=5, process=0, f="increment", args=("c", 2), call_ns=10, return_ns=11, outcome=Outcome.OK),
    Operation(
        id=6,
        process=0,
        f="txn",
        args=([["append", "l", 1], ["get", "l", None]],),
        call_ns=12,
        return_ns=13,
        outcome=Outcome.OK,
        value=[["append", "l", 1], ["get", "l", [1]]],
    ),
    Operation(id=7, process=0, f="put", args=("k", 9), call_ns=14, return_ns=15, error="gone"),
]


def test_our_operations_are_told_in_jepsens_words(tmp_path):
    export(table_of(OURS), tmp_path / "h.edn", "edn")
    lines = (tmp_path / "h.edn").read_text().splitlines()
    assert lines[:4] == [
        '{:type :invoke, :process 0, :f :write, :value ["k" 1], :time 0, :index 0}',
        '{:type :ok, :process 0, :f :write, :value ["k" 1], :time 1, :index 1}',
        '{:type :invoke, :process 0, :f :read, :value ["k" nil], :time 2, :index 2}',
        '{:type :ok, :process 0, :f :read, :value ["k" 1], :time 3, :index 3}',
    ]
    assert lines[7] == '{:type :fail, :process 0, :f :cas, :value ["k" [1 3]], :time 7, :index 7}'
    assert lines[9] == '{:type :ok, :process 0, :f :read, :value ["new" nil], :time 9, :index 9}'
    assert lines[11] == '{:type :ok, :process 0, :f :add, :value ["c" 2], :time 11, :index 11}'
    assert ':value [[:append "l" 1] [:r "l" nil]]' in lines[12]
    assert ':value [[:append "l" 1] [:r "l" [1]]]' in lines[13]
    assert lines[15] == (
        '{:type :info, :process 0, :f :write, :value ["k" 9], :error "gone", :time 15, :index 15}'
    )


def test_elle_cli_reads_the_same_as_json(tmp_path):
    export(table_of(OURS), tmp_path / "h.json", "json")
    lines = [json.loads(line) for line in (tmp_path / "h.json").read_text().splitlines()]
    assert lines[3] == {"type": "ok", "process": 0, "f": "read", "value": ["k", 1], "time": 3, "index": 3}


def test_objects_are_the_same_in_jepsens_words(tmp_path):
    mine = table_of(OURS[:5])
    export(mine, tmp_path / "h.edn", "edn")
    theirs = read(tmp_path / "h.edn").table

    def told(table):
        found = objects(table, np.arange(len(table)))
        return [
            (table.values.get(int(found.names[key])), table.values.get(int(result)))
            for key, result, f in zip(found.key, found.result, table.f, strict=True)
            if table.names[f] in ("get", "read")
        ]

    assert told(mine) == told(theirs) == [("k", 1), ("new", None)]


def test_what_can_not_be_written_is_told(tmp_path, monkeypatch):
    table = table_of(OURS)
    with pytest.raises(UsageError, match="can't be written"):
        export(table, tmp_path / "no" / "h.edn", "edn")
    with pytest.raises(FolderError, match="No space left"):
        export(table, Path("/dev/full"), "edn")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(MissingError, match="pip install"):
        export(table, tmp_path / "h.parquet", "parquet")
