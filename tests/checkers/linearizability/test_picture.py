"""The picture of a failing window."""

from itertools import pairwise
from xml.etree import ElementTree

import pytest

from checkers.linearizability import MODELS, UNKNOWN, Call, CallsBuilder, Window, check
from checkers.linearizability.models.words import either
from checkers.linearizability.picture import WIDTH, Band, picture, svg

SVG = "{http://www.w3.org/2000/svg}"


def window(value: object = 2, key: str = "x") -> Window:
    """Return the window of a read of 1 after 1 was overwritten; another write of 1 leaves it to a search."""
    builder = CallsBuilder()
    for number, (f, told, call_ns, return_ns) in enumerate(
        (
            ("write", 1, 0, 10_000),
            ("write", value, 20_000, 30_000),
            ("write", "late", 25_000, None),
            ("read", 1, 40_000, 50_000),
            ("write", 1, 90_000, 99_000),
        )
    ):
        args, result = ((), told) if f == "read" else ((told,), None)
        builder.add(
            id=number,
            f=f,
            args=args,
            result=result,
            call_ns=call_ns,
            return_ns=return_ns,
            key=key,
            process=number,
        )
    return check(builder.build(), MODELS["register"]).windows[0]


def test_it_shows_what_has_to_happen_and_where_it_gets_stuck() -> None:
    drawn = picture(window())
    assert [(each.kind, each.text) for each in drawn.intervals] == [
        ("required", "write 2"),
        ("possible", "write late ?"),
        ("stuck", "✘ read 1"),
    ]
    stuck = next(each for each in drawn.intervals if each.kind == "stuck")
    assert stuck.x < drawn.stuck_x <= stuck.x + stuck.width + 1
    unknown = next(each for each in drawn.intervals if each.kind == "possible")
    assert unknown.open_right
    assert len({lane.y for lane in drawn.lanes}) == len(drawn.lanes)


def test_labels_of_one_process_do_not_cover_each_other() -> None:
    builder = CallsBuilder()
    builder.add(id=0, f="write", args=(1,), result=None, call_ns=0, return_ns=1, process=1)
    builder.add(id=1, f="read", result=1, call_ns=2, return_ns=3, process=1)
    builder.add(id=2, f="read", result=9, call_ns=1, return_ns=1000, process=2)
    builder.add(id=3, f="write", args=(1,), call_ns=0, process=1)
    drawn = picture(check(builder.build(), MODELS["register"]).windows[0])
    rows: dict[float, list[tuple[float, float]]] = {}
    for each in drawn.intervals:
        rows.setdefault(each.y, []).append((each.x, each.x + len(each.text) * 6))
    for spans in rows.values():
        ordered = sorted(spans)
        assert all(left[1] <= right[0] for left, right in pairwise(ordered))


def test_faults_are_bands_and_only_those_that_were_there() -> None:
    seen = Band(label="kill n1", from_ns=0, until_ns=None)
    gone = Band(label="pause n2", from_ns=1, until_ns=2)
    assert [shade.label for shade in picture(window(), [seen, gone]).shades] == ["kill n1"]


def test_every_label_ends_within_the_picture() -> None:
    for end_ns in range(1, 400, 7):
        builder = CallsBuilder()
        begin = 10**12
        for number in range(3):
            builder.add(id=number, f="append", args=(f"quite-a-long-name-{number}",), result=None,
                        call_ns=begin, return_ns=begin + 5)  # fmt: skip
        builder.add(id=99, f="read", result=None, call_ns=begin + 6, return_ns=begin + 6 + end_ns)
        drawn = picture(check(builder.build(), MODELS["list-append"]).windows[0])
        assert all(tick.label_x + 3 * len(tick.label) < WIDTH for tick in drawn.ticks)
        assert all(abs(tick.label_x - tick.x) < 40 for tick in drawn.ticks)
        assert drawn.entry_x + 6 * len(drawn.entry) < WIDTH


def test_times_have_the_unit_that_is_read_easily() -> None:
    assert [tick.label for tick in picture(window()).ticks][:3] == ["20 µs", "25 µs", "30 µs"]


def test_what_was_answered_is_told_where_it_was_nothing() -> None:
    builder = CallsBuilder()
    builder.add(id=0, f="append", args=(1,), result=None, call_ns=0, return_ns=1)
    builder.add(id=1, f="read", result=None, call_ns=2, return_ns=3)
    drawn = picture(check(builder.build(), MODELS["list-append"]).windows[0])
    assert [each.text for each in drawn.intervals] == ["append 1", "✘ read → nil"]
    assert drawn.stuck == "stuck: read → nil must have happened"


@pytest.mark.parametrize(
    "model,call,told",
    [
        ("fifo-queue", Call(f="dequeue"), "dequeue → nil"),
        ("fifo-queue", Call(f="enqueue", args=(1,)), "enqueue 1"),
        ("kv-append", Call(f="get"), "get → nil"),
        ("set", Call(f="read", result=UNKNOWN), "read ?"),
        ("set", Call(f="read", result=frozenset({2, 1})), "read → {1 2}"),
        ("multi-register", Call(f="read", args=(("x", "y"),)), "read [x y] → nil"),
        ("multi-register", Call(f="read", args=(("x", "y"),), result=(("x", None),)), "read x=nil"),
        ("multi-register", Call(f="write", args=((("y", 2), ("x", 1)),), result=UNKNOWN), "write x=1, y=2 ?"),
        ("multi-register", Call(f="txn", args=((("r", "x", None), ("w", "y", 2)),), result=None),
         "read x=?, write y=2"),
        ("multi-register", Call(f="swap", args=("x", "y"), result=True), "swap x y → True"),
    ],
)  # fmt: skip
def test_calls_are_told_with_their_answers(model: str, call: Call, told: str) -> None:
    assert MODELS[model].describe(call) == told


def test_names_are_text_whatever_they_are() -> None:
    evil = '"><script>alert(1)</script>'
    drawn = svg(window(evil, key=evil), [Band(label=evil, from_ns=0, until_ns=None)])
    root = ElementTree.fromstring(drawn)
    assert not list(root.iter(f"{SVG}script"))
    assert any(evil in (text.text or "") for text in root.iter(f"{SVG}text"))


def test_a_long_text_at_the_right_edge_ends_at_its_operation() -> None:
    long = "a" * 40
    builder = CallsBuilder()
    builder.add(id=0, f="write", args=(long,), result=None, call_ns=0, return_ns=10_000)
    builder.add(id=1, f="write", args=("b",), result=None, call_ns=20_000, return_ns=30_000)
    builder.add(id=2, f="read", result=long, call_ns=49_900, return_ns=50_000)
    builder.add(id=3, f="write", args=(long,), result=None, call_ns=90_000, return_ns=99_000)
    drawn = picture(check(builder.build(), MODELS["register"]).windows[0])
    written, stuck = drawn.intervals
    assert (written.anchor, stuck.anchor, stuck.text_x) == ("start", "end", stuck.x + stuck.width)
    assert stuck.text == f"✘ read {long}"


def test_of_many_possibilities_the_first_are_named() -> None:
    assert either(["a"]) == "a"
    assert either("abcd") == "a or b or c or d"
    assert either("abcde") == "a or b or c or 2 others"
