"""An exact answer that tries the cheap ways first.

Where what was seen tells an order, no search is needed. Elsewhere many clients busy on few values, or many
unknown outcomes, leave so many configurations that following all of them takes too long. But an order, if
there is one, is mostly found among the most promising of them; and where these get stuck there is mostly a
short window before that proves by itself that nothing can go on. Only what neither settles is searched in full.
"""

from checkers.linearizability import engine
from checkers.linearizability.budget import Budget, OverBudget
from checkers.linearizability.columns import Calls
from checkers.linearizability.engine import Answer
from checkers.linearizability.guess import guess
from checkers.linearizability.model import Model
from checkers.linearizability.problem import Ints
from checkers.linearizability.window import refuted

ATTEMPTS = ((16, 64), (128, 256), (1024, 1024))
"""How many configurations are followed, and how many operations before the stuck one a window may begin."""

SHARE = 0.05
"""What part of the time that is left one window may take."""

REFUTATION_S = 5.0
"""How long one window may take when there is no limit."""


def decide(model: Model, calls: Calls, return_ns: Ints, budget: Budget) -> Answer:
    """Return an order, or the operation that can't have happened; see `engine.answer`. Raises OverBudget."""
    guessed = guess(model, calls, return_ns)
    if guessed is not None:
        return Answer(order=guessed, steps=len(guessed))
    steps = 0
    for width, back in ATTEMPTS:
        found = engine.answer(model, calls, return_ns, budget, width=width)
        steps += found.steps
        if not found.lost:
            return found
        assert found.stuck is not None
        left_s = budget.left_s()
        limits = budget.within(REFUTATION_S if left_s is None else SHARE * left_s)
        try:
            if refuted(model, calls, return_ns, found.stuck, limits, back=back) is not None:
                return Answer(order=None, stuck=found.stuck, steps=steps)
        except OverBudget:
            continue  # the next attempt follows more
    return engine.answer(model, calls, return_ns, budget)
