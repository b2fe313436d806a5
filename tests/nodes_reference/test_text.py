"""JSON is read the same with msgspec, where it is installed, and without; what is written has the same value."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.reference import text

FINITE = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | FINITE | st.text(st.characters(), max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)
OWN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters(), max_size=5)
    | st.text('"\\/\x7f\x1f\n'),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)
NO_NUMBERS = (float("nan"), float("inf"), float("-inf"))
ODD = (
    b"-0", b"-0.0", b"1e999", b"2e-324", b"1E+5", b"01", b"1.", b"NaN", b"-Infinity", b'{"a":1,"a":2}', b"[1,]",
    b" 1\t", b"\x0c1", b'"\x01"', b'"\\ud800"', b'"\\ud83d\\ude00"', b'"\\/"', b'"\\q"', b"\xff", b'"\xff"',
    b"\xef\xbb\xbf1", b"", b"nul", b"1 2", b"18446744073709551616", b"123456789.123456789123456789",
)  # fmt: skip


def read(data: bytes) -> str:
    """Return what came of reading, the sign of zero included."""
    try:
        return repr(text.from_json(data))
    except ValueError:
        return "no JSON"


def read_by_json_alone(data: bytes) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "_decode_most", None)
        return read(data)


def test_msgspec_is_installed_here() -> None:
    assert text._decode_most is not None
    assert text._encode_most is not None


@given(value=VALUES, ascii_only=st.booleans())
def test_a_value_is_read_the_same(value: Any, ascii_only: bool) -> None:
    data = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    assert read(data) == read_by_json_alone(data)


@given(value=VALUES, cut=st.integers(0, 40), junk=st.binary(max_size=3))
def test_a_damaged_text_is_refused_or_read_the_same(value: Any, cut: int, junk: bytes) -> None:
    data = text.to_json(value)
    data = data[:cut] + junk + data[cut + 1 :]
    assert read(data) == read_by_json_alone(data)


@pytest.mark.parametrize("data", ODD)
def test_odd_texts_are_read_the_same(data: bytes) -> None:
    assert read(data) == read_by_json_alone(data)


@given(value=OWN)
def test_what_a_node_says_is_written_the_same(value: Any) -> None:
    assert text.own_json(value) == text.to_json(value) == json.dumps(value, separators=(",", ":")).encode()


@given(value=VALUES)
def test_what_is_written_is_read_again(value: Any) -> None:
    assert read(text.to_json(value)) == repr(value)
    assert read(text.own_json(value)) == read_by_json_alone(text.own_json(value)) == repr(value)


@given(value=VALUES)
def test_what_was_read_is_written_again_without_msgspec(value: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "_encode_most", None)
        assert read(text.own_json(value)) == repr(value)


@pytest.mark.parametrize("in_c", [True, False])
@pytest.mark.parametrize("number", NO_NUMBERS)
def test_what_json_does_not_have_is_not_written(
    number: float, in_c: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not in_c:
        monkeypatch.setattr(text, "_pieces", None)
    with pytest.raises(ValueError, match="not JSON compliant"):
        text.to_json({"value": [number]})
    with pytest.raises(TypeError):
        text.to_json({"value": b"bytes"})


@pytest.mark.parametrize("data", [b"NaN", b"[Infinity]", b"-Infinity", b"1e999", b'{"a":-1e999}'])
def test_what_json_does_not_have_is_not_read(data: bytes) -> None:
    assert read(data) == read_by_json_alone(data) == "no JSON"


def depth(value: Any) -> int:
    """Return how many lists and objects are in each other at most."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max((depth(each) for each in inner), default=0)


@given(VALUES, st.integers(0, 6))
def test_how_deep_a_value_is_nested(value: Any, levels: int) -> None:
    assert text.is_deeper(value, levels) is (depth(value) > levels)
