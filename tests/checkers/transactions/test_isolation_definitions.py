"""The checker against the definitions, on all kinds of small histories."""

import os

from hypothesis import HealthCheck, assume, given, settings
from isolation_definitions import holds, serializable, snapshot_isolated
from small_transactions import columns, executions

from checkers.transactions import check
from checkers.transactions.anomalies import Order
from checkers.transactions.models import model, ruled_out

EXAMPLES = int(os.environ.get("ACKED_HISTORIES", "300"))

settings.register_profile("transactions", deadline=None, max_examples=EXAMPLES)
ORDERS = {"": Order.NONE, "process": Order.PROCESS, "realtime": Order.REALTIME}
BASES = (
    "read-uncommitted", "read-committed", "consistent-view", "repeatable-read", "snapshot-isolation",
    "serializable",
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
@given(executions(lists=True, most=4))
def test_levels_of_lists_are_adyas(txns):
    result = check(columns(txns), "list-append")
    known = determined(txns)
    cycles = {each.anomaly for each in result.found if each.stories[0].is_cycle}
    others = {each.anomaly for each in result.found} - cycles
    assume(not others - {"lost-update"})
    ruled = ruled_out(cycles)
    for base in BASES:
        for order, name in ORDERS.items():
            if model(base, name) in ruled:
                assert not holds(txns, base, order, lists=True)
            elif known:
                assert holds(txns, base, order, lists=True), result


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
