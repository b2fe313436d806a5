"""What nodes say to each other survives the wire, and what is none of it is refused."""

import itertools
import json
import struct
from dataclasses import fields
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.reference import messages as ms
from nodes.reference.records import DamageError, encode, frame_at, frames_in
from nodes.reference.wire import MAX_FRAME, GarbageError, Splitter, pack, pack_json

KINDS = get_args(ms.Message)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def any_message(kind: type[Any]) -> st.SearchStrategy[Any]:
    types = {"record": st.dictionaries(st.text(max_size=5), JSON, max_size=3)}
    return st.builds(kind, **{name: how for name, how in types.items() if name in kind.__annotations__})


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_every_message_comes_back_as_it_went(kind: type[Any], data: st.DataObject) -> None:
    message = data.draw(any_message(kind))
    header = json.loads(ms.encode(message))
    assert ms.decode(header) == message


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_a_message_is_written_as_the_json_of_its_fields(kind: type[Any], data: st.DataObject) -> None:
    message = data.draw(any_message(kind))
    header = {"is": kind.__name__} | {one.name: getattr(message, one.name) for one in fields(kind)}
    assert ms.encode(message) == json.dumps(header, separators=(",", ":")).encode()


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_a_field_of_another_type_is_refused_or_harmless(kind: type[Any], data: st.DataObject) -> None:
    header = json.loads(ms.encode(data.draw(any_message(kind))))
    field = data.draw(st.sampled_from(sorted(header)))
    header[field] = data.draw(JSON)
    before = dict(header)
    try:
        decoded = ms.decode(header)
    except ms.ProtocolError:
        return
    assert type(decoded).__name__ == before["is"]


@given(header=st.dictionaries(st.text(max_size=8), JSON, max_size=4))
def test_any_other_object_is_refused(header: dict[str, Any]) -> None:
    with pytest.raises(ms.ProtocolError):
        ms.decode(header)


@given(
    frames=st.lists(
        st.tuples(st.dictionaries(st.text(max_size=5), JSON, max_size=3), st.binary(max_size=50))
    ),
    cuts=st.lists(st.integers(0, 2000), max_size=10),
)
def test_frames_come_out_whole_however_the_stream_is_cut(
    frames: list[tuple[dict[str, Any], bytes]], cuts: list[int]
) -> None:
    stream = b"".join(pack(json.dumps(header).encode(), blob) for header, blob in frames)
    places = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})
    splitter = Splitter()
    out = [frame for start, end in itertools.pairwise(places) for frame in splitter.feed(stream[start:end])]
    assert out == frames


SIZES = st.integers(0, 60) | st.integers(0, 2**32 - 1)


@given(size=SIZES, header_size=SIZES, rest=st.binary(max_size=80))
def test_impossible_sizes_are_garbage_and_possible_ones_are_waited_for(
    size: int, header_size: int, rest: bytes
) -> None:
    data = struct.pack(">II", size, header_size) + rest
    if not 4 + header_size <= size <= MAX_FRAME:
        with pytest.raises(GarbageError, match="impossible"):
            Splitter().feed(data)
    else:
        assert Splitter().feed(data[: size + 3]) == []


@given(header=st.binary(max_size=20) | JSON.map(lambda value: json.dumps(value).encode()))
def test_a_header_that_is_no_object_is_garbage(header: bytes) -> None:
    try:
        value = json.loads(header)
    except ValueError:
        value = None
    if isinstance(value, dict):
        assert Splitter().feed(pack(header)) == [(value, b"")]
    else:
        with pytest.raises(GarbageError, match="no JSON"):
            Splitter().feed(pack(header))


def test_a_deeply_nested_header_is_garbage() -> None:
    with pytest.raises(GarbageError):
        Splitter().feed(pack(b'{"a":' * 100_000))
    assert Splitter().feed(pack_json({})) == [({}, b"")]


@given(payloads=st.lists(st.binary(max_size=40), min_size=1, max_size=5), place=st.integers(0, 500))
def test_a_changed_bit_in_a_frame_is_noticed(payloads: list[bytes], place: int) -> None:
    blob = b"".join(encode(index, 101, payload) for index, payload in enumerate(payloads, 1))
    assert b"".join(frames_in(blob)) == blob
    damaged = bytearray(blob)
    damaged[place % len(blob)] ^= 0x10
    with pytest.raises(DamageError):
        list(frames_in(bytes(damaged)))


def test_zeros_are_the_end_but_not_other_rests() -> None:
    frame = encode(1, 101, b"x")
    assert frame_at(frame + bytes(20), len(frame)) is None
    assert frame_at(frame, len(frame)) is None
    with pytest.raises(DamageError):
        frame_at(frame + b"\0\1", len(frame))
