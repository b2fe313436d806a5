"""The search against all orders of small histories, for every model and both ways through."""

import numpy as np
import pytest
from brute_orders import Op, explains, linearizable
from small_histories import DRAWS, history

from checkers.linearizability.automaton import Automaton
from checkers.linearizability.budget import Budget, OverBudget
from checkers.linearizability.models import MODELS
from checkers.linearizability.placement import order
from checkers.linearizability.problem import events_of
from checkers.linearizability.search import dive, sweep

HISTORIES = 400


def events(ops: tuple[Op, ...]) -> list[int]:
    call_ns, return_ns = (
        np.array([getattr(op, name) for op in ops], dtype=np.int64) for name in ("call_ns", "return_ns")
    )
    return events_of(call_ns, return_ns).tolist()


@pytest.mark.parametrize("name", MODELS)
def test_verdicts_are_those_of_all_orders(name: str) -> None:
    model = MODELS[name]
    violated = 0
    for seed in range(HISTORIES):
        ops = history(name, seed)
        automaton = Automaton(model)
        numbers = [automaton.call(op.call) for op in ops]
        expected = linearizable(model, ops)
        violated += not expected
        for way in (sweep, dive):
            found = way(automaton, automaton.start, events(ops), numbers, Budget())
            assert (found.stuck is None) == expected, (way.__name__, seed, ops)
            if expected:
                placed = order(automaton, automaton.start, events(ops), numbers, found.uses)
                assert explains(model, ops, placed), (way.__name__, seed, ops)
    assert 10 < violated < HISTORIES - 10


def test_every_model_is_drawn() -> None:
    assert set(DRAWS) == set(MODELS)


def test_a_search_stops_at_its_limits() -> None:
    ops = history("cas-register", 2)
    model = MODELS["cas-register"]
    automaton = Automaton(model)
    numbers = [automaton.call(op.call) for op in ops]
    for way in (sweep, dive):
        with pytest.raises(OverBudget, match="0 s"):
            way(automaton, automaton.start, events(ops), numbers, Budget(time_limit_s=0))
        with pytest.raises(OverBudget, match=r"0\.0001 MB"):
            way(automaton, automaton.start, events(ops), numbers, Budget(memory_limit_mb=0.0001))
