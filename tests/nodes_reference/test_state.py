"""What commands do, once only, and what a snapshot of the state holds."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.reference.state import Result, State, flaw


def do(state: State, op: str, key: str = "k", **arguments: Any) -> Result:
    command = {"op": op, "key": key, **arguments}
    assert flaw(command) is None
    return state.apply(command)


def test_each_operation() -> None:
    state = State()
    assert do(state, "put", value={"a": 1}) == Result()
    assert state.get("k") == {"a": 1}
    assert do(state, "cas", old={"a": 1}, new=5) == Result(True)
    assert do(state, "cas", old=7, new=6) == Result(False)
    assert do(state, "increment", by=-2) == Result(3)
    assert do(state, "increment", key="new", by=4) == Result(4)
    do(state, "add", key="s", element=2)
    do(state, "add", key="s", element=1)
    do(state, "add", key="s", element=2)
    assert state.get("s") == [1, 2]
    do(state, "append", key="l", element=2)
    do(state, "append", key="l", element=2)
    assert state.get("l") == [2, 2]
    assert state.get("nothing") is None


@pytest.mark.parametrize(
    ("op", "argument"), [("append", {"element": 1}), ("add", {"element": 1}), ("increment", {"by": 1})]
)
def test_a_command_that_does_not_fit_changes_nothing(op: str, argument: dict[str, int]) -> None:
    state = State()
    do(state, "put", value="text")
    assert do(state, op, **argument).error
    assert state.get("k") == "text"


def transfer(amount: int) -> dict[str, Any]:
    return {
        "op": "txn",
        "ops": [["at_least", "a", amount], ["increment", "a", -amount], ["increment", "b", amount]],
    }


def test_a_transaction_is_all_or_nothing() -> None:
    state = State()
    do(state, "increment", key="a", by=10)
    assert state.apply(transfer(7)).error is None
    assert state.apply(transfer(7)).error
    assert (state.get("a"), state.get("b")) == (3, 7)
    mixed = {"op": "txn", "ops": [["append", "l", 1], ["get", "l", None], ["cas", "x", 1, 2]]}
    assert state.apply(mixed).error
    assert state.get("l") is None
    mixed["ops"][2] = ["cas", "x", None, 2]
    assert state.apply(mixed).value == [["append", "l", None], ["get", "l", [1]], ["cas", "x", None]]


def test_a_repeated_operation_is_done_once_and_answers_the_same() -> None:
    state = State()
    first = do(state, "increment", by=1, session="s", seq=1)
    again = do(state, "increment", by=1, session="s", seq=1)
    assert first == again == Result(1)
    assert do(state, "increment", by=1, session="s", seq=2) == Result(2)
    assert do(state, "increment", by=1, session="s", seq=1).unknown


def test_a_forgotten_session_is_not_taken_for_a_new_one() -> None:
    state = State(sessions=2)
    for name in ("a", "b", "c"):
        do(state, "increment", by=1, session=name, seq=1)
    assert do(state, "increment", by=1, session="a", seq=2).unknown
    assert state.get("k") == 3


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.sampled_from("ab"), st.integers(0, 9)),
        st.tuples(st.just("add"), st.sampled_from("cd"), st.integers(0, 9)),
        st.tuples(st.just("put"), st.sampled_from("ef"), st.integers(0, 9)),
    ),
    max_size=20,
)


def perform(state: State, operations: list[tuple[str, str, int]], session: str) -> None:
    for seq, (op, key, value) in enumerate(operations, 1):
        name = "value" if op == "put" else "element"
        if value % 3:
            do(state, op, key, **{name: value})
        elif value % 2:
            state.apply({"op": "txn", "ops": [[op, key, value]]})
        else:
            do(state, op, key, **{name: value}, session=session, seq=seq) if seq == 1 else do(
                state, op, key, **{name: value}
            )


@given(before=OPERATIONS, after=OPERATIONS)
def test_a_frozen_state_does_not_move_with_the_live_one(before: list[Any], after: list[Any]) -> None:
    state, alone = State(), State()
    perform(state, before, "s")
    perform(alone, before, "s")
    expected = json.dumps(list(alone.freeze().rows()))
    rows = state.freeze().rows()
    first = [next(rows, None)]
    perform(state, after, "t")
    got = [row for row in [*first, *rows] if row is not None]
    state.thaw()
    assert json.dumps(got) == expected
    loaded = State()
    for row in json.loads(json.dumps(got)):
        loaded.load(row)
    assert loaded.values == alone.values


@pytest.mark.parametrize(
    "command",
    [
        {"op": "drop"},
        {"op": "put", "key": 1, "value": 1},
        {"op": "put", "key": "k"},
        {"op": "increment", "key": "k", "by": "1"},
        {"op": "increment", "key": "k", "by": True},
        {"op": "txn", "ops": []},
        {"op": "txn", "ops": [["put", "k"]]},
        {"op": "txn", "ops": [["nothing", "k", 1]]},
        {"op": "txn", "ops": "put"},
        {"op": "put", "key": "k", "value": 1, "session": "s"},
        {"op": "put", "key": "k", "value": 1, "session": "s", "seq": 0},
        {},
    ],
)
def test_malformed_commands_are_told(command: dict[str, Any]) -> None:
    assert flaw(command)


def test_an_answer_does_not_change_with_what_comes_later() -> None:
    state = State()
    do(state, "append", key="l", element=1)
    read, before = state.get("l"), list(state.freeze().rows())
    mixed = {"op": "txn", "ops": [["get", "l"], ["append", "l", 2], ["get", "l"]]}
    answer = state.apply(mixed).value
    do(state, "append", key="l", element=3)
    assert read == [1]
    assert answer == [["get", "l", [1]], ["append", "l", None], ["get", "l", [1, 2]]]
    state.thaw()
    do(state, "append", key="l", element=4)
    assert before == [["value", "l", [1]]], "rows are written by another thread, after more has happened"
