import pytest
from small import FAIL, INFO, check, op, table

from checkers.histories.availability import Availability
from checkers.histories.errors import Errors
from checkers.histories.statistics import Statistics
from harness.system import SettingError
from harness.verdict import Verdict


def test_operations_are_counted_by_name_and_node():
    result = check(
        Statistics({}),
        op("read", at=(0, 10), node="n1"),
        op("read", at=(0, 30), node="n2"),
        op("write", 1, at=(0, 5), node="n1", outcome=FAIL),
        op("write", 1, at=3),
    )
    figures = result.figures
    assert (result.verdict, result.summary) == (
        Verdict.HOLDS,
        "4 operations: 2 acknowledged, 1 failed, 1 unknown",
    )
    assert (figures["ok"], figures["fail"], figures["info"]) == (2, 1, 1)
    assert figures["by_f"]["read"]["latency_s"]["1"] == pytest.approx(30e-9)
    assert {node: counts["count"] for node, counts in figures["by_node"].items()} == {"n1": 2, "n2": 1}
    assert [each.title for each in result.findings] == ["no write of 2 was acknowledged"]


def test_a_history_without_an_acknowledgement_is_inconclusive():
    assert check(Statistics({}), op("read", at=(0, 1), outcome=INFO)).verdict is Verdict.INCONCLUSIVE
    assert check(Statistics({})).verdict is Verdict.INCONCLUSIVE


def test_errors_are_grouped_without_their_digits():
    errors = ["port 7001 refused", "port 7002 refused", "timeout", "port 7001 refused"]
    history = [op("read", at=(n, n + 1), outcome=INFO, error=error) for n, error in enumerate(errors)]
    result = check(
        Errors({}), *history, op("read", at=(0, 1), outcome=FAIL, error="timeout"), op("read", at=(0, 1))
    )
    assert result.summary == "5 errors of 3 kinds"
    assert [(kind["outcome"], kind["error"], kind["count"]) for kind in result.figures["kinds"]] == [
        ("info", "port 7001 refused", 3),
        ("fail", "timeout", 1),
        ("info", "timeout", 1),
    ]
    assert result.verdict is Verdict.HOLDS
    assert not Errors({}).fits(table(op("read", at=(0, 1))))


SECOND = 10**9


def test_the_longest_time_without_an_acknowledgement_is_measured():
    history = [op("read", at=(n * SECOND, n * SECOND + 1)) for n in (0, 1, 5)]
    history.append(op("read", at=(7 * SECOND, 8 * SECOND), outcome=FAIL))
    result = check(Availability({}), *history)
    assert (result.verdict, result.figures["share"]) == (Verdict.HOLDS, 0.75)
    assert result.figures["longest_gap_s"] == pytest.approx(4)
    assert result.figures["longest_gap_from_s"] == pytest.approx(1)
    for options, violated in (
        ({"at_least": 0.7, "longest_gap_s": 4.5}, 0),
        ({"at_least": 0.8, "longest_gap_s": 4.5}, 1),
        ({"at_least": 0.8, "longest_gap_s": 3.5}, 2),
    ):
        judged = check(Availability(options), *history)
        assert len(judged.findings) == violated
        assert judged.verdict is (Verdict.VIOLATED if violated else Verdict.HOLDS)


def test_bounds_are_checked():
    with pytest.raises(SettingError):
        Availability({"at_least": 2})
    with pytest.raises(SettingError):
        Statistics({"by": "node"})
