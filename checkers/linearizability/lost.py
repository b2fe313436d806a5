"""What somebody left or saw, and a later read lacks, though nothing is ever taken away: found in one pass.

Two operations prove it, whatever the object held before and whatever else was done to it.
"""

from collections.abc import Hashable

import numpy as np
from msgspec import Struct

from checkers.linearizability.certificate import Role, Window
from checkers.linearizability.columns import Calls
from checkers.linearizability.composed import OTHERS
from checkers.linearizability.model import Growing, Model, Observing
from checkers.linearizability.models.words import shown
from checkers.linearizability.story import operation


class Loss(Struct, frozen=True):
    """A mark that was there when the operation in the row `kept` returned; the one in `lacking` came later."""

    mark: Hashable
    kept: int
    lacking: int


def loss(model: Model, calls: Calls) -> Loss | None:
    """Return the loss that the first read shows that shows any, or None. O(marks × reads).

    Only of models that are `Growing` and `Observing`.
    """
    if not isinstance(model, Growing) or not isinstance(model, Observing):
        return None
    done = [calls.call(row) for row in range(len(calls))]
    if not model.grows(done):
        return None
    reads = [row for row in np.argsort(calls.call_ns, kind="stable").tolist() if model.shows(done[row])]
    returned = [row for row in np.argsort(calls.return_ns, kind="stable").tolist() if done[row].known]
    keepers: dict[Hashable, int] = {}
    passed = 0
    for read in reads:
        while passed < len(returned) and calls.return_ns[returned[passed]] < calls.call_ns[read]:
            row = returned[passed]
            for mark in (*model.traces(done[row]), *model.sees(done[row])):
                keepers.setdefault(mark, row)
            passed += 1
        there = {*model.sees(done[read]), *model.traces(done[read])}
        for mark, row in keepers.items():
            if mark != OTHERS and mark not in there:
                return Loss(mark=mark, kept=row, lacking=read)
    return None


def window(model: Model, calls: Calls, found: Loss) -> Window:
    """Return the record of a loss: the two operations, from any state at all."""
    mark = shown(found.mark)
    kept = operation(
        model,
        calls,
        found.kept,
        role=Role.REQUIRED,
        story=f"when it returned {mark} was there, and nothing that was done takes anything away",
    )
    lacking = operation(
        model,
        calls,
        found.lacking,
        role=Role.REQUIRED,
        story=f"it was called after {mark} was there, and does not show it",
    )
    return Window(
        key=calls.keys[calls.key[found.kept]],
        model=model.name,
        from_ns=kept.call_ns,
        until_ns=int(calls.return_ns[found.lacking]),
        entry_states=(),
        entry_texts=(),
        any_state=True,
        operations=(kept, lacking),
        stuck=lacking.id,
    )
