"""What operations did to keys, and transactions that were acknowledged without their answers."""

from typing import Any

import pytest
from recorded_runs import mixed_script

from checkers.evidence.keys import parts
from harness.errors import UsageError
from harness.operation import Outcome

ASKED = [("get", "list-0", None), ("append", "list-1", 5)]


def test_each_part_of_a_transaction_has_its_answer() -> None:
    told = [["get", "list-0", [1, 2]], ["append", "list-1", 5]]
    operation = mixed_script().op("txn", ASKED, at=1, value=told)
    assert [(key, part.f, part.args, part.answer) for key, part in parts(operation)] == [
        ("list-0", "read", (), [1, 2]),
        ("list-1", "append", (5,), 5),
    ]


@pytest.mark.parametrize("outcome", [Outcome.INFO, Outcome.FAIL])
def test_what_was_not_acknowledged_has_no_answers(outcome: Outcome) -> None:
    operation = mixed_script().op("txn", ASKED, at=1, outcome=outcome)
    assert [part.answer for _, part in parts(operation)] == [None, None]


@pytest.mark.parametrize(
    "value",
    [None, 5, "ok", [], [["get", "list-0", None]], [["get", "list-0"], ["append", "list-1", 5]], [1, 2]],
)
def test_an_acknowledgement_without_the_answers_is_told(value: Any) -> None:
    operation = mixed_script().op("txn", ASKED, at=1, value=value)
    with pytest.raises(UsageError) as caught:
        list(parts(operation))
    assert str(caught.value) == (
        f"operation 0, a transaction, was acknowledged with {value!r}; "
        "expected: its 2 parts, each [what, key, answer]"
    )
