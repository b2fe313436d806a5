"""What clients may ask for: anything that is JSON, and every answer is one."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lone_node import Lone, S

from nodes.reference import text
from nodes.reference.requests import YEAR_2000_NS
from nodes.reference.settings import MS, Failover, Mode

OPERATIONS = [
    "get",
    "peek",
    "status",
    "promote",
    "put",
    "cas",
    "append",
    "add",
    "increment",
    "at_least",
    "txn",
    "nothing",
]
FIELDS = [
    "key",
    "value",
    "old",
    "new",
    "element",
    "by",
    "ops",
    "keys",
    "session",
    "seq",
    "replica",
    "max_lag_ms",
    "force",
]

NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.sampled_from(["k", "l", *OPERATIONS]) | st.text(max_size=3)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
MICROS = st.lists(st.lists(TEXTS | NUMBERS | VALUES, max_size=4), max_size=3)
REQUESTS = st.builds(
    lambda op, fields: fields | {"op": op},
    st.sampled_from(OPERATIONS) | VALUES,
    st.dictionaries(st.sampled_from(FIELDS), VALUES | st.just("k") | MICROS, max_size=7),
)


@given(requests=st.lists(REQUESTS, min_size=1, max_size=6), leads=st.booleans())
def test_whatever_is_asked_for_is_answered(requests: list[Any], leads: bool) -> None:
    lone = Lone("n1", count=1 if leads else 2, mode=Mode.ASYNC, failover=Failover.MANUAL)
    if leads:
        lone.elect(101, 0, voters="")
    answers: dict[int, Any] = {}
    for number, request in enumerate(requests):
        lone.node.request(number, text_of(request), S)
        lone.drain(S)
        answers |= lone.answers()
        lone.flushed(S)
        answers |= lone.answers()
    assert sorted(answers) == list(range(len(requests)))
    for answer in answers.values():
        assert answer["ok"] in (True, False)
        assert json.loads(text.to_json(answer)) == answer


def text_of(request: Any) -> dict[str, Any]:
    """Return a request as it comes out of the wire."""
    body: dict[str, Any] = json.loads(text.to_json(request))
    return body


@pytest.mark.parametrize("op", [[], {}, ["get"], None, 5])
def test_an_operation_that_is_no_name_is_refused(op: Any) -> None:
    lone = Lone("n1", count=1, mode=Mode.ASYNC)
    lone.elect(101, 0, voters="")
    lone.node.request(1, {"op": op, "key": "k"}, S)
    lone.drain(S)
    assert lone.answers()[1]["error"] == f"there is no operation {op!r}"


def promoted(*, force: bool, wall_ns: int, promised: int = 0) -> int:
    """Return the epoch that n2 begins when an operator promotes it."""
    lone = Lone("n2", promised, failover=Failover.MANUAL, wall_ns=wall_ns)
    lone.node.request(1, {"op": "promote", "force": force}, S)
    lone.drain(S)
    epoch: int = lone.answers()[1]["epoch"]
    return epoch


@pytest.mark.parametrize("force", [True, False])
def test_whom_an_operator_promotes_begins_a_later_epoch_than_any_that_it_may_have_forgotten(
    force: bool,
) -> None:
    """A node that has lost its disk knows no more than one that is new, but the time."""
    first = promoted(force=force, wall_ns=YEAR_2000_NS + 7 * S)
    assert first == 700_002
    assert promoted(force=force, wall_ns=YEAR_2000_NS + 7 * S + MS) == 700_102
    assert promoted(force=force, wall_ns=YEAR_2000_NS + 7 * S, promised=800_001) == 800_102, (
        "what it knows counts"
    )
    assert promoted(force=force, wall_ns=0, promised=301) == 402, "a clock may be wrong"
