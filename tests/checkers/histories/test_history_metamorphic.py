"""What must not change a verdict on a history, whoever judges it: times, names, what nobody saw, other objects."""

from functools import cache

import pytest
from msgspec.structs import replace

from harness import judging
from harness.columns.table import Table, table_of
from harness.columns.values import Members
from harness.generate.catalogue import WORKLOADS, Wanted, generate
from harness.history_checker import Request
from harness.operation import Operation, Outcome
from harness.verdict import Verdict

CASES = [
    (name, anomaly, unknown)
    for name, kind in WORKLOADS.items()
    for anomaly in (None, *kind.anomalies)
    for unknown in (0.0, 0.08)
    if unknown or anomaly != "aborted-read"  # which needs what failed
]

AMOUNTS = ("counter", "bank")
"""Where numbers are amounts, so that others mean something else."""

NAMED = [case for case in CASES if case[0] not in AMOUNTS]

every_case = pytest.mark.parametrize("workload,anomaly,unknown", CASES)


@cache
def operations(workload: str, anomaly: str | None, unknown: float) -> tuple[Operation, ...]:
    wanted = Wanted(
        workload=workload, operations=300, seed=3, unknown=unknown, reads=4, keys=3, anomaly=anomaly
    )
    return tuple(generate(wanted).operations())


def judged(table: Table) -> tuple[Verdict, tuple[str, ...], tuple[str, ...]]:
    found = judging.judge(table, Request(), available=judging.checkers((), {}))
    return found.verdict, found.anomalies, found.chosen


@cache
def expected(workload: str, anomaly: str | None, unknown: float) -> tuple:
    told = judged(table_of(operations(workload, anomaly, unknown)))
    strict = anomaly == "stale"  # a set may be stale unless somebody asks for more
    assert (told[0] is Verdict.VIOLATED) is (anomaly is not None and not strict), told
    return told


@every_case
@pytest.mark.parametrize("by_ns,factor", [(10**15, 1), (0, 7), (1, 1000)])
def test_times_may_be_shifted_and_stretched(workload, anomaly, unknown, by_ns, factor):
    moved = [
        replace(
            each,
            call_ns=each.call_ns * factor + by_ns,
            return_ns=None if each.return_ns is None else each.return_ns * factor + by_ns,
        )
        for each in operations(workload, anomaly, unknown)
    ]
    assert judged(table_of(moved)) == expected(workload, anomaly, unknown)


@every_case
def test_processes_may_have_other_names(workload, anomaly, unknown):
    named = [
        replace(each, process=1000 - 3 * each.process) for each in operations(workload, anomaly, unknown)
    ]
    assert judged(table_of(named)) == expected(workload, anomaly, unknown)


def renamed(value, how):
    match value:
        case bool() | None:
            return value
        case int():
            return how(value)
        case Members():
            return Members(renamed(each, how) for each in value)
        case list() | tuple():
            return type(value)(renamed(each, how) for each in value)
    return value


@pytest.mark.parametrize("workload,anomaly,unknown", NAMED)
@pytest.mark.parametrize("how", [lambda n: 3 * n + 1000, lambda n: -n - 5, lambda n: f"v{n}"])
def test_values_may_have_other_names(workload, anomaly, unknown, how):
    named = [
        replace(each, args=renamed(each.args, how), value=renamed(each.value, how))
        for each in operations(workload, anomaly, unknown)
    ]
    assert judged(table_of(named)) == expected(workload, anomaly, unknown)


def only_reads(operation: Operation) -> bool:
    if operation.f == "txn":
        return all(str(micro[0]) in ("r", "get") for micro in operation.args[0])
    return operation.f in ("read", "get")


@every_case
def test_an_unknown_read_may_be_dropped(workload, anomaly, unknown):
    kept = [
        each
        for each in operations(workload, anomaly, unknown)
        if each.outcome is not Outcome.INFO or not only_reads(each)
    ]
    assert judged(table_of(kept)) == expected(workload, anomaly, unknown)


@pytest.mark.parametrize("workload", ["register", "cas-register"])
@pytest.mark.parametrize("anomaly", [None, "stale-read"])
def test_objects_are_judged_alone_as_they_are_together(workload, anomaly):
    whole = operations(workload, anomaly, 0.08)
    alone = [
        judged(table_of(each for each in whole if each.args[0] == key))[0]
        for key in sorted({each.args[0] for each in whole})
    ]
    assert len(alone) == 3
    assert (Verdict.VIOLATED in alone) is (expected(workload, anomaly, 0.08)[0] is Verdict.VIOLATED)
