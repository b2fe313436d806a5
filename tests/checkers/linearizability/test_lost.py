"""What a later read lacks although nothing takes it away: found amid whatever else was going on, and proved."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from brute_orders import Op, linearizable
from history_files import history as written
from history_files import op
from small_histories import calls_of, history

from checkers.linearizability import MODELS, Call, check
from checkers.linearizability.columns import Calls
from checkers.linearizability.composed import TOGETHER, Composed
from checkers.linearizability.findings import windows
from checkers.linearizability.lost import loss
from checkers.linearizability.model import Growing
from checkers.verifier import verify
from harness.verdict import Verdict


@pytest.mark.parametrize("name", ["list-append", "set", "kv-append"])
def test_objects_that_grow_are_judged_as_all_orders_say(name: str) -> None:
    model = MODELS[name]
    assert isinstance(model, Growing)
    seen = dict.fromkeys((Verdict.HOLDS, Verdict.VIOLATED), 0)
    lost = 0
    for seed in range(1_500):
        ops = history(name, seed)
        if model.grows(each.call for each in ops):
            calls = calls_of(ops)
            result = check(calls, model)
            holds = linearizable(model, ops)
            assert (result.verdict is Verdict.HOLDS) is holds, ops
            seen[result.verdict] += 1
            found = loss(model, calls)
            lost += found is not None
            assert found is None or not holds, ops
    assert min(seen.values()) > 20
    assert (lost > 10) is (name != "kv-append")  # a text has no elements


def test_nothing_is_lost_from_what_does_not_grow() -> None:
    """Removed, or put over: a later read may lack it."""
    for name, f, take, read in (("set", "add", "remove", "read"), ("kv-append", "append", "put", "get")):
        ops = (
            Op(call=Call(f=f, args=("a",)), call_ns=0, return_ns=1),
            Op(call=Call(f=take, args=("a" if name == "set" else "",)), call_ns=2, return_ns=3),
            Op(call=Call(f=read, result=() if name == "set" else ""), call_ns=4, return_ns=5),
        )
        assert loss(MODELS[name], calls_of(ops)) is None
        assert check(calls_of(ops), MODELS[name]).verdict is Verdict.HOLDS


def test_an_element_that_a_transaction_appends_after_its_read_is_not_lost_by_the_read() -> None:
    model = Composed(MODELS["list-append"])
    first = Op(call=Call(f="append", args=(1,)), call_ns=0, return_ns=1)
    parts = ((("read", ()), ("append", (1,))),)
    for answer, lost in (((1,), False), ((), True)):
        both = Op(call=Call(f=TOGETHER, args=parts, result=(answer, None)), call_ns=2, return_ns=3)
        result = check(calls_of((first, both)), model)
        assert (result.verdict is Verdict.VIOLATED) is lost


BUSY = 40
"""How many appends are under way all the time."""


def busy(*reads: tuple[int, tuple[int, ...]]) -> Calls:
    """Return 40 appends, of which no order is known, and those reads, each at an instant with its answer."""
    appends = [
        Op(call=Call(f="append", args=(value,)), call_ns=0, return_ns=1_000 + value) for value in range(BUSY)
    ]
    shown = [Op(call=Call(f="read", result=answer), call_ns=at, return_ns=at + 100) for at, answer in reads]
    return calls_of((*appends, *shown))


@pytest.mark.parametrize(
    "reads,needed",
    [
        (((500, (1, 2)), (500, (2, 1))), 2),  # nobody can have seen both
        (((200, (1, 2, 3)), (500, (1, 3, 2, 4)), (800, (1, 3, 2, 4, 5))), 2),
        (((500, (1, 2, 2)),), 1),  # nobody appended it twice
        (((2_000, tuple(range(1, BUSY))),), 2),  # 0 was acknowledged
    ],
)
def test_amid_much_concurrency_what_can_not_be_is_found(
    reads: tuple[tuple[int, tuple[int, ...]], ...], needed: int
) -> None:
    result = check(busy(*reads), MODELS["list-append"], time_limit_s=20)
    assert result.verdict is Verdict.VIOLATED
    (window,) = result.windows
    assert len(window.required) == needed and all(each.story for each in window.required)


def test_amid_much_concurrency_what_can_be_holds() -> None:
    order = random.Random(1).sample(range(BUSY), BUSY)
    reads = [(100 * size, tuple(order[:size])) for size in range(0, 10, 2)]
    result = check(busy(*reads, (3_000, tuple(order))), MODELS["list-append"], time_limit_s=20)
    assert result.verdict is Verdict.HOLDS


def test_two_operations_prove_a_loss_to_who_knows_nothing_of_the_search(tmp_path: Path) -> None:
    lines = [
        *(op(value, "append", "x", value, at=0, until=1_000 + value) for value in range(BUSY)),
        op(BUSY, "get", "x", at=2_000, until=2_100, value=list(range(1, BUSY))),
    ]
    result = check(busy((2_000, tuple(range(1, BUSY)))), MODELS["list-append"])
    certificate: Any = json.loads(json.dumps(windows(result)))
    certificate["windows"][0]["key"] = "x"
    assert verify(certificate, written(tmp_path / "h", *lines)).true == (
        "list-append x: of 2 operations a later one lacks what an earlier one left or saw",
    )
