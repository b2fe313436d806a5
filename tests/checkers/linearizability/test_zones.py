"""Zones against the search, on many small histories with unique values.

make test-long                      100,000 histories
ACKED_HISTORIES=100000 pytest …     the same
"""

import os

import numpy as np
import pytest
from brute_orders import Op, explains, linearizable
from hypothesis import given
from hypothesis import strategies as st
from small_histories import calls_of, chained, unique

from checkers.linearizability import engine, repair, zones
from checkers.linearizability.budget import Budget
from checkers.linearizability.columns import NEVER
from checkers.linearizability.model import UNKNOWN, Call
from checkers.linearizability.models import MODELS
from checkers.linearizability.zones import Ruling

HISTORIES = int(os.environ.get("ACKED_HISTORIES", "3000"))
MODEL = MODELS["cas-register"]


def agree(ops: tuple[Op, ...], *, expected: bool) -> Ruling:
    """Assert that the zones say what is expected, or nothing, and prove it."""
    calls = calls_of(ops)
    ruled = zones.rule(calls)
    places = ruled.places
    if ruled.ruling is Ruling.UNDECIDED and places is not None:
        places = repair.repair(calls, places, Budget())
    if ruled.ruling is Ruling.HOLDS or (ruled.ruling is Ruling.UNDECIDED and places is not None):
        assert expected, ops
        assert places is not None
        assert explains(MODEL, ops, places.order(calls).tolist()), ops
    if ruled.ruling is Ruling.VIOLATED:
        assert not expected, ops
        suspects = calls.take(np.array(ruled.suspects, dtype=np.intp))
        assert engine.answer(MODEL, suspects, suspects.return_ns, Budget()).order is None, ops
    return ruled.ruling


def test_zones_and_search_agree() -> None:
    counts = dict.fromkeys(Ruling, 0)
    for seed in range(HISTORIES):
        ops = unique(seed)
        calls = calls_of(ops)
        found = engine.answer(MODEL, calls, calls.return_ns, Budget())
        counts[agree(ops, expected=found.order is not None)] += 1
    assert counts[Ruling.VIOLATED] > HISTORIES / 30
    assert counts[Ruling.UNDECIDED] < HISTORIES / 30


def test_zones_and_all_orders_agree() -> None:
    for seed in range(300):
        ops = unique(seed, most=7)
        agree(ops, expected=linearizable(MODEL, ops))


@st.composite
def histories(draw: st.DrawFn) -> tuple[Op, ...]:
    ops = []
    for number in range(1, draw(st.integers(1, 6)) + 1):
        f = draw(st.sampled_from(("read", "write", "cas")))
        seen = draw(st.sampled_from((None, 1, 2, 3, 4, 5, 6)))
        args = {"read": (), "write": (number,), "cas": (seen, number)}[f]
        result = {"read": seen, "write": None, "cas": draw(st.booleans())}[f]
        call_ns = draw(st.integers(0, 6))
        return_ns = draw(st.one_of(st.just(NEVER), st.integers(call_ns, 8)))
        answered = UNKNOWN if return_ns == NEVER else result
        ops.append(Op(call=Call(f=f, args=args, result=answered), call_ns=call_ns, return_ns=return_ns))
    return tuple(ops)


@given(histories())
def test_zones_are_right_whatever_is_drawn(ops: tuple[Op, ...]) -> None:
    agree(ops, expected=linearizable(MODEL, ops))


@pytest.mark.parametrize("widths", [(0, 1), (0, 1, 2, 3), repair.WIDTHS])
def test_blocks_searched_anew_are_right_wherever_a_chain_leads(
    widths: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repair, "WIDTHS", widths)
    repaired = 0
    for seed in range(200):
        ops = chained(seed)
        calls = calls_of(ops)
        places = zones.rule(calls).places
        assert places is not None, "the history is sound"
        if len(places.homeless) and repair.repair(calls, places, Budget()) is not None:
            repaired += 1
            agree(ops, expected=True)
    assert repaired > 20


def test_values_written_twice_are_left_to_the_search() -> None:
    write = Op(call=Call(f="write", args=(1,)), call_ns=0, return_ns=1)
    assert zones.rule(calls_of((write, write))).ruling is Ruling.UNDECIDED
