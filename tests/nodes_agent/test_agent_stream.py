"""Messages survive any number of cuts: each arrives once, in order, whatever was lost on the way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.agent.frames import MOST_BODY_BYTES, Decoder, Frame, FrameError, encode
from nodes.agent.stream import Stream


class Ends:
    """Two ends with a connection between them that may be cut, and loses what has not arrived by then."""

    def __init__(self) -> None:
        self.streams = (Stream(), Stream())
        self.heard: tuple[list[int], list[int]] = ([], [])
        self.said = [0, 0]
        self.on_its_way = [b"", b""]
        self.decoders = (Decoder(), Decoder())
        self.joined = True

    def say(self, end: int) -> None:
        self.said[end] += 1
        data = self.streams[end].post({"word": self.said[end]}, b"body")
        if self.joined:
            self.on_its_way[end] += data

    def deliver(self, end: int, count: int) -> None:
        """Let some bytes that `end` sent arrive."""
        part, self.on_its_way[end] = self.on_its_way[end][:count], self.on_its_way[end][count:]
        other = 1 - end
        for frame in self.decoders[other].feed(part):
            message = self.streams[other].take(frame)
            if message is not None:
                assert frame.body == b"body"
                self.heard[other].append(message["word"])
        if self.joined:
            self.on_its_way[other] += self.streams[other].confirmation()

    def cut(self) -> None:
        self.on_its_way, self.joined = [b"", b""], False

    def join(self) -> None:
        self.decoders = (Decoder(), Decoder())
        self.on_its_way = [self.streams[end].again(self.streams[1 - end].received) for end in (0, 1)]
        self.joined = True


steps = st.one_of(
    st.tuples(st.just("say"), st.integers(0, 1)),
    st.tuples(st.just("deliver"), st.integers(0, 1), st.integers(1, 400)),
    st.tuples(st.just("cut")),
    st.tuples(st.just("join")),
)


@given(st.lists(steps, max_size=60))
def test_each_message_arrives_once_and_in_order(plan: list[tuple[object, ...]]) -> None:
    ends = Ends()
    for name, *arguments in plan:
        if name == "join" and ends.joined:
            continue
        getattr(ends, str(name))(*arguments)
    ends.cut()
    ends.join()
    for end in (0, 1, 0, 1):
        ends.deliver(end, 1 << 30)
    for end in (0, 1):
        assert ends.heard[1 - end] == list(range(1, ends.said[end] + 1))


def test_what_is_confirmed_is_not_kept() -> None:
    one, other = Stream(), Stream()
    for _ in range(100):
        for frame in Decoder().feed(one.post({"x": 1})):
            other.take(frame)
        for frame in Decoder().feed(other.confirmation()):
            assert one.take(frame) is None
    assert len(one._kept) < 100
    assert Decoder().feed(one.again(other.received)) == []


def test_a_message_that_is_missing_is_noticed() -> None:
    one, other = Stream(), Stream()
    one.post({"x": 1})
    (second,) = Decoder().feed(one.post({"x": 2}))
    with pytest.raises(FrameError, match="message 2 came after message 0"):
        other.take(second)


@given(st.lists(st.tuples(st.dictionaries(st.text(), st.integers()), st.binary())), st.integers(1, 50))
def test_frames_come_out_as_they_went_in(frames: list[tuple[dict[str, int], bytes]], piece: int) -> None:
    data = b"".join(encode(head, body) for head, body in frames)
    decoder = Decoder()
    found = [frame for at in range(0, len(data), piece) for frame in decoder.feed(data[at : at + piece])]
    assert found == [Frame(head, body) for head, body in frames]


@pytest.mark.parametrize("noise", [b"Welcome to n1!\n\n\n\n", b"\0\0\0\2\0\0\0\0[]", b"\0\0\0\2\0\0\0\0{x"])
def test_noise_is_no_message(noise: bytes) -> None:
    with pytest.raises(FrameError):
        Decoder().feed(noise)


def test_a_message_that_is_too_long_is_not_sent() -> None:
    with pytest.raises(FrameError, match="too long"):
        encode({}, bytes(MOST_BODY_BYTES + 1))
