"""What must not change a verdict, and what must: histories that differ in nothing that matters."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_transactions import columns, executions

from checkers.transactions import check
from harness.operation import Outcome

KINDS = ("list-append", "rw-register")


def anomalies(txns, workload):
    return {each.anomaly: each.count for each in check(columns(txns), workload).found}


def names(txns, workload):
    return set(anomalies(txns, workload))


@pytest.mark.parametrize("workload", KINDS)
@given(st.data())
def test_times_may_be_shifted_and_stretched(workload, data):
    txns = data.draw(executions(lists=workload == "list-append"))
    later = [
        replace(txn, call=7 * txn.call + 1000, back=None if txn.back is None else 7 * txn.back + 1000)
        for txn in txns
    ]
    assert anomalies(later, workload) == anomalies(txns, workload)


@pytest.mark.parametrize("workload", KINDS)
@given(st.data())
def test_names_do_not_matter(workload, data):
    txns = data.draw(executions(lists=workload == "list-append"))

    def value(key, each):
        if isinstance(each, list):
            return [value(key, one) for one in each]
        return None if each is None else f"{key}:{each}"

    renamed = [
        replace(
            txn,
            id=100 - txn.id,
            process=50 - txn.process,
            micro=tuple((f, key * 2, value(key, each)) for f, key, each in txn.micro),
        )
        for txn in txns
    ]
    assert anomalies(renamed, workload) == anomalies(txns, workload)


@pytest.mark.parametrize("workload", KINDS)
@given(st.data())
def test_the_order_of_rows_does_not_matter(workload, data):
    txns = data.draw(executions(lists=workload == "list-append"))
    shuffled = data.draw(st.permutations(txns))
    assert anomalies(shuffled, workload) == anomalies(txns, workload)


@pytest.mark.parametrize("workload", KINDS)
@given(st.data())
def test_an_unknown_transaction_that_nobody_saw_may_be_dropped(workload, data):
    txns = data.draw(executions(lists=workload == "list-append"))
    shown = {
        (key, each)
        for txn in txns
        if txn.is_ok
        for f, key, seen in txn.micro
        if f == "r"
        for each in (seen if isinstance(seen, list) else [seen])
    }
    kept = [
        txn
        for txn in txns
        if not txn.is_info or any(f != "r" and (key, value) in shown for f, key, value in txn.micro)
    ]
    assert anomalies(kept, workload) == anomalies(txns, workload)


@pytest.mark.parametrize("workload", KINDS)
@given(st.data())
def test_two_histories_of_different_keys_have_the_anomalies_of_both(workload, data):
    lists = workload == "list-append"
    one, other = data.draw(executions(lists=lists, most=4)), data.draw(executions(lists=lists, most=4))
    moved = [
        replace(
            txn,
            id=txn.id + 100,
            process=txn.process + 100,
            micro=tuple((f, key + "2", value) for f, key, value in txn.micro),
        )
        for txn in other
    ]
    # In real time cycles may go through both, so only what needs no real time is compared.
    timeless = {
        name for each in (one, moved) for name in names(each, workload) if not name.endswith("-realtime")
    }
    both = {name for name in names([*one, *moved], workload) if not name.endswith("-realtime")}
    assert both == timeless


@settings(max_examples=50)
@given(st.integers(0, 10_000), st.integers(2, 8))
def test_what_is_done_one_after_the_other_is_strictly_serializable(seed, clients):
    for lists in (True, False):
        txns = serial(random.Random(seed), 60, clients, lists=lists)
        assert names(txns, "list-append" if lists else "rw-register") == set()


def serial(draws, count, clients, *, lists):
    """Return transactions that took effect one after the other, within intervals that overlap."""
    from small_transactions import Txn

    state, made = {}, []
    for place in range(count):
        micro, before = [], dict(state)
        for _ in range(draws.randint(1, 4)):
            key = draws.choice("xyz")
            if draws.random() < 0.5:
                value = place * 10 + len(micro)
                micro.append(("append" if lists else "w", key, value))
                state[key] = [*state.get(key, []), value] if lists else value
            else:
                micro.append(("r", key, state.get(key, [] if lists else None)))
        outcome = draws.choices((Outcome.OK, Outcome.INFO, Outcome.FAIL), (8, 1, 1))[0]
        if outcome is Outcome.FAIL:
            state = before
        call, back = 10 * place - draws.randint(0, 9), 10 * place + draws.randint(0, 9)
        made.append(
            Txn(
                id=place,
                process=place % clients,
                call=call,
                back=None if outcome is Outcome.INFO else back,
                outcome=outcome,
                micro=tuple(micro),
            )
        )
    return made
