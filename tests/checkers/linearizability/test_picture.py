"""The picture of a failing window."""

from itertools import pairwise
from xml.etree import ElementTree

from checkers.linearizability import MODELS, CallsBuilder, Window, check
from checkers.linearizability.picture import Band, picture, svg

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
        ("stuck", "read 1"),
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


def test_names_are_text_whatever_they_are() -> None:
    evil = '"><script>alert(1)</script>'
    drawn = svg(window(evil, key=evil), [Band(label=evil, from_ns=0, until_ns=None)])
    root = ElementTree.fromstring(drawn)
    assert not list(root.iter(f"{SVG}script"))
    assert any(evil in (text.text or "") for text in root.iter(f"{SVG}text"))
