import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.columns.values import Keyword, Members, Tagged, frozen
from harness.reading import edn
from harness.reading.edn import EdnError

texts = st.text(st.characters(codec="utf-8"), max_size=6)
keywords = st.from_regex(r"[a-z][a-z0-9?!*/-]{0,5}", fullmatch=True).map(Keyword)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts | keywords
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(Members)
        | st.dictionaries(scalars | st.tuples(scalars, scalars), inner, max_size=3)
        | st.builds(Tagged, st.just("inst"), inner)
    ),
    max_leaves=12,
)


def alike(found, meant):
    """Equal in value, in type, and in the types of all that is inside; a key that is a vector is a tuple."""
    if isinstance(meant, dict):
        return (
            isinstance(found, dict)
            and list(map(repr, found)) == [repr(frozen(key)) for key in meant]
            and all(map(alike, found.values(), meant.values()))
        )
    if isinstance(meant, Tagged):
        return found.tag == meant.tag and alike(found.value, meant.value)
    if isinstance(meant, list | Members):
        return type(found) is type(meant) and len(found) == len(meant) and all(map(alike, found, meant))
    return type(found) is type(meant) and found == meant


@given(values)
def test_what_is_written_is_read_again(value):
    assert alike(edn.parse(edn.write(value)), value)


@given(st.lists(values, max_size=5))
def test_values_side_by_side_are_told_apart(several):
    found = edn.forms("\n".join(map(edn.write, several)))
    assert alike(found, several)
    text = " ; a comment\n, ".join(map(edn.write, several))
    assert alike(edn.forms(text), several)


@pytest.mark.parametrize(
    "text,value",
    [
        ("#jepsen.history.Op{:index 3, :f :read}", {"index": 3, "f": "read"}),
        ("{:a 1 :b 2}", {"a": 1, "b": 2}),
        ("(1 2,3)", [1, 2, 3]),
        ("#{1 2}", Members((1, 2))),
        ('"a\\"b\\n\\u0041\\\\"', 'a"b\nA\\'),
        ("[\\a \\newline \\u0042 \\space]", ["a", "\n", "B", " "]),
        ("[4/2 1/3 -7 +7 7N 1.5M 2.0M 1e3]", [2, "1/3", -7, 7, 7, "1.5M", 2, 1000.0]),
        ("[#_ gone kept #_ #_ a b]", ["kept"]),
        ('#inst "2020-01-31"', Tagged("inst", "2020-01-31")),
        ("{[1 [2]] :pair}", {(1, (2,)): "pair"}),
        ("##-Inf", float("-inf")),
        ("[:timed-out :a/b nil true false sym]", ["timed-out", "a/b", None, True, False, "sym"]),
        ("[+ - +a]", ["+", "-", "+a"]),
    ],
)
def test_forms_that_jepsen_writes(text, value):
    assert edn.parse(text) == value


@pytest.mark.parametrize(
    "text,at,incomplete",
    [
        ("{:a 1", 4, True),
        ('[1 "ab', 3, True),
        ("[1 2] ]", 6, False),
        ("[1 2}", 4, False),
        ("{:a}", 3, False),
        ("1 12x", 2, False),
        ("[1 #_]", 5, False),
        ("[] #inst", 3, True),
        ("@a", 0, False),
        ("# 1", 0, False),
    ],
)
def test_faults_are_placed(text, at, incomplete):
    with pytest.raises(EdnError) as caught:
        edn.forms(text)
    assert (caught.value.at, caught.value.incomplete) == (at, incomplete)


def test_deep_nesting_needs_no_stack():
    value = edn.parse("[" * 100_000 + "]" * 100_000)
    assert value[0][0][0] != []


@given(st.lists(values, max_size=5))
def test_starts_tell_where_each_value_begins(several):
    written = [edn.write(each) for each in several]
    text = "\n".join(written)
    places, at = [], 0
    for each in written:
        places.append(at)
        at += len(each) + 1
    assert edn.starts(text) == places
