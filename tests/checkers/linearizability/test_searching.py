"""The search against all orders of small histories, for every model and both ways through."""

import numpy as np
import pytest
from brute_orders import Op, explains, linearizable
from small_histories import DRAWS, history

from checkers.linearizability.automaton import Automaton
from checkers.linearizability.budget import Budget, OverBudget
from checkers.linearizability.model import Model
from checkers.linearizability.models import MODELS
from checkers.linearizability.placement import order
from checkers.linearizability.problem import Question, events_of, showing
from checkers.linearizability.search import dive, sweep

HISTORIES = 400


def ask(model: Model, ops: tuple[Op, ...]) -> Question:
    call_ns, return_ns = (
        np.array([getattr(op, name) for op in ops], dtype=np.int64) for name in ("call_ns", "return_ns")
    )
    automaton = Automaton(model)
    events = events_of(call_ns, return_ns).tolist()
    numbers = [automaton.call(op.call) for op in ops]
    return Question(
        automaton=automaton,
        start=automaton.start,
        events=events,
        numbers=numbers,
        showing=showing(automaton, events, numbers),
    )


@pytest.mark.parametrize("name", MODELS)
def test_verdicts_are_those_of_all_orders(name: str) -> None:
    model = MODELS[name]
    violated = 0
    for seed in range(HISTORIES):
        ops = history(name, seed)
        question = ask(model, ops)
        expected = linearizable(model, ops)
        violated += not expected
        for way in (sweep, dive):
            found = way(question, Budget())
            assert (found.stuck is None) == expected, (way.__name__, seed, ops)
            if expected:
                placed = order(question, found.uses)
                assert explains(model, ops, placed), (way.__name__, seed, ops)
    assert 10 < violated < HISTORIES - 10


def test_every_model_is_drawn() -> None:
    assert set(DRAWS) == set(MODELS)


def test_a_search_stops_at_its_limits() -> None:
    ops = history("cas-register", 2)
    model = MODELS["cas-register"]
    question = ask(model, ops)
    for way in (sweep, dive):
        with pytest.raises(OverBudget, match="0 s"):
            way(question, Budget(time_limit_s=0))
        with pytest.raises(OverBudget, match=r"0\.0001 MB"):
            way(question, Budget(memory_limit_mb=0.0001))
