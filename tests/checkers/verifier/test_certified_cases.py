"""Certificates of what was seen and missed: fractured reads, overtaken updates, foreseen writes."""

import pytest
from small_transactions import a, columns, r, t, torn, w
from test_certified_cycles import recorded

from checkers.transactions import certificate, check
from checkers.verifier import Refused, verify
from harness.operation import Outcome

FAIL, INFO = Outcome.FAIL, Outcome.INFO


def claim(anomaly, *micro, lists=True, consistency="serializable"):
    return {
        "kind": "transactions",
        "workload": "list-append" if lists else "rw-register",
        "consistency": consistency,
        "infer": [],
        "anomalies": [{"anomaly": anomaly, "micro": [{"id": id, "place": place} for id, place in micro]}],
    }


@pytest.mark.parametrize("lists", [True, False])
def test_whatever_is_found_where_anything_may_be_read_is_confirmed(tmp_path, lists):
    workload, seen = "list-append" if lists else "rw-register", set()
    for seed in range(150):
        txns = torn(seed, lists=lists)
        result = check(columns(txns), workload)
        seen |= set(result.anomalies)
        if result.found:
            told = verify(certificate(result), recorded(tmp_path, txns))
            assert len(told.true) == sum(len(each.stories) for each in result.found), seed
    assert {"fractured-read", "internal", *(("G-cursor",) if lists else ())} <= seen


FRACTURED = (
    t(1, a("x", 1), a("y", 1), a("x", 2)),
    t(2, a("y", 2), r("y", [1, 2]), r("x", [9])),
    t(3, r("x", [9, 1, 2]), r("y", [1, 2])),
    t(4, a("x", 9)),
    t(5, a("x", 3), outcome=FAIL),
)


def test_a_fractured_read(tmp_path):
    history = recorded(tmp_path, FRACTURED)
    assert verify(claim("fractured-read", (2, 1), (2, 2), (1, 2)), history).true
    assert verify(claim("fractured-read", (2, 1), (2, 2), (1, 0), consistency="read-atomic"), history).true


@pytest.mark.parametrize(
    "wrong",
    [
        claim("fractured-read", (3, 0), (3, 1), (1, 2)),
        claim("fractured-read", (3, 1), (3, 0), (1, 0)),  # it saw all
        claim("fractured-read", (3, 1), (2, 2), (1, 0)),  # reads of two transactions
        claim("fractured-read", (2, 2), (2, 1), (1, 1)),
        claim("fractured-read", (2, 1), (2, 2), (4, 0)),  # which it did not see
        claim("fractured-read", (2, 1), (2, 2), (1, 1)),  # of another key
        claim("fractured-read", (2, 1), (2, 2), (2, 0)),
        claim("fractured-read", (2, 1), (2, 2)),
        claim("fractured-read", (2, 0), (2, 2), (1, 0)),
        claim("fractured-read", (2, 1), (2, 2), (1, 0), consistency="cursor-stability"),
        claim("fractured-read", (2, 1), (2, 2), (1, 0), lists=False),
        claim("fractured-read", (2, 1), (2, 2), (1, 9)),
        claim("G-cursor", (2, 1), (1, 1), (2, 0)),
    ],
)
def test_one_that_is_none(tmp_path, wrong):
    with pytest.raises(Refused):
        verify(wrong, recorded(tmp_path, FRACTURED))


def test_of_registers_what_was_overwritten_is_not_missed(tmp_path):
    seen = t(2, r("y", 1), r("x", None))
    for one, good in ((t(1, w("x", 1), w("y", 1)), True), (t(1, w("x", 1), w("y", 1), w("y", 2)), False)):
        wrong = claim("fractured-read", (2, 0), (2, 1), (1, 0), lists=False)
        history = recorded(tmp_path, (one, seen))
        if good:
            assert verify(wrong, history).true
        else:
            with pytest.raises(Refused):
                verify(wrong, history)


CURSOR = (
    t(1, r("x", []), a("x", 1)),
    t(2, a("x", 2), outcome=INFO),
    t(3, r("x", [2, 1])),
    t(4, a("x", 4)),
    t(5, r("x", [2, 1]), a("x", 5)),
    t(6, r("y", [6]), a("y", 6), r("y", [6])),
)


def test_an_overtaken_update(tmp_path):
    history = recorded(tmp_path, CURSOR)
    assert verify(claim("G-cursor", (1, 0), (2, 0), (1, 1), consistency="cursor-stability"), history).true
    assert verify(claim("internal", (6, 0), consistency="read-atomic"), history).true


@pytest.mark.parametrize(
    "wrong",
    [
        claim("G-cursor", (1, 0), (4, 0), (1, 1)),  # which nobody saw
        claim("G-cursor", (5, 0), (2, 0), (5, 1)),  # it had read that
        claim("G-cursor", (1, 0), (1, 1), (1, 1)),
        claim("G-cursor", (1, 0), (2, 0), (5, 1)),
        claim("G-cursor", (3, 0), (2, 0), (1, 1)),
        claim("G-cursor", (1, 0), (2, 0)),
        claim("G-cursor", (1, 0), (2, 0), (1, 1), lists=False),
        claim("G-cursor", (1, 0), (2, 0), (1, 1), consistency="read-atomic"),
        claim("internal", (1, 0)),
        claim("internal", (6, 1)),
    ],
)
def test_one_that_was_not_overtaken(tmp_path, wrong):
    with pytest.raises(Refused):
        verify(wrong, recorded(tmp_path, CURSOR))
