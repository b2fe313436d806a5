from hypothesis import given
from hypothesis import strategies as st

from nodes.linux.lines import LONGEST_LINE_BYTES, LineBuffer

TEXT = st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\r", b"\x00", b"\xff"]), max_size=60).map(b"".join)


def feed(chunks: list[bytes]) -> tuple[bytes, list[bytes], bytes]:
    buffer = LineBuffer()
    kept, lines = b"", []
    for chunk in chunks:
        block, whole = buffer.feed(chunk)
        kept += block
        lines += whole
    return kept, lines, buffer.rest()


@given(TEXT, st.lists(st.integers(0, 60), max_size=5))
def test_lines_do_not_depend_on_how_the_stream_was_cut(text: bytes, cuts: list[int]) -> None:
    ends = sorted({min(cut, len(text)) for cut in cuts} | {len(text)})
    chunks = [text[a:b] for a, b in zip([0, *ends], ends, strict=False)]
    kept, lines, rest = feed(chunks)
    assert kept + rest == text
    assert lines == text.split(b"\n")[:-1]


def test_an_unfinished_line_is_kept_but_is_no_line() -> None:
    assert feed([b"one\ntw", b"o"]) == (b"one\n", [b"one"], b"two")


def test_a_line_that_is_too_long_is_logged_in_pieces_and_passed_to_nobody() -> None:
    monster = b"x" * (LONGEST_LINE_BYTES + 1)
    buffer = LineBuffer()
    assert buffer.feed(b"first\n" + monster) == (b"first\n" + monster, [b"first"])
    assert buffer.rest() == b""
    assert buffer.feed(monster) == (monster, [])
    assert buffer.feed(b"tail\nlast\n") == (b"tail\nlast\n", [b"last"])


def test_a_line_of_the_longest_length_is_a_line() -> None:
    line = b"x" * LONGEST_LINE_BYTES
    kept, lines, _ = feed([line, b"\n"])
    assert (kept, lines) == (line + b"\n", [line])
