"""The compiled search against the one in Python: the same verdicts, on the same operations."""

import numpy as np
import pytest
from brute_orders import Op, explains, linearizable
from msgspec.structs import replace
from numpy.typing import NDArray
from small_histories import calls_of, history

from checkers.linearizability import Calls, engine
from checkers.linearizability.budget import Budget, OverBudget
from checkers.linearizability.models import MODELS
from checkers.linearizability.problem import events_of
from checkers.linearizability.program import program

HISTORIES = 150


def nobody(calls: Calls) -> NDArray[np.bool_]:
    """Return that no operation is excused."""
    return np.zeros(len(calls), dtype=np.bool_)


pytestmark = pytest.mark.skipif(not engine.COMPILED, reason="the extension was not built: no compiler")


@pytest.mark.parametrize("most", [7, 20])
@pytest.mark.parametrize("name", MODELS)
def test_both_searches_agree(name: str, most: int) -> None:
    model = MODELS[name]
    compared = 0
    for seed in range(HISTORIES):
        ops = history(name, seed, most=most)
        calls = calls_of(ops)
        events = events_of(calls.call_ns, calls.return_ns)
        what = program(model, calls)
        if what is None:
            continue
        compared += 1
        fast = engine.compiled(what, events, nobody(calls), Budget())
        slow = engine.interpreted(model, calls, events, nobody(calls), Budget(), wide=True)
        assert (fast.order is None, fast.stuck, set(fast.states)) == (
            slow.order is None,
            slow.stuck,
            set(slow.states),
        ), seed
        if fast.order is not None:
            assert explains(model, ops, fast.order.tolist()), seed
    assert compared > 10 or most > 7


def test_both_searches_excuse_alike() -> None:
    model = MODELS["cas-register"]
    for seed in range(HISTORIES):
        ops = history("cas-register", seed)
        excused = np.array([(seed + number) % 3 == 0 for number in range(len(ops))])
        expected = linearizable(model, tuple(map(excuse, ops, excused.tolist())))
        calls = calls_of(ops)
        events = events_of(calls.call_ns, calls.return_ns)
        what = program(model, calls)
        assert what is not None
        fast = engine.compiled(what, events, excused, Budget())
        slow = engine.interpreted(model, calls, events, excused, Budget(), wide=True)
        deep = engine.interpreted(model, calls, events, excused, Budget(), wide=False)
        assert {each.order is not None for each in (fast, slow, deep)} == {expected}, seed


def excuse(op: Op, excused: bool) -> Op:
    return replace(op, excused=excused)


def test_the_compiled_search_stops_at_its_limits() -> None:
    calls = calls_of(history("cas-register", 2))
    what = program(MODELS["cas-register"], calls)
    assert what is not None
    events = events_of(calls.call_ns, calls.return_ns)
    with pytest.raises(OverBudget, match="0 s"):
        engine.compiled(what, events, nobody(calls), Budget(time_limit_s=0))
    with pytest.raises(OverBudget, match="0 MB"):
        engine.compiled(what, events, nobody(calls), Budget(memory_limit_mb=0))
    stopped = Budget()
    stopped.stop[0] = 1
    with pytest.raises(OverBudget, match="stopped"):
        engine.compiled(what, events, nobody(calls), stopped)


def test_columns_that_do_not_fit_are_refused() -> None:
    calls = calls_of(history("cas-register", 2))
    what = program(MODELS["cas-register"], calls)
    assert what is not None
    events = events_of(calls.call_ns, calls.return_ns)
    beyond = (events + np.int32(len(calls))).astype(np.int32)
    with pytest.raises(ValueError, match="do not fit"):
        engine.compiled(what, beyond, nobody(calls), Budget())
