"""Certificates of single objects: linearizations, and windows that can't be ordered."""

import copy
import random
from itertools import permutations

import pytest
from history_files import history, op
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checkers.verifier import Refused, verify
from checkers.verifier.orders import STEPS


def window(*required, model="register", key="x", from_ns=None, any_state=False, possible=()):
    roles = [(id, "required") for id in required] + [(id, "possible") for id in possible]
    return {
        "kind": "window",
        "windows": [
            {
                "key": key,
                "model": model,
                "from_ns": from_ns,
                "any_state": any_state,
                "operations": [{"id": id, "role": role} for id, role in roles],
            }
        ],
    }


def linearization(*order, model="register", key="x"):
    return {"kind": "linearization", "objects": [{"key": key, "model": model, "order": list(order)}]}


STALE = (
    op(0, "put", "x", 1, at=0, until=10),
    op(1, "put", "x", 2, at=20, until=30),
    op(2, "get", "x", at=40, until=50, value=1),
    op(3, "put", "y", 1, at=40, until=50),
    op(4, "put", "x", 1, at=35, until=38, outcome="fail"),
)


def test_a_stale_read_has_no_order(tmp_path):
    told = verify(window(1, 2), history(tmp_path / "h", *STALE))
    assert told.true == ("register x: no order of 2 operations is possible",)


def test_a_read_alone_can_be_ordered(tmp_path):
    with pytest.raises(Refused, match="can be ordered"):
        verify(window(2), history(tmp_path / "h", *STALE))


def test_what_might_have_happened_is_looked_up_not_believed(tmp_path):
    unknown = op(5, "put", "x", 1, at=33)
    with pytest.raises(Refused, match="can be ordered"):
        verify(window(1, 2), history(tmp_path / "h", *STALE, unknown))


def test_a_write_that_was_under_way_when_a_window_begins_may_come_later(tmp_path):
    pending = op(5, "put", "x", 1, at=15, until=45)
    recorded = history(tmp_path / "h", *STALE, pending)
    with pytest.raises(Refused, match="can be ordered"):
        verify(window(1, 2, from_ns=20, any_state=True), recorded)
    with pytest.raises(Refused, match="can be ordered"):
        verify(window(1, 2, from_ns=20), recorded)


def test_a_window_that_begins_later_needs_the_states_of_its_beginning(tmp_path):
    recorded = history(tmp_path / "h", *STALE)
    assert verify(window(2, from_ns=35), recorded).true  # 2 is all that it can hold by then
    with pytest.raises(Refused, match="can be ordered"):
        verify(window(2, from_ns=35, any_state=True), recorded)
    assert verify(window(1, 2, from_ns=20, any_state=True), recorded).true


def test_a_register_can_be_in_any_state_that_a_transaction_left(tmp_path):
    both = [["put", "x", 5], ["get", "x"]]
    recorded = history(
        tmp_path / "h",
        op(0, "txn", both, at=0, until=10, value=[["put", "x", None], ["get", "x", 5]]),
        op(1, "get", "x", at=20, until=30, value=5),
    )
    with pytest.raises(Refused, match="can be ordered"):
        verify(window(1, from_ns=15, any_state=True), recorded)


@pytest.mark.parametrize(
    "claim,why",
    [
        (window(1, 9), "operation 9 is none of this object"),
        (window(1, 3), "operation 3 is none of this object"),
        (window(1, 4), "operation 4 is none of this object"),
        (window(), "nothing is required"),
        (window(1, 2, from_ns=25), "called before the window begins"),
        (window(1, 2, model="stack"), "no model is called 'stack'"),
        (window(1, 2, key="y"), "operation 1 is none of this object"),
        ({"kind": "window", "windows": []}, "claims nothing"),
        ({"kind": "window", "windows": [7]}, "expected a mapping"),
        ({"kind": "window"}, "windows is a list"),
        ([], "expected a mapping"),
    ],
)
def test_a_wrong_window(tmp_path, claim, why):
    with pytest.raises(Refused, match=why):
        verify(claim, history(tmp_path / "h", *STALE))


def test_an_unknown_operation_is_not_required_unless_it_was_seen(tmp_path):
    unseen = history(tmp_path / "h", *STALE, op(5, "put", "x", 7, at=0))
    with pytest.raises(Refused, match="need not have happened"):
        verify(window(1, 2, 5), unseen)
    seen = history(
        tmp_path / "g",
        op(0, "put", "x", 7, at=0),
        op(1, "get", "x", at=10, until=20, value=7),
        op(2, "get", "x", at=30, until=40, value=None),
    )
    assert verify(window(0, 1, 2), seen).true
    assert verify(window(0, 2), seen).true  # that it was seen by 20 is known without the read


def test_a_sum_does_not_show_that_a_number_was_added(tmp_path):
    recorded = history(
        tmp_path / "h",
        op(0, "add", "x", 1, at=0),
        op(1, "increment", "x", at=10, until=20),
        op(2, "get", "x", at=30, until=40, value=1),
        op(3, "get", "x", at=50, until=60, value=1),
    )
    assert verify(linearization(1, 2, 3, model="counter"), recorded).true
    with pytest.raises(Refused, match="need not have happened"):
        verify(window(0, 1, 3, model="counter"), recorded)


def test_what_a_register_begins_as_needs_no_write_to_be_seen(tmp_path):
    recorded = history(
        tmp_path / "h",
        op(0, "put", "x", 7, at=0),
        op(1, "get", "x", at=10, until=20, value=7),
        op(2, "get", "x", at=30, until=40, value=None),
    )
    claim = window(0, 1, 2)
    assert verify(claim, recorded).true
    claim["windows"][0]["start"] = 7
    with pytest.raises(Refused, match="need not have happened"):
        verify(claim, recorded)
    alone = window(2, from_ns=25, any_state=True)
    alone["windows"][0]["start"] = 7
    told = verify(alone, recorded).true
    assert told == ("register x, begun as 7: no order of 1 operations is possible",)


@pytest.mark.parametrize("start", [True, "0", [0]])
def test_a_counter_begins_with_a_number(tmp_path, start):
    claim = linearization(0, 1, model="counter")
    claim["objects"][0]["start"] = start
    with pytest.raises(Refused, match="no counter begins as"):
        verify(claim, history(tmp_path / "h", *MODELS["counter"]))
    claim["objects"][0]["start"] = 2
    with pytest.raises(Refused, match="can't have answered"):
        verify(claim, history(tmp_path / "h", *MODELS["counter"]))


def test_too_many_possibilities_are_not_tried(tmp_path):
    busy = [op(id, "append", "x", id, at=0, until=1000) for id in range(20)]
    read = op(20, "get", "x", at=2000, until=2001, value=[5])
    told = verify(window(*range(20), 20, model="list-append"), history(tmp_path / "h", *busy, read))
    assert (told.true, len(told.unchecked)) == ((), 1)
    assert STEPS < 10**6


LOSS = (
    *(op(id, "append", "x", id, at=0, until=1000) for id in range(20)),
    op(20, "get", "x", at=999, until=1000, value=[1, 2]),
    op(21, "get", "x", at=1500, until=1999, value=[2, 1, 3]),
    op(22, "get", "x", at=2000, until=2001, value=[2, 1, *range(3, 20)]),
)


def test_what_a_read_lacks_for_ever_proves_itself(tmp_path):
    """Element 0 was acknowledged and the read called later lacks it, whatever else happened, and however much."""
    recorded = history(tmp_path / "h", *LOSS)
    for pair in ((0, 22), (4, 21)):
        assert verify(window(*pair, model="list-append", from_ns=0, any_state=True), recorded).true
    for forged in ((1, 22), (20, 21), (0, 20), (0, 4)):
        with pytest.raises(Refused, match="no read lacks"):
            verify(window(*forged, model="list-append", from_ns=0, any_state=True), recorded)


@pytest.mark.parametrize(
    "first,later,lost",
    [
        (op(0, "add", "x", 1, at=0, until=5), op(1, "get", "x", at=6, until=9, value=[2]), True),
        (op(0, "add", "x", 1, at=0, until=5), op(1, "get", "x", at=6, until=9, value=None), True),
        (op(0, "add", "x", 1, at=0, until=5), op(1, "get", "x", at=5, until=9, value=[2]), False),
        (op(0, "add", "x", 1, at=0), op(1, "get", "x", at=6, until=9, value=[2]), False),
        (
            op(0, "contains", "x", 1, at=0, until=5, value=True),
            op(1, "get", "x", at=6, until=9, value=[]),
            True,
        ),
        (
            op(0, "contains", "x", 1, at=0, until=5, value=False),
            op(1, "get", "x", at=6, until=9, value=[]),
            False,
        ),
        (
            op(0, "get", "x", at=0, until=5, value=[1]),
            op(1, "contains", "x", 1, at=6, until=9, value=True),
            False,
        ),
    ],
)
@pytest.mark.parametrize("removes", [False, True])
def test_a_set_keeps_what_nobody_removes(tmp_path, first, later, lost, removes):
    between = [op(2, "remove", "x", 5, at=0)] if removes else []
    recorded = history(tmp_path / "h", first, later, *between)
    claim = window(0, 1, model="set", from_ns=0, any_state=True)
    if lost and not removes:
        assert verify(claim, recorded).true
    else:
        with pytest.raises(Refused):
            verify(claim, recorded)


MODELS = {
    "register": [op(0, "put", "x", 1, at=0, until=9), op(1, "get", "x", at=0, until=9, value=1)],
    "cas-register": [
        op(0, "cas", "x", None, 1, at=0, until=9, value=True),
        op(1, "cas", "x", None, 2, at=0, until=9, value=False),
    ],
    "counter": [op(0, "increment", "x", 3, at=0, until=9), op(1, "get", "x", at=0, until=9, value=3)],
    "set": [op(0, "add", "x", 1, at=0, until=9), op(1, "get", "x", at=0, until=9, value=[1])],
    "list-append": [op(0, "append", "x", 1, at=0, until=9), op(1, "get", "x", at=0, until=9, value=[1])],
    "kv-append": [op(0, "append", "x", "a", at=0, until=9), op(1, "get", "x", at=0, until=9, value="a")],
    "fifo-queue": [
        op(0, "enqueue", "x", 1, at=0, until=9),
        op(1, "dequeue", "x", at=0, until=9, value=1),
    ],
    "unordered-queue": [
        op(0, "enqueue", "x", 1, at=0, until=9),
        op(1, "dequeue", "x", at=0, until=9, value=1),
    ],
    "mutex": [op(0, "acquire", "x", at=0, until=9), op(1, "release", "x", at=0, until=9)],
}


def test_counters_go_down_and_by_one_where_no_number_is_told(tmp_path):
    steps = [op(0, "inc", "x", None, at=0, until=1), op(1, "dec", "x", 3, at=2, until=3)]
    recorded = history(
        tmp_path / "h",
        *steps,
        op(2, "decrement", "x", at=4, until=5),
        op(3, "get", "x", at=6, until=7, value=-3),
    )
    assert verify(linearization(0, 1, 2, 3, model="counter"), recorded).true


def test_a_lock_that_is_refused_is_held_by_somebody(tmp_path):
    refused = history(
        tmp_path / "h",
        op(0, "acquire", "x", at=0, until=1, value=True),
        op(1, "acquire", "x", at=2, until=3, value=False),
    )
    assert verify(linearization(0, 1, model="mutex"), refused).true
    with pytest.raises(Refused, match="can be ordered"):
        verify(window(0, 1, model="mutex"), refused)
    free = history(tmp_path / "g", op(0, "acquire", "x", at=0, until=1, value=False))
    assert verify(window(0, model="mutex"), free).true
    with pytest.raises(Refused, match="can't have answered"):
        verify(linearization(0, model="mutex"), free)


@pytest.mark.parametrize("model", MODELS)
def test_one_order_is_right_and_the_other_wrong(tmp_path, model):
    recorded = history(tmp_path / "h", *MODELS[model])
    assert verify(linearization(0, 1, model=model), recorded).true
    with pytest.raises(Refused, match="can't have answered what it did"):
        verify(linearization(1, 0, model=model), recorded)
    with pytest.raises(Refused, match="can be ordered"):
        verify(window(0, 1, model=model), recorded)


@pytest.mark.parametrize("f", ["delete", "append", "txn"])
def test_what_the_model_does_not_know_may_have_changed_anything(tmp_path, f):
    args = [[["append", "x", 1]]] if f == "txn" else ["x"]
    answer = [["append", "x", 1]] if f == "txn" else None
    recorded = history(tmp_path / "h", *STALE, op(5, f, *args, at=32, until=34, value=answer))
    with pytest.raises(Refused, match=r"operation 5 does \w+, which no register knows"):
        verify(window(1, 2), recorded)
    aside = op(6, "get_within", "x", 5, at=32, until=34, value=1, node="n2")
    assert verify(window(1, 2), history(tmp_path / "g", *STALE, aside)).true


@pytest.mark.parametrize(
    "claim,why",
    [
        (linearization(0, 3), "lacks operation 1"),
        (linearization(0, 0, 1, 3), "twice"),
        (linearization(0, 1, 3, 7), "operation 7 is none"),
        (linearization(0, 3, 1), "operation 1 had returned before operation 3 was called"),
        (linearization(0, 1, 3, "2"), "is none"),
    ],
)
def test_a_wrong_order(tmp_path, claim, why):
    recorded = history(
        tmp_path / "h",
        op(0, "put", "x", 1, at=0, until=9),
        op(1, "get", "x", at=10, until=19, value=1),
        op(2, "put", "x", 2, at=0),
        op(3, "get", "x", at=30, until=39, value=1),
    )
    assert verify(linearization(0, 1, 3, 2), recorded).true
    assert verify(linearization(0, 1, 3), recorded).true
    with pytest.raises(Refused, match=why):
        verify(claim, recorded)


@settings(suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10**6))
def test_windows_and_orders_exclude_each_other(tmp_path_factory, seed):
    """Of all operations together either some order is right, or there is none: never both, never neither."""
    draws, operations, ids = random.Random(seed), [], range(5)
    for id in ids:
        at = draws.randint(0, 20)
        until = None if draws.random() < 0.15 else at + draws.randint(1, 15)
        if draws.random() < 0.5:
            operations.append(op(id, "put", "x", draws.randint(1, 2), at=at, until=until))
        else:
            shown = draws.choice((None, 1, 2))
            operations.append(op(id, "get", "x", at=at, until=until or at + 9, value=shown))
    recorded = history(tmp_path_factory.mktemp("h") / "h", *operations)
    known = [call.id for call in recorded if call.happened]
    some = any(
        _right(linearization(*order), recorded) for size in range(6) for order in permutations(ids, size)
    )
    none = bool(known) and _right(window(*known), recorded)
    assert some is not none or not known


def _right(claim, recorded):
    try:
        return bool(verify(copy.deepcopy(claim), recorded).true)
    except Refused:
        return False
