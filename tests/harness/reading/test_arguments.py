"""Columns of JSON as cells: the scanner and Python come to the same, whatever is in them."""

import json

import msgspec
import pyarrow
import pytest

from harness.columns.values import Kind
from harness.reading import arguments as module
from harness.reading import scanned
from harness.reading.arguments import arguments

ROWS = (
    ([], None),
    (None, 3),
    (["k", 1], None),
    (["k", None, [1, [2, "x"]]], [1, 2, 3]),
    ([{"a": 1, "b": [True, False]}], {"a": None}),
    (["é\n\"", -5], ""),
    ([1], False),
)  # fmt: skip
ODD = ((["😀\u0001", 1.5], 2.25), ([10**30], -(10**30)))


def table(rows):
    texts = [[None if each is None else json.dumps(each) for each in row] for row in rows]
    columns = {name: pyarrow.array([row[place] for row in texts], pyarrow.string())
               for place, name in enumerate(("args", "value"))}  # fmt: skip
    return pyarrow.table(columns)


def objects(found):
    values = found.values
    told = []
    for first, arity, value in zip(
        found.first.tolist(), found.arity.tolist(), found.value.tolist(), strict=True
    ):
        args = [values.get(first + place) for place in range(arity)]
        told.append((args, None if value < 0 else values.get(value)))
    return told


@pytest.mark.parametrize("rows", [ROWS, ROWS + ODD, ODD, ()])
@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("chunk", [2, 1 << 16])
def test_what_was_written_is_read(rows, compiled, chunk, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", chunk)
    if not compiled:
        monkeypatch.setattr(scanned, "maps", lambda piece, names: None)
    found = arguments(table(rows))
    assert objects(found) == [(args or [], value) for args, value in rows]
    assert len(found.values) == 0 or (found.values.kind <= max(Kind)).all()


def test_what_is_no_list_and_what_is_no_json_is_refused():
    with pytest.raises(TypeError):
        arguments(table([(5, None)]))
    with pytest.raises(msgspec.DecodeError):
        arguments(pyarrow.table({"args": ["[1"], "value": ["2]"]}))
