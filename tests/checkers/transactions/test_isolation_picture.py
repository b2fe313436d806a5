"""The picture of a cycle."""

import xml.etree.ElementTree as ET

from small_transactions import a, columns, r, t

from checkers.transactions import check
from checkers.transactions.picture import WIDTH, picture, svg
from harness.operation import Outcome


def story(*txns):
    """The first cycle that is told."""
    stories = (each.stories[0] for each in check(columns(txns)).found)
    return next(each for each in stories if each.is_cycle)


SKEW = (
    t(1, a("x", 1), a("y<&>", 1), outcome=Outcome.INFO),
    t(2, r("x", [1]), r("y<&>", []), r("z", list(range(1000)))),
    t(3, *(a("z", each) for each in range(1000)), call=0, back=5),
)


def test_it_is_one_well_formed_file_that_needs_nothing_else():
    drawn = svg(story(*SKEW))
    root = ET.fromstring(drawn)
    assert root.tag.endswith("svg")
    assert "http" not in drawn.replace("http://www.w3.org/2000/svg", "")


def test_everything_is_within_it():
    drawn = picture(story(*SKEW))
    for box in drawn.boxes:
        assert box.y < drawn.height
        assert all(cell.x + cell.width < WIDTH for cell in box.cells)
    assert drawn.arrows[-1].y + 15 * len(drawn.arrows[-1].lines) < drawn.height


def test_it_tells_without_colours():
    """Unknown outcomes have a mark, what proves an edge an outline, and the closing arrow a cross."""
    first, second = picture(story(*SKEW)).boxes
    assert (first.kind, second.kind) == ("unknown", "ok")
    assert first.text.startswith("T1 ?")
    assert [cell.proves for cell in second.cells[:2]] == [True, True]
    assert [arrow.kind for arrow in picture(story(*SKEW)).arrows] == ["wr", "rw"]
    assert [arrow.closing for arrow in picture(story(*SKEW)).arrows] == [False, True]
    assert "✘ rw" in svg(story(*SKEW))
