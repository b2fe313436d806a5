"""The checker against the definitions, on all kinds of small histories."""

import os

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from isolation_definitions import atomically_read, holds, serializable, snapshot_isolated
from small_transactions import columns, executions, torn

from checkers.transactions import check
from checkers.transactions.anomalies import Anomaly, Order
from checkers.transactions.models import model, ruled_out

EXAMPLES = int(os.environ.get("ACKED_HISTORIES", "300"))

settings.register_profile("transactions", deadline=None, max_examples=EXAMPLES)
UPDATES = {Anomaly.LOST_UPDATE, Anomaly.G_CURSOR, Anomaly.FRACTURED_READ}
"""What is told without a cycle, though it is one."""
ORDERS = {"": Order.NONE, "process": Order.PROCESS, "realtime": Order.REALTIME}
BASES = (
    "read-uncommitted", "read-committed", "cursor-stability", "consistent-view", "repeatable-read",
    "snapshot-isolation", "serializable",
)  # fmt: skip


def impossible(txns, workload):
    result = check(columns(txns), workload)
    return {*result.violated, *result.also_violated}, result


def determined(txns):
    """Whether the order of all appends is known: but for the last one of a key each is shown."""
    keys = {key for txn in txns for _, key, _ in txn.micro}
    for key in keys:
        shown = {
            v
            for txn in txns
            if txn.is_ok
            for f, k, vs in txn.micro
            if f == "r" and k == key
            for v in vs or ()
        }
        read = any(f == "r" and k == key for txn in txns if txn.is_ok for f, k, _ in txn.micro)
        hidden = {
            txn.id
            for txn in txns
            if txn.is_ok
            or (txn.is_info and any(f != "r" and (k, v) in _shown(txns) for f, k, v in txn.micro))
            for f, k, v in txn.micro
            if f != "r" and k == key and v not in shown
        }
        if len(hidden) > (1 if read else 0):
            return False
    return True


def _shown(txns):
    return {(k, v) for txn in txns if txn.is_ok for f, k, vs in txn.micro if f == "r" for v in vs or ()}


@settings(deadline=None, max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(executions(lists=True))
def test_lists_are_serializable_exactly_if_some_order_explains_them(txns):
    ruled, result = impossible(txns, "list-append")
    known = determined(txns)
    for order, name in ORDERS.items():
        if model("serializable", name) in ruled:
            assert not serializable(txns, order, lists=True)
        elif known:
            assert serializable(txns, order, lists=True), result


@settings(deadline=None, max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(executions(lists=True, most=4))
def test_lists_are_snapshot_isolated_exactly_if_some_execution_explains_them(txns):
    ruled, result = impossible(txns, "list-append")
    known = determined(txns)
    for order, name in ORDERS.items():
        if model("snapshot-isolation", name) in ruled:
            assert not snapshot_isolated(txns, order, lists=True)
        elif known:
            assert snapshot_isolated(txns, order, lists=True), result


@settings(deadline=None, max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(st.booleans().flatmap(lambda torn: executions(lists=True, most=4, torn=torn)))
def test_levels_of_lists_are_adyas(txns):
    result = check(columns(txns), "list-append")
    known = determined(txns)
    cycles = {each.anomaly for each in result.found if each.stories[0].is_cycle}
    others = {each.anomaly for each in result.found} - cycles
    assume(not others - UPDATES)
    ruled = ruled_out(cycles | others)
    for base in BASES:
        for order, name in ORDERS.items():
            if model(base, name) in ruled:
                assert not holds(txns, base, order, lists=True)
            elif known:
                assert holds(txns, base, order, lists=True), result


@settings(deadline=None, max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(st.booleans().flatmap(lambda torn: executions(lists=True, most=4, torn=torn)))
def test_lists_are_read_atomically_exactly_if_some_order_and_sight_explain_them(txns):
    ruled, result = impossible(txns, "list-append")
    known = determined(txns)
    for order, name in ORDERS.items():
        if model("read-atomic", name) in ruled:
            assert not atomically_read(txns, order, lists=True), result
        elif known:
            assert atomically_read(txns, order, lists=True), result


@settings(deadline=None, max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(st.booleans().flatmap(lambda torn: executions(lists=False, most=4, torn=torn)))
def test_registers_are_never_accused_wrongly_of_reads_that_are_not_atomic(txns):
    ruled, result = impossible(txns, "rw-register")
    for order, name in ORDERS.items():
        if model("read-atomic", name) in ruled:
            assert not atomically_read(txns, order, lists=False), result
        if model("cursor-stability", name) in ruled:
            assert not holds(txns, "cursor-stability", order, lists=False), result


@pytest.mark.parametrize("seed", range(0, EXAMPLES, 20))
def test_whatever_is_read_lists_are_at_exactly_the_levels_that_explain_it(seed):
    """Twenty histories, in which each transaction may read any version of anything."""
    for each in range(seed, seed + 20):
        txns = torn(each, lists=True)
        ruled, result = impossible(txns, "list-append")
        assert atomically_read(txns, lists=True) == ("read-atomic" not in ruled), (each, result)
        for base in ("read-committed", "cursor-stability", "consistent-view"):
            assert holds(txns, base, lists=True) == (base not in ruled), (base, each, result)
        registers = torn(each, lists=False)
        ruled, result = impossible(registers, "rw-register")
        assert "read-atomic" not in ruled or not atomically_read(registers, lists=False), (each, result)
        for base in ("read-committed", "cursor-stability", "consistent-view"):
            assert base not in ruled or not holds(registers, base, lists=False), (base, each, result)


@settings(deadline=None, max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(executions(lists=False))
def test_registers_are_never_accused_wrongly(txns):
    ruled, result = impossible(txns, "rw-register")
    for order, name in ORDERS.items():
        if model("serializable", name) in ruled:
            assert not serializable(txns, order, lists=False), result


@settings(deadline=None, max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(executions(lists=False, most=4))
def test_registers_under_snapshot_isolation_are_never_accused_wrongly(txns):
    ruled, result = impossible(txns, "rw-register")
    for order, name in ORDERS.items():
        if model("snapshot-isolation", name) in ruled:
            assert not snapshot_isolated(txns, order, lists=False), result
