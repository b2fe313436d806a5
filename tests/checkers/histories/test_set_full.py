from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import FAIL, INFO, OK, check, op, outcomes, spans, table, titles

from checkers.histories.set_full import SetFull
from harness.columns.values import Members
from harness.system import SettingError
from harness.verdict import Verdict

SET = SetFull({})


def test_what_was_added_and_is_read_is_stable():
    result = check(SET, op("add", 1, at=(0, 1)), op("add", 2, at=(2, 3)), op("read", at=(4, 5), value=[2, 1]))
    assert (result.verdict, result.figures["stable"]) == (Verdict.HOLDS, 2)
    assert result.certificate is None


def test_what_is_missing_in_the_end_is_lost():
    result = check(
        SET,
        op("add", 1, at=(0, 10)),
        op("add", 2, at=(0, 1)),
        op("read", at=(20, 30), value=[1, 2]),
        op("read", at=(40, 50), value=[1]),
    )
    assert (result.verdict, result.anomalies) == (Verdict.VIOLATED, ("lost",))
    assert titles(result) == ["1 element lost"]
    assert result.certificate == {
        "kind": "set-full",
        "lost": [{"element": 2, "add": 1, "missing_in": 3}],
        "duplicated": [],
        "unexpected": [],
    }
    assert result.figures["lost_s"]["0.5"] == pytest.approx(19e-9)  # known since 1, last seen by a read at 20


def test_what_is_missing_for_a_while_is_stale():
    history = (
        op("add", 1, at=(0, 10)),
        op("read", at=(20, 30), value=[]),
        op("read", at=(40, 50), value=[1]),
    )
    result = check(SET, *history)
    assert (result.verdict, result.figures["stale"]) == (Verdict.HOLDS, 1)
    assert result.figures["stable_s"]["1"] == pytest.approx(10e-9)
    strict = check(SetFull({"linearizable": True}), *history)
    assert (strict.verdict, strict.anomalies) == (Verdict.VIOLATED, ("stale",))
    assert check(SET, *history, consistency="linearizable") == strict


def test_duplicates_fail():
    """Jepsen's set-full counts them, and lets them pass."""
    result = check(SET, op("add", 1, at=(0, 1)), op("read", at=(4, 5), value=[1, 1, 1]))
    assert (result.verdict, result.anomalies) == (Verdict.VIOLATED, ("duplicated",))
    assert result.certificate["duplicated"] == [{"element": 1, "read": 1, "times": 3}]


@pytest.mark.parametrize(
    "adds,why",
    [
        ((op("add", 1, at=(9, 10)),), "1 element that nobody added"),
        ((op("add", 7, at=(0, 1), outcome=FAIL),), "1 element whose adds surely failed"),
        ((op("add", 7, at=(8, 9)),), "1 element that nobody had begun to add"),
    ],
)
def test_what_can_not_be_there_is_unexpected(adds, why):
    result = check(SET, *adds, op("read", at=(4, 5), value=[7]))
    assert (result.verdict, result.anomalies) == (Verdict.VIOLATED, ("unexpected",))
    assert why in result.findings[0].lines[0]


def test_an_element_added_after_all_is_no_failed_one():
    history = (
        op("add", 7, at=(0, 1), outcome=FAIL),
        op("add", 7, at=(2, 3)),
        op("read", at=(4, 5), value=[7]),
    )
    assert check(SET, *history).verdict is Verdict.HOLDS


def test_reads_that_overlap_lose_nothing():
    """The one that shows the element may have happened last, though it was asked for first."""
    result = check(
        SET, op("add", 1, at=(0, 1)), op("read", at=(2, 9), value=[1]), op("read", at=(3, 4), value=[])
    )
    assert (result.verdict, result.figures["stale"]) == (Verdict.HOLDS, 1)


def test_an_acknowledgement_at_the_instant_of_a_read_is_concurrent():
    result = check(SET, op("add", 1, at=(0, 1)), op("read", at=(1, 2), value=[]))
    assert (result.verdict, result.figures["lost"]) == (Verdict.INCONCLUSIVE, 0)


def test_without_a_read_nothing_is_proved():
    assert (
        check(SET, op("add", 1, at=(0, 1)), op("read", at=(2, 3), outcome=INFO)).verdict
        is Verdict.INCONCLUSIVE
    )
    assert check(SET, op("add", 1, at=2), op("read", at=(2, 3), value=[])).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("way", ["arguments", "pairs"])
def test_sets_are_judged_one_by_one(way):
    def add(key, element, at):
        return op("add", key, element, at=at) if way == "arguments" else op("add", [key, element], at=at)

    def read(key, elements, at):
        if way == "arguments":
            return op("get", key, at=at, value=elements)
        return op("read", [key, None], at=at, value=[key, elements])

    history = [
        add("a", 1, (0, 1)),
        add("b", 1, (2, 3)),
        add("b", 2, (2, 3)),
        read("a", Members((1,)), (4, 5)),
    ]
    assert check(SET, *history, read("b", [2, 1], (4, 5))).verdict is Verdict.HOLDS
    result = check(SET, *history, read("b", [1], (4, 5)))
    assert (result.verdict, result.certificate["lost"]) == (
        Verdict.VIOLATED,
        [{"element": 2, "add": 2, "missing_in": 4}],
    )


def test_it_is_for_sets():
    adds = op("add", 1, at=(0, 1))
    assert SET.fits(table(adds, op("read", at=(2, 3), value=[1])))
    assert not SET.fits(table(adds, op("read", at=(2, 3), value=1)))
    assert not SET.fits(table(op("write", 1, at=(0, 1)), op("read", at=(2, 3), value=[1])))
    assert not SET.fits(table(adds))


def test_unknown_options_are_refused():
    with pytest.raises(SettingError):
        SetFull({"strict": True})


elements = st.sampled_from([1, 2, 3]) | st.sampled_from(["a", "b"]) | st.tuples(st.integers(0, 1)).map(list)


@st.composite
def histories(draw, of=elements):
    adds = [
        op("add", draw(of), at=draw(spans()), outcome=draw(outcomes)) for _ in range(draw(st.integers(0, 5)))
    ]
    reads = [
        op("read", at=draw(spans()), value=draw(st.lists(of, max_size=4)), outcome=draw(outcomes))
        for _ in range(draw(st.integers(0, 4)))
    ]
    return adds + reads


def plainly(operations):
    """The counts by their definitions, element by element and read by read."""
    adds = [each for each in operations if each.f == "add"]
    reads = [
        each for each in operations if each.f == "read" and each.outcome is OK and each.return_ns is not None
    ]
    counts = Counter()
    for element in {repr(each.args[0]): each.args[0] for each in adds}.values():
        mine = [each for each in adds if each.args[0] == element]
        begun = min(each.call_ns for each in mine)
        failed = all(each.outcome is FAIL for each in mine)
        acknowledged = [each.return_ns for each in mine if each.outcome is OK]
        may = [each for each in reads if each.return_ns >= begun]
        shows = [each for each in may if element in each.value]
        misses = [each for each in may if element not in each.value]
        known = min([*acknowledged, *(each.return_ns for each in shows)], default=None)
        counts["duplicated"] += any(each.value.count(element) > 1 for each in shows)
        if known is None:
            continue
        late = [each for each in misses if each.call_ns > known]
        last = max((each.return_ns for each in shows), default=-1)
        lost = any(each.call_ns > last for each in late)
        counts["lost"] += lost
        counts["stable"] += bool(shows) and not lost
        counts["stale"] += bool(shows) and not lost and bool(late)
        counts["never_read"] += not shows and not lost
        counts["unexpected"] += failed * sum(1 for each in shows)
    for read in reads:
        for element in read.value:
            mine = [each for each in adds if each.args[0] == element]
            counts["unexpected"] += not any(each.call_ns <= read.return_ns for each in mine)
    return counts


@given(histories() | histories(st.sampled_from([1, 2, 3])) | histories(st.sampled_from([-(2**62), 0, 2**62])))
def test_the_counts_are_those_of_the_definitions(operations):
    figures = check(SET, *operations).figures
    meant = plainly(operations)
    assert {
        name: figures[name] for name in ("lost", "stable", "stale", "never_read", "duplicated", "unexpected")
    } == {name: meant[name] for name in ("lost", "stable", "stale", "never_read", "duplicated", "unexpected")}


@given(histories(), st.integers(1, 1000), st.permutations(range(9)))
def test_neither_times_nor_names_nor_places_matter(operations, shift, places):
    before = check(SET, *operations)
    moved = [
        op(
            each.f,
            *(["renamed", arg, None] for arg in each.args),
            at=(each.call_ns + shift, None if each.return_ns is None else each.return_ns + shift),
            value=None if each.value is None else [["renamed", element, None] for element in each.value],
            outcome=each.outcome,
        )
        for each in operations
    ]
    shuffled = [moved[place] for place in places if place < len(moved)]
    after = check(SET, *shuffled)
    assert (after.verdict, after.figures) == (before.verdict, before.figures)
