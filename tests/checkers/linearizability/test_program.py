"""Which operations of an object may change its state."""

from typing import Any

import pytest
from brute_orders import Op
from small_histories import calls_of

from checkers.linearizability.columns import NEVER
from checkers.linearizability.model import UNKNOWN, Call
from checkers.linearizability.models import MODELS
from checkers.linearizability.program import program

ACKNOWLEDGED = "acknowledged"


def changes(model: str, *calls: tuple[str, tuple[Any, ...], Any]) -> list[bool]:
    """Return which of these calls may change the state."""
    ops = tuple(
        Op(
            call=Call(f=f, args=args, result=None if result == ACKNOWLEDGED else result),
            call_ns=number,
            return_ns=NEVER if result is UNKNOWN else number + 1,
        )
        for number, (f, args, result) in enumerate(calls)
    )
    found = program(MODELS[model], calls_of(ops))
    assert found is not None
    told: list[bool] = found.changes().tolist()
    return told


def test_of_a_register_writes_and_what_may_have_swapped() -> None:
    assert changes(
        "cas-register",
        ("write", (1,), ACKNOWLEDGED),
        ("write", (2,), UNKNOWN),
        ("read", (), 1),
        ("read", (), UNKNOWN),
        ("cas", (1, 3), True),
        ("cas", (9, 4), False),
        ("cas", (3, 5), UNKNOWN),
    ) == [True, True, False, False, True, False, True]


@pytest.mark.parametrize(
    ("f", "result", "moves"),
    [("acquire", ACKNOWLEDGED, True), ("acquire", UNKNOWN, True), ("release", ACKNOWLEDGED, True)],
)
def test_of_other_models_what_their_steps_change(f: str, result: Any, moves: bool) -> None:
    assert changes("mutex", ("acquire", (), ACKNOWLEDGED), (f, (), result))[1] is moves


def test_reads_of_a_set_change_nothing() -> None:
    assert changes("set", ("add", (1,), ACKNOWLEDGED), ("read", (), (1,)), ("contains", (1,), True)) == [
        True,
        False,
        False,
    ]
