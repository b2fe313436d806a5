from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import judging
from harness.cli_histories import WORKLOADS as NAMES
from harness.errors import UsageError
from harness.generate.catalogue import WORKLOADS, Wanted, generate
from harness.history_checker import Request
from harness.operation import Outcome
from harness.verdict import Verdict

JUDGED = ("set-full", "counter", "bank", "total-queue", "unique-ids", "long-fork", "causal-reverse")
"""The workloads whose checkers are among those of histories alone."""

seeds = st.integers(0, 2**32)
shares = st.sampled_from([0.0, 0.1, 0.4])


def verdict(workload, table, consistency=None):
    (checker,) = judging.checkers([workload], {})
    return checker.check(table, Request(consistency=consistency))


def test_the_command_line_knows_what_there_is():
    assert tuple(WORKLOADS) == NAMES


@pytest.mark.parametrize("workload", JUDGED)
@given(seed=seeds, unknown=shares, operations=st.integers(1, 120), clients=st.integers(1, 8))
def test_what_is_made_is_never_violated(workload, seed, unknown, operations, clients):
    wanted = Wanted(
        workload=workload, operations=operations, seed=seed, unknown=unknown, clients=clients, reads=4
    )
    table = generate(wanted)
    assert len(table) == operations
    assert verdict(workload, table).verdict in (Verdict.HOLDS, Verdict.INCONCLUSIVE)
    assert verdict(workload, table, "linearizable").verdict in (Verdict.HOLDS, Verdict.INCONCLUSIVE)


@pytest.mark.parametrize(
    "workload,anomaly", [(name, anomaly) for name in JUDGED for anomaly in WORKLOADS[name].anomalies]
)
@pytest.mark.parametrize("unknown", [0.0, 0.05])
@pytest.mark.parametrize("seed", range(5))
def test_a_planted_anomaly_is_found(workload, anomaly, unknown, seed):
    wanted = Wanted(workload=workload, operations=400, seed=seed, unknown=unknown, reads=5, anomaly=anomaly)
    result = verdict(workload, generate(wanted), "linearizable" if anomaly == "stale" else None)
    assert result.verdict is Verdict.VIOLATED
    assert anomaly in result.anomalies


@pytest.mark.parametrize("workload", WORKLOADS)
def test_the_same_seed_gives_the_same_history(workload):
    one, same, other = (
        list(generate(Wanted(workload=workload, operations=200, seed=seed, unknown=0.1)).operations())
        for seed in (7, 7, 8)
    )
    assert one == same
    assert one != other


@pytest.mark.parametrize("workload", WORKLOADS)
def test_clients_are_always_busy_and_processes_sequential(workload):
    table = generate(Wanted(workload=workload, operations=400, clients=4, unknown=0.1, seed=3))
    assert (table.call_ns[1:] >= table.call_ns[:-1]).all()
    by_process = {}
    for operation in table.operations():
        by_process.setdefault(operation.process, []).append(operation)
    for process, operations in by_process.items():
        for before, after in pairwise(operations):
            assert before.return_ns < after.call_ns
            assert before.outcome is not Outcome.INFO, f"process {process} goes on after an unknown outcome"
    for moment in table.call_ns[20:-1:40]:
        busy = (table.call_ns <= moment) & (table.return_ns >= moment)
        assert busy.sum() == 4


def test_an_anomaly_that_does_not_exist_is_a_mistake():
    with pytest.raises(UsageError, match="bank does not have it; allowed: wrong-total, negative-balance"):
        generate(Wanted(workload="bank", operations=10, anomaly="lost"))


@pytest.mark.parametrize("workload", WORKLOADS)
def test_an_anomaly_that_finds_no_place_is_a_mistake(workload):
    with pytest.raises(UsageError, match="--anomaly"):
        generate(
            Wanted(workload=workload, operations=1, anomaly=WORKLOADS[workload].anomalies[0], unknown=0.999)
        )


# Registers


def orders(operations, value=None):
    """Whether some order of the operations explains every answer; unknown ones may be left out."""
    if all(each.outcome is Outcome.INFO for each in operations):
        return True
    ends = min(each.return_ns for each in operations if each.outcome is Outcome.OK)
    for place, each in enumerate(operations):
        if each.call_ns > ends:
            continue
        after = step(each, value)
        if after is not REFUSED and orders(operations[:place] + operations[place + 1 :], after):
            return True
    return False


REFUSED = object()


def step(operation, value):
    known = operation.outcome is Outcome.OK
    match operation.f, operation.args[1:]:
        case "get", ():
            return value if not known or operation.value == value else REFUSED
        case "put", (new,):
            return new
        case "cas", (old, new):
            if known and operation.value != (old == value):
                return REFUSED
            return new if old == value else value
    raise AssertionError(operation)


def by_key(table):
    found = {}
    for each in table.operations():
        found.setdefault(each.args[0], []).append(each)
    return found


@pytest.mark.parametrize("workload", ["register", "cas-register"])
@given(seed=seeds, unknown=shares, unique=st.booleans(), clients=st.integers(1, 5))
def test_registers_are_linearizable(workload, seed, unknown, unique, clients):
    wanted = Wanted(
        workload=workload, operations=16, keys=2, seed=seed, unknown=unknown, unique=unique, clients=clients
    )
    assert all(map(orders, by_key(generate(wanted)).values()))


@pytest.mark.parametrize("workload", ["register", "cas-register"])
@pytest.mark.parametrize("unique", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_a_stale_read_is_not_linearizable(workload, unique, seed):
    wanted = Wanted(
        workload=workload,
        operations=60,
        keys=2,
        seed=seed,
        clients=2,
        unique=unique,
        anomaly="stale-read",
        unknown=0.02,
    )
    assert not all(map(orders, by_key(generate(wanted)).values()))


def test_registers_do_what_was_asked_for():
    table = generate(Wanted(workload="cas-register", operations=20_000, keys=4, seed=1))
    operations = list(table.operations())
    shares = {f: sum(each.f == f for each in operations) / len(operations) for f in ("get", "put", "cas")}
    assert shares == pytest.approx({"get": 0.5, "put": 0.3, "cas": 0.2}, abs=0.02)
    right = [each.value for each in operations if each.f == "cas"]
    assert np.mean(right) == pytest.approx(0.7, abs=0.03)
    assert [each.args[0] for each in operations] == [f"k{row // 5000}" for row in range(20_000)]
    assert {each.args[1] for each in operations if each.f == "put"} == {0, 1, 2, 3, 4}
    unique = generate(Wanted(workload="register", operations=1000, unique=True)).operations()
    written = [each.args[1] for each in unique if each.f == "put"]
    assert len(set(written)) == len(written)


# Transactions


def replayed(table, lists):
    """Whether the transactions can be carried out one after the other in the order that their reads tell.

    Serial ones take effect in an order that their lists tell for each key; here the final lists are enough: every
    read is a prefix of the final list of its key, and what a transaction wrote before is the end of what it reads.
    """
    final = {}
    for each in table.operations():
        if each.outcome is Outcome.OK:
            for f, key, value in each.value:
                if f == "r" and value and len(value) > len(final.get(key, [])):
                    final[key] = value
    for each in table.operations():
        if each.outcome is not Outcome.OK:
            continue
        own = {}
        for f, key, value in each.value:
            if f == "append":
                own.setdefault(key, []).append(value)
            else:
                assert value[len(value) - len(own.get(key, [])) :] == own.get(key, [])
                before = value[: len(value) - len(own.get(key, []))]
                assert before == final.get(key, [])[: len(before)]
    return final


@given(seed=seeds, unknown=shares, snapshots=st.booleans())
def test_reads_of_lists_are_prefixes(seed, unknown, snapshots):
    wanted = Wanted(
        workload="list-append", operations=300, seed=seed, unknown=unknown, snapshots=snapshots, clients=8
    )
    table = generate(wanted)
    final = replayed(table, lists=True)
    assert all(len(value) <= 32 and len(set(value)) == len(value) for value in final.values())
    failed = {
        (key, value)
        for each in table.operations()
        if each.outcome is Outcome.FAIL
        for f, key, value in each.args[0]
        if f == "append"
    }
    assert not failed & {(key, value) for key, values in final.items() for value in values}
    assert snapshots or not failed


def test_transactions_do_what_was_asked_for():
    table = generate(Wanted(workload="list-append", operations=5000, seed=1))
    sizes, keys, appends = [], set(), {}
    for each in table.operations():
        sizes.append(len(each.args[0]))
        for f, key, value in each.args[0]:
            keys.add(key)
            if f == "append":
                appends.setdefault(key, []).append(value)
    assert {size: sizes.count(size) / 5000 for size in set(sizes)} == pytest.approx(
        dict.fromkeys(range(1, 5), 0.25), abs=0.02
    )
    full = [values for values in appends.values() if len(values) == 32]
    assert len(appends) - len(full) <= 10
    assert all(sorted(values) == list(range(1, 33)) for values in full)


def test_snapshots_have_write_skews_and_serial_ones_none():
    def skews(snapshots):
        found, writers = 0, []
        wanted = Wanted(workload="list-append", operations=2000, seed=1, snapshots=snapshots, clients=10)
        for each in generate(wanted).operations():
            if each.outcome is not Outcome.OK:
                continue
            reads = {key: len(value) for f, key, value in each.value if f == "r"}
            writes = {key: value for f, key, value in each.value if f == "append"}
            writers.append((reads, writes))
        final = replayed(generate(wanted), lists=True)
        for place, (reads, writes) in enumerate(writers):
            for other_reads, other_writes in writers[place + 1 : place + 40]:
                misses = any(
                    key in reads and value in final.get(key, [])[reads[key] :]
                    for key, value in other_writes.items()
                )
                missed = any(
                    key in other_reads and value in final.get(key, [])[other_reads[key] :]
                    for key, value in writes.items()
                )
                found += misses and missed
        return found

    assert skews(True) > 0
    assert skews(False) == 0


@pytest.mark.parametrize("lists", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_an_aborted_read_shows_what_a_failed_transaction_wrote(lists, seed):
    wanted = Wanted(
        workload="list-append" if lists else "rw-register",
        operations=400,
        seed=seed,
        snapshots=True,
        clients=8,
        anomaly="aborted-read",
    )
    operations = list(generate(wanted).operations())
    word = "append" if lists else "w"
    failed = {
        (key, value)
        for each in operations
        if each.outcome is Outcome.FAIL
        for f, key, value in each.args[0]
        if f == word
    }
    shown = {
        (key, value)
        for each in operations
        if each.outcome is Outcome.OK
        for f, key, values in each.value
        if f == "r"
        for value in (values if lists else [values])
    }
    assert len(failed & shown) == 1


@pytest.mark.parametrize("lists", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_a_lost_update_has_two_that_read_one_version_and_write(lists, seed):
    wanted = Wanted(
        workload="list-append" if lists else "rw-register", operations=600, seed=seed, anomaly="lost-update"
    )
    versions = {}
    for each in generate(wanted).operations():
        if each.outcome is Outcome.OK:
            written = {key for f, key, _ in each.value if f != "r"}
            first = {}
            for f, key, value in each.value:
                first.setdefault(key, (f, value))
            for key in written:
                if first[key][0] == "r":
                    versions.setdefault((key, repr(first[key][1])), []).append(each.id)
    assert [len(ids) for ids in versions.values() if len(ids) > 1] == [2]
