import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_history import histories

from harness.columns.growing import Growing
from harness.columns.table import table_of
from harness.columns.values import Builder, Concatenation, Keyword, Kind, Members, Tagged

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=3)
    | st.text("abc", min_size=1, max_size=3).map(Keyword)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(Members)
        | st.dictionaries(st.text(max_size=2) | st.integers(), inner, max_size=2)
        | st.builds(Tagged, st.text(max_size=2), inner)
    ),
    max_leaves=10,
)
columns = st.lists(values, max_size=6) | st.lists(st.tuples(st.text(max_size=2), scalars), max_size=6)


def same(found, meant):
    """Equal in value and in all types, but for tuples, which come back as lists."""
    if isinstance(meant, dict):
        return list(found) == list(meant) and all(map(same, found.values(), meant.values()))
    if isinstance(meant, Members | Tagged):
        return type(found) is type(meant) and all(map(same, found, meant))
    if isinstance(meant, list | tuple):
        return type(found) is list and len(found) == len(meant) and all(map(same, found, meant))
    return type(found) is type(meant) and found == meant


@given(st.lists(columns, max_size=3))
def test_values_come_back_as_they_were(several):
    builder = Builder()
    firsts = [builder.add(column) for column in several]
    built = builder.build()
    for first, column in zip(firsts, several, strict=True):
        assert same(built.objects(np.arange(first, first + len(column))), column)


@given(
    parts=st.lists(st.lists(st.integers(-9, 9), max_size=5), max_size=8),
    shares=st.lists(st.just(0) | st.floats(0.001, 2), min_size=8, max_size=8),
)
def test_a_column_grows_by_whatever_guess(parts, shares):
    guesses = iter(shares * 8)
    column = Growing(np.int64, lambda: next(guesses))
    for part in parts:
        assert column.extend(np.array(part, np.int64)).tolist() == part
    assert column.whole().tolist() == [each for part in parts for each in part]
    assert len(column) == len(column.whole())


def test_a_good_guess_makes_room_once():
    done = 0
    column = Growing(np.int64, lambda: done / 1000)
    rooms = set()
    for _ in range(100):
        done += 10
        column.extend(np.arange(10))
        rooms.add(id(column.whole().base))
    assert len(rooms) == 1


@given(st.lists(st.lists(values, max_size=3), max_size=6))
def test_spans_are_side_by_side(lists):
    builder = Builder()
    builder.add([1])
    firsts, counts = builder.add_spans(lists)
    built = builder.build()
    for first, count, each in zip(firsts.tolist(), counts.tolist(), lists, strict=True):
        assert same(built.objects(np.arange(first, first + count)), each)


@given(st.lists(columns, max_size=4))
def test_parts_can_be_put_together(several):
    parts = []
    for column in several:
        builder = Builder()
        builder.add(column)
        parts.append(builder.build())
    concatenation = Concatenation()
    renamed = [concatenation.add(part) for part in parts]
    whole = concatenation.build()
    base = 0
    for column, part, texts in zip(several, parts, renamed, strict=True):
        assert same(whole.objects(np.arange(base, base + len(column))), column)
        assert [whole.texts[i] for i in texts] == list(part.texts)
        base += len(part)
    assert len(concatenation) == base


def test_what_no_history_has_is_refused():
    with pytest.raises(TypeError, match="object"):
        Builder().add([object()])


def test_kinds_of_missing_cells_are_nil():
    builder = Builder()
    builder.add([7, "a"])
    assert builder.build().kinds_at(np.array([-1, 1, 0])).tolist() == [Kind.NIL, Kind.TEXT, Kind.INT]


@given(histories())
def test_operations_come_back_as_they_were(operations):
    table = table_of(operations)
    assert list(table.operations()) == sorted(operations, key=lambda operation: operation.call_ns)


@given(histories())
def test_rows_are_found_by_name(operations):
    table = table_of(operations)
    meant = [row for row, op in enumerate(table.operations()) if op.f in ("get", "put")]
    assert table.rows("get", "put", "unheard-of").tolist() == meant
