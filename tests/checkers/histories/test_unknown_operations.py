"""What a named model does not know is told, and keeps it from judging."""

import pytest
from small import FAIL, INFO, check, op, titles

from checkers.histories.linearizable import Linearizable
from harness.verdict import Verdict

STALE = (
    op("write", 1, at=(0, 1)),
    op("write", 2, at=(2, 3)),
    op("read", at=(6, 7), value=1),
)


@pytest.mark.parametrize("model", ["register", "cas-register", "kv-append"])
def test_what_the_model_does_not_know_may_have_changed_anything(model):
    others = (
        op("reset", at=(4, 5)),
        op("swap", 1, at=4),
        op("swap", 3, at=(4, 5)),
        op("clear", at=(4, 5), outcome=FAIL),
    )
    assert check(Linearizable({}), *STALE, others[-1], model="register").verdict is Verdict.VIOLATED
    result = check(Linearizable({}), *STALE, *others, model=model)
    assert (result.verdict, result.anomalies, result.certificate) == (Verdict.INCONCLUSIVE, (), None)
    assert result.summary == (
        f"a {model} does not know 3 operations, which may have changed anything: reset (1), swap (2)"
    )
    assert titles(result, Verdict.INCONCLUSIVE) == [result.summary]


def test_what_would_hold_is_not_said_to():
    history = (op("put", "k", 1, at=(0, 1)), op("get", "k", at=(2, 3), value=1))
    assert check(Linearizable({}), *history, model="register").verdict is Verdict.HOLDS
    for other in (op("append", "k", 2, at=(4, 5)), op("txn", [["put", "k", 3]], at=(4, 5), outcome=INFO)):
        result = check(Linearizable({}), *history, other, model="register")
        assert result.verdict is Verdict.INCONCLUSIVE and other.f in result.summary


def test_reads_of_one_node_are_passed_over_and_told():
    history = (
        op("append", "k", 1, at=(0, 1)),
        op("get", "k", at=(2, 3), value=[1]),
        op("peek", ["k"], at=(4, 5), value=[[]], node="n2"),
        op("get_within", "k", 100, at=(4, 5), value=[], node="n3"),
    )
    result = check(Linearizable({}), *history, model="list-append")
    assert result.verdict is Verdict.HOLDS
    assert result.summary == (
        "list-append: 2 operations on 1 object, 0 not linearizable; passed over: peek (1), get_within (1)"
    )


def test_reads_of_one_node_are_no_reads_of_several_registers():
    written = op("write", {"x": 1}, at=(0, 1))
    aside = op("peek", ["k"], at=(4, 5), value=[[]], node="n2")
    result = check(Linearizable({}), aside, written, model="multi-register")
    assert (result.verdict, result.summary[:31]) == (Verdict.HOLDS, "multi-register: 1 operation on ")


def test_a_history_without_any_operation_of_the_model():
    result = check(Linearizable({}), *STALE, model="mutex")
    assert result.summary == "there is no operation of a mutex"


@pytest.mark.parametrize(
    "model,operation,expected",
    [
        ("cas-register", op("cas", 3, at=(4, 5)), "two values"),
        ("cas-register", op("cas", [1, 2, 3], at=(4, 5)), "two values"),
        ("cas-register", op("cas", {"old": 1, "new": 2}, at=4), "two values"),
        ("counter", op("add", "x", at=(4, 5)), "a number"),
        ("counter", op("dec", [1], at=(4, 5)), "a number"),
        ("multi-register", op("write", 3, at=(4, 5)), "write 3, is none of a multi-register"),
        ("multi-register", op("txn", [["append", "x", 1]], at=(4, 5)), "is none of a multi-register"),
        ("multi-register", op("txn", "x", at=4), "is none of a multi-register"),
    ],
)
def test_arguments_that_are_none_of_the_models(model, operation, expected):
    result = check(Linearizable({}), operation, op("read", at=(6, 7)), model=model)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert expected in result.summary and "operation 0" in result.summary


def test_registers_that_are_read_and_written_in_transactions():
    done = [["write", "x", 1], ["read", "y", None]]
    written = (op("txn", done, at=(0, 1), value=done), op("txn", [["w", "y", 2]], at=(2, 3), outcome=INFO))

    def seen(*shown, at=(4, 5)):
        asked = [[f, name, None] for f, name, _ in shown]
        return op("txn", asked, at=at, value=[list(each) for each in shown])

    for answer, verdict in (
        ((("r", "x", 1), ("r", "y", None)), Verdict.HOLDS),
        ((("r", "x", 1), ("r", "y", 2)), Verdict.HOLDS),
        ((("r", "x", None), ("r", "y", 2)), Verdict.VIOLATED),
        ((("r", "y", 3),), Verdict.VIOLATED),
    ):
        assert check(Linearizable({}), *written, seen(*answer), model="multi-register").verdict is verdict
    # In one transaction what comes later sees what was before it.
    own = op("txn", [["w", "x", 5], ["r", "x", None]], at=(4, 5), value=[["w", "x", 5], ["r", "x", 5]])
    assert check(Linearizable({}), *written, own, model="multi-register").verdict is Verdict.HOLDS
    # An answer of nil is one, though the question looks the same.
    nil = op("txn", [["r", "x", None]], at=(4, 5), value=[["r", "x", None]])
    assert check(Linearizable({}), *written, nil, model="multi-register").verdict is Verdict.VIOLATED
    unanswered = op("txn", [["r", "x", None]], at=(4, 5))
    assert check(Linearizable({}), *written, unanswered, model="multi-register").verdict is Verdict.HOLDS
