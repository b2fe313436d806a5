"""Of each anomaly a history that has it, and one that is almost the same and has nothing."""

import pytest
from small_transactions import a, columns, r, t, w

from checkers.transactions import Inferences, check
from harness.operation import Outcome
from harness.verdict import Verdict

FAIL, INFO = Outcome.FAIL, Outcome.INFO


def found(*txns, workload="list-append", infer=None):
    return set(check(columns(txns), workload, infer=infer).anomalies)


LISTS = {
    "duplicate-elements": (
        [t(1, a("x", 1)), t(2, r("x", [1, 1]))],
        [t(1, a("x", 1)), t(2, r("x", [1]))],
    ),
    "garbage-read": (
        [t(1, a("x", 1)), t(2, r("x", [1, 7]))],
        [t(1, a("x", 1)), t(2, r("x", [1])), t(3, a("x", 7), outcome=INFO)],
    ),
    "incompatible-order": (
        [t(1, a("x", 1)), t(2, a("x", 2)), t(3, r("x", [1, 2])), t(4, r("x", [2]))],
        [t(1, a("x", 1)), t(2, a("x", 2)), t(3, r("x", [1, 2])), t(4, r("x", [1]))],
    ),
    "dirty-update": (
        [t(1, a("x", 1), outcome=FAIL), t(2, a("x", 2)), t(3, r("x", [1, 2]))],
        [t(1, a("x", 1), outcome=INFO), t(2, a("x", 2)), t(3, r("x", [1, 2]))],
    ),
    "G1a": (
        [t(1, a("x", 1), outcome=FAIL), t(2, r("x", [1]))],
        [t(1, a("x", 1), outcome=FAIL), t(2, r("x", []))],
    ),
    "G1b": (
        [t(1, a("x", 1), a("x", 2)), t(2, r("x", [1]))],
        [t(1, a("x", 1), a("x", 2)), t(2, r("x", [1, 2]))],
    ),
    "internal": (
        [t(1, a("x", 1)), t(2, r("x", [1]), a("x", 2), r("x", [1]))],
        [t(1, a("x", 1)), t(2, r("x", [1]), a("x", 2), r("x", [1, 2]))],
    ),
    "fractured-read": (
        [t(1, a("x", 1), a("y", 1)), t(2, a("y", 2), r("y", [1, 2]), r("x", []))],
        [t(1, a("x", 1), a("y", 1)), t(2, a("y", 2), r("y", [1, 2]), r("x", [1]))],
    ),
    "G-cursor": (
        [t(1, r("x", []), a("x", 1)), t(2, a("x", 2)), t(3, r("x", [2, 1]))],
        [t(1, r("x", []), a("x", 1)), t(2, a("x", 2)), t(3, r("x", [1, 2]))],
    ),
    "lost-update": (
        [t(1, r("x", []), a("x", 1)), t(2, r("x", []), a("x", 2))],
        [t(1, r("x", []), a("x", 1)), t(2, r("x", [1]), a("x", 2))],
    ),
    "G0": (
        [
            t(1, a("x", 1), a("y", 1)),
            t(2, a("x", 2), a("y", 2)),
            t(3, r("x", [1, 2]), r("y", [2, 1])),
        ],
        [
            t(1, a("x", 1), a("y", 1)),
            t(2, a("x", 2), a("y", 2)),
            t(3, r("x", [1, 2]), r("y", [1, 2])),
        ],
    ),
    "G1c": (
        [t(1, a("x", 1), r("y", [1])), t(2, a("y", 1), r("x", [1]))],
        [t(1, a("x", 1), r("y", [1])), t(2, a("y", 1), r("x", []))],
    ),
    "G-single": (
        [t(1, a("x", 1), a("y", 1)), t(2, r("x", [1]), r("y", [])), t(3, r("y", [1]))],
        [t(1, a("x", 1), a("y", 1)), t(2, r("x", [1]), r("y", [1])), t(3, r("y", [1]))],
    ),
    "G-nonadjacent": (
        [t(1, a("x", 1)), t(2, a("y", 1)), t(3, r("x", [1]), r("y", [])), t(4, r("x", []), r("y", [1]))],
        [t(1, a("x", 1)), t(2, a("y", 1)), t(3, r("x", [1]), r("y", [])), t(4, r("x", [1]), r("y", [1]))],
    ),
    "G2-item": (
        [t(1, r("x", []), a("y", 1)), t(2, r("y", []), a("x", 1)), t(3, r("x", [1]), r("y", [1]))],
        [t(1, r("x", []), a("y", 1)), t(2, r("y", [1]), a("x", 1)), t(3, r("x", [1]), r("y", [1]))],
    ),
    "G0-process": (
        [
            t(1, a("x", 1), process=0, call=0, back=10),
            t(2, a("x", 2), process=0, call=10, back=20),
            t(3, r("x", [2, 1])),
        ],
        [
            t(1, a("x", 1), process=0, call=0, back=10),
            t(2, a("x", 2), process=0, call=10, back=20),
            t(3, r("x", [1, 2])),
        ],
    ),
    "G0-realtime": (
        [t(1, a("x", 1), call=0, back=10), t(2, a("x", 2), call=11, back=20), t(3, r("x", [2, 1]))],
        [t(1, a("x", 1), call=0, back=10), t(2, a("x", 2), call=10, back=20), t(3, r("x", [2, 1]))],
    ),
    "G1c-process": (
        [
            t(1, r("x", [1]), process=0, call=0, back=10),
            t(2, a("y", 1), process=0, call=10, back=20),
            t(3, r("y", [1]), a("x", 1)),
        ],
        [
            t(1, r("x", []), process=0, call=0, back=10),
            t(2, a("y", 1), process=0, call=10, back=20),
            t(3, r("y", [1]), a("x", 1)),
        ],
    ),
    "G1c-realtime": (
        [t(1, r("x", [1]), call=0, back=10), t(2, a("x", 1), call=11, back=20)],
        [t(1, r("x", [1]), call=0, back=11), t(2, a("x", 1), call=11, back=20)],
    ),
    "G-single-process": (
        [
            t(1, a("x", 1), process=0, call=0, back=10),
            t(2, r("x", []), process=0, call=10, back=20),
        ],
        [
            t(1, a("x", 1), process=0, call=0, back=10),
            t(2, r("x", []), process=1, call=10, back=20),
        ],
    ),
    "G-single-realtime": (
        [t(1, a("x", 1), call=0, back=10), t(2, r("x", []), call=11, back=20)],
        [t(1, a("x", 1), call=0, outcome=INFO), t(2, r("x", []), call=11, back=20)],
    ),
    "G-nonadjacent-process": (
        [
            t(1, a("x", 1), process=0, call=0, back=10),
            t(2, r("y", []), process=0, call=10, back=20),
            t(3, a("y", 1), process=1, call=0, back=10),
            t(4, r("x", []), process=1, call=10, back=20),
        ],
        [
            t(1, a("x", 1), process=0, call=0, back=10),
            t(2, r("y", []), process=0, call=10, back=20),
            t(3, a("y", 1), process=1, call=0, back=10),
            t(4, r("x", [1]), process=1, call=10, back=20),
        ],
    ),
    "G-nonadjacent-realtime": (
        [
            t(1, a("x", 1), call=0, back=5),
            t(2, r("y", []), call=10, back=20),
            t(3, a("y", 1), call=0, back=15),
            t(4, r("x", []), call=4, back=20),
            t(5, r("y", [1]), a("z", 1), call=0, back=20),
            t(6, r("x", []), r("z", [1]), call=3, back=30),
        ],
        [t(1, a("x", 1), call=0, back=5), t(6, r("x", []), r("z", []), call=3, back=30)],
    ),
    "G2-item-process": (
        [
            t(1, a("y", 1), process=0, call=0, back=10),
            t(2, r("x", []), process=0, call=10, back=20),
            t(3, r("y", []), a("x", 1)),
        ],
        [
            t(1, a("y", 1), process=0, call=0, back=10),
            t(2, r("x", []), process=1, call=10, back=20),
            t(3, r("y", []), a("x", 1)),
        ],
    ),
    "G2-item-realtime": (
        [
            t(1, a("y", 1), call=0, back=10),
            t(2, r("x", []), call=11, back=20),
            t(3, r("y", []), a("x", 1)),
        ],
        [
            t(1, a("y", 1), call=0, back=11),
            t(2, r("x", []), call=11, back=20),
            t(3, r("y", []), a("x", 1)),
        ],
    ),
}


@pytest.mark.parametrize("anomaly", LISTS)
def test_a_history_of_lists_that_has_it(anomaly):
    assert anomaly in found(*LISTS[anomaly][0])


@pytest.mark.parametrize("anomaly", LISTS)
def test_one_that_almost_has_it(anomaly):
    assert anomaly not in found(*LISTS[anomaly][1])


REGISTERS = {
    "garbage-read": (
        [t(1, w("x", 1)), t(2, r("x", 7))],
        [t(1, w("x", 1)), t(2, r("x", 1))],
    ),
    "G1a": (
        [t(1, w("x", 1), outcome=FAIL), t(2, r("x", 1))],
        [t(1, w("x", 1), outcome=INFO), t(2, r("x", 1))],
    ),
    "G1b": (
        [t(1, w("x", 1), w("x", 2)), t(2, r("x", 1))],
        [t(1, w("x", 1), r("x", 1), w("x", 2)), t(2, r("x", 2))],
    ),
    "internal": (
        [t(1, w("x", 1), r("x", None))],
        [t(1, r("x", None), w("x", 1), r("x", 1))],
    ),
    "fractured-read": (
        [t(1, w("x", 1), w("y", 1)), t(2, r("y", 1), r("x", None))],
        [t(1, w("x", 1), w("y", 1)), t(2, r("y", 1), r("x", 1)), t(3, r("y", None), r("x", None))],
    ),
    "lost-update": (
        [t(1, r("x", None), w("x", 1)), t(2, r("x", None), w("x", 2))],
        [t(1, r("x", None), w("x", 1)), t(2, r("x", 1), w("x", 2))],
    ),
    "cyclic-versions": (
        [t(1, r("x", 2), w("x", 1)), t(2, r("x", 1), w("x", 2))],
        [t(1, r("x", 2), w("x", 1)), t(2, w("x", 2))],
    ),
    "G1c": (
        [t(1, w("x", 1), r("y", 1)), t(2, w("y", 1), r("x", 1))],
        [t(1, w("x", 1), r("y", 1)), t(2, w("y", 1), r("x", None))],
    ),
    "G-single": (
        [t(1, w("x", 1), w("y", 1)), t(2, r("x", 1), r("y", None))],
        [t(1, w("x", 1), w("y", 1)), t(2, r("x", 1), r("y", 1))],
    ),
    "G-nonadjacent": (
        [t(1, w("x", 1)), t(2, w("y", 1)), t(3, r("x", 1), r("y", None)), t(4, r("x", None), r("y", 1))],
        [t(1, w("x", 1)), t(2, w("y", 1)), t(3, r("x", 1), r("y", None)), t(4, r("x", 1), r("y", 1))],
    ),
    "G2-item": (
        [t(1, r("x", None), w("y", 1)), t(2, r("y", None), w("x", 1))],
        [t(1, r("x", None), w("y", 1)), t(2, r("y", 1), w("x", 1))],
    ),
    "G-single-realtime": (
        [t(1, w("x", 1), call=0, back=10), t(2, r("x", None), call=11, back=20)],
        [t(1, w("x", 1), call=0, back=10), t(2, r("x", None), call=10, back=20)],
    ),
}


@pytest.mark.parametrize("anomaly", REGISTERS)
def test_a_history_of_registers_that_has_it(anomaly):
    assert anomaly in found(*REGISTERS[anomaly][0], workload="rw-register")


@pytest.mark.parametrize("anomaly", REGISTERS)
def test_one_of_registers_that_almost_has_it(anomaly):
    assert anomaly not in found(*REGISTERS[anomaly][1], workload="rw-register")


@pytest.mark.parametrize("lists", [True, False])
def test_what_a_transaction_writes_only_later_it_can_not_have_read(lists):
    write, shown = (a, [1]) if lists else (w, 1)
    workload = "list-append" if lists else "rw-register"
    foreseen = (t(1, r("x", shown), write("x", 1)), t(2, r("x", shown)))
    assert found(*foreseen, workload=workload) == {"internal"}
    (told,) = check(columns(foreseen), workload).found
    assert "before it did this: " in told.stories[0].title
    # It read nothing that somebody else could have updated, too.
    both = (*foreseen, t(3, r("x", shown), write("x", 2)))
    assert found(*both, workload=workload) == {"internal"}
    unread = t(3, r("x", [] if lists else None), write("x", 1))
    assert found(unread, workload=workload) == set()


@pytest.mark.parametrize(
    "txns,seen",
    [
        # Whoever saw the later one of two appends saw the transaction, whoever saw neither did not.
        ((t(2, r("y", [1]), r("x", [])),), True),
        ((t(2, r("y", []), r("x", [])), t(3, r("y", [1]), r("x", [1, 2]))), False),
        # What comes after it is seen instead.
        ((t(2, r("y", [1]), r("x", [1, 2, 3])), t(3, a("x", 3))), False),
        # Nobody saw it: it comes after all that was seen.
        ((t(2, r("y", [1]), r("x", [3])), t(3, a("x", 3)), t(4, r("x", [3]))), True),
        # A transaction of unknown outcome saw nothing.
        ((t(2, r("y", [1]), r("x", []), outcome=INFO), t(3, r("y", [1]))), False),
    ],
)
def test_a_part_of_a_transaction_is_seen(txns, seen):
    both = t(1, a("x", 1), a("y", 1), a("x", 2))
    assert ("fractured-read" in found(both, *txns)) is seen


@pytest.mark.parametrize(
    "txns,overtaken",
    [
        ((t(2, a("x", 2)), t(3, r("x", [2]))), True),  # what nobody saw comes last
        ((t(2, a("x", 2)), t(3, r("x", []))), False),  # who knows which of the two came first
        ((t(2, a("x", 2), outcome=INFO), t(3, r("x", [2, 1]))), True),
        ((t(2, a("x", 2), outcome=FAIL), t(3, r("x", [1]))), False),
        ((t(2, a("y", 2)), t(3, r("y", [2]), r("x", [1]))), False),
    ],
)
def test_an_append_comes_after_what_its_transaction_had_not_read(txns, overtaken):
    one = t(1, r("x", []), a("x", 1))
    assert ("G-cursor" in found(one, *txns)) is overtaken
    assert "G-cursor" not in found(t(1, a("x", 1)), *txns)


def test_versions_of_registers_in_the_order_of_clients():
    txns = (
        t(1, w("x", 1), process=0, call=0, back=10),
        t(2, w("x", 2), process=0, call=10, back=20),
        t(3, r("x", 2), call=0, back=30, process=1),
        t(4, r("x", 1), w("y", 1), call=0, back=30, process=2),
        t(5, r("x", 2), r("y", None), call=0, back=40, process=3),
        t(6, r("y", 1), w("z", 1), r("x", 1), call=0, back=40, process=4),
    )
    assert found(*txns, workload="rw-register", infer=Inferences()) == set()
    ordered = found(*txns[:2], t(3, r("x", 2), w("y", 1)), t(4, r("y", 1), r("x", 1)), workload="rw-register",
                    infer=Inferences(sequential_keys=True))  # fmt: skip
    assert "G-single" in ordered


def test_versions_of_registers_in_real_time():
    txns = (
        t(1, w("x", 1), call=0, back=10),
        t(2, w("x", 2), w("y", 1), call=11, back=20),
        t(3, r("y", 1), r("x", 1), call=0, back=40),
    )
    assert "G-single" not in found(*txns, workload="rw-register")
    assert "G-single" in found(*txns, workload="rw-register", infer=Inferences(linearizable_keys=True))


def test_an_unknown_transaction_that_was_read_did_happen_as_a_whole():
    txns = [t(1, a("x", 1), a("y", 1), outcome=INFO), t(2, r("x", [1]), r("y", []))]
    assert found(*txns) == {"G-single", "fractured-read"}


def test_an_unknown_transaction_that_nobody_read_need_not_have_happened():
    assert found(t(1, a("x", 1), outcome=INFO), t(2, r("x", []), call=200, back=300)) == set()


def test_what_an_unknown_transaction_is_said_to_have_read_does_not_count():
    assert found(t(1, a("x", 1)), t(2, r("x", [9]), outcome=INFO), t(3, r("x", [1]))) == set()


def test_values_that_are_appended_twice_leave_doubt():
    result = check(columns([t(1, a("x", 1)), t(2, a("x", 1)), t(3, r("x", [1]))]))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.reason == "1 was written to x more than once: nothing can be told of such keys"


@pytest.mark.parametrize(
    "txns,reason",
    [
        ([t(1, a("x", 1), outcome=INFO)], "no transaction was acknowledged"),
        ([t(1, a("x", 1))], "no acknowledged transaction read anything"),
        ([], "no transaction was acknowledged"),
    ],
)
@pytest.mark.parametrize("workload", ["list-append", "rw-register"])
def test_nothing_is_proved_by_nothing(txns, reason, workload):
    result = check(columns(txns), workload)
    assert (result.verdict, result.reason) == (Verdict.INCONCLUSIVE, reason)


def test_the_verdict_is_on_what_was_asked():
    txns = columns(LISTS["G2-item"][0])
    assert check(txns).verdict is Verdict.VIOLATED
    assert check(txns, consistency="PL-2.99").verdict is Verdict.VIOLATED
    snapshots = check(txns, consistency="snapshot-isolation")
    assert snapshots.verdict is Verdict.HOLDS
    assert snapshots.anomalies == ("G2-item",)
    assert snapshots.violated == ("repeatable-read",)
    assert "serializable" in snapshots.also_violated
    assert snapshots.may_hold == ("strong-snapshot-isolation",)


def test_a_cycle_is_told_with_what_proves_it():
    partial, cycle = check(columns(LISTS["G-single"][0])).found
    assert partial.stories[0].title == (
        "T2 read x as [1], with what T1 appended, and y as [], without 1, which T1 appended, too"
    )
    (story,) = cycle.stories
    assert story.title == "G-single: T1 < T2 < T1"
    assert story.lines == (
        "T1 (ok, process 1): append x 1, append y 1",
        "T2 (ok, process 2): r x [1], r y []",
        "T1 comes before T2 (wr): T2 read x, and saw 1, which T1 wrote",
        "T2 comes before T1 (rw): T2 read y as [], without 1, which T1 appended next: T3 read [1]",
    )


def test_without_effort_what_is_found_is_right_but_not_all():
    result = check(columns(LISTS["G-single"][0]), effort=0)
    assert result.verdict is Verdict.VIOLATED
    assert not set(result.anomalies) - {"fractured-read", "G-single", "G2-item", "G-nonadjacent"}
    allowed = check(columns(LISTS["G-single"][0]), effort=0, consistency="read-committed")
    assert allowed.verdict is Verdict.INCONCLUSIVE
