"""The compiled search against the one in Python: the same verdicts, on the same operations."""

import numpy as np
import pytest
from brute_orders import explains
from small_histories import calls_of, history

from checkers.linearizability import engine
from checkers.linearizability.budget import Budget, OverBudget
from checkers.linearizability.models import MODELS
from checkers.linearizability.problem import events_of
from checkers.linearizability.program import program

HISTORIES = 150

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
        fast = engine.compiled(what, events, Budget())
        slow = engine.interpreted(model, calls, events, Budget(), wide=True)
        assert (fast.order is None, fast.stuck, fast.states) == (
            slow.order is None,
            slow.stuck,
            slow.states,
        ), seed
        if fast.order is not None:
            assert explains(model, ops, fast.order.tolist()), seed
    assert compared > 10 or most > 7


def test_the_compiled_search_stops_at_its_limits() -> None:
    calls = calls_of(history("cas-register", 2))
    what = program(MODELS["cas-register"], calls)
    assert what is not None
    events = events_of(calls.call_ns, calls.return_ns)
    with pytest.raises(OverBudget, match="0 s"):
        engine.compiled(what, events, Budget(time_limit_s=0))
    with pytest.raises(OverBudget, match="0 MB"):
        engine.compiled(what, events, Budget(memory_limit_mb=0))
    stopped = Budget()
    stopped.stop[0] = 1
    with pytest.raises(OverBudget, match="stopped"):
        engine.compiled(what, events, stopped)


def test_columns_that_do_not_fit_are_refused() -> None:
    calls = calls_of(history("cas-register", 2))
    what = program(MODELS["cas-register"], calls)
    assert what is not None
    events = events_of(calls.call_ns, calls.return_ns)
    beyond = (events + np.int32(len(calls))).astype(np.int32)
    with pytest.raises(ValueError, match="do not fit"):
        engine.compiled(what, beyond, Budget())
