"""Certificates of transactions: right ones are accepted, whatever they are of, and tampered ones refused."""

import copy
import random

import pytest
from history_files import history, op
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_transactions import a, columns, executions, r, t

from checkers.transactions import Inferences, certificate, check
from checkers.verifier import Refused, verify
from harness.operation import Outcome


def lines(txn):
    """Return a transaction as it is recorded."""
    asked = [[f, key, None if f == "r" else value] for f, key, value in txn.micro]
    told = [list(micro) for micro in txn.micro]
    return op(
        txn.id,
        "txn",
        asked,
        at=txn.call,
        until=txn.back,
        value=told if txn.outcome is Outcome.OK else None,
        outcome=str(txn.outcome),
        process=txn.process,
    )


def recorded(path, txns):
    return history(path / "history.jsonl", *map(lines, txns))


@pytest.mark.parametrize("workload", ["list-append", "rw-register"])
@settings(suppress_health_check=list(HealthCheck))
@given(st.data())
def test_what_is_found_can_be_checked(tmp_path_factory, workload, data):

    txns = data.draw(executions(lists=workload == "list-append", torn=data.draw(st.booleans())))
    infer = Inferences(sequential_keys=data.draw(st.booleans()), linearizable_keys=data.draw(st.booleans()))
    result = check(columns(txns), workload, infer=infer)
    if result.found:
        told = verify(certificate(result), recorded(tmp_path_factory.mktemp("h"), txns))
        assert len(told.true) == sum(len(each.stories) for each in result.found)
        assert told.unchecked == ()


@pytest.fixture
def skewed(tmp_path):
    """Return a history with a read skew, and its certificate."""

    txns = [
        t(1, a("x", 1), a("y", 1), call=0, back=10),
        t(2, r("x", [1]), r("y", []), call=5, back=20),
        t(3, r("y", [1]), call=30, back=40),
        t(4, a("z", 1), call=50, back=60),
        t(5, r("z", [1]), call=70, outcome=Outcome.INFO),
    ]
    claim = certificate(check(columns(txns), consistency="snapshot-isolation"))
    claim["anomalies"] = [each for each in claim["anomalies"] if "steps" in each]
    return recorded(tmp_path, txns), claim


def test_a_right_one(skewed):
    recorded, claim = skewed
    assert verify(claim, recorded).true == ("G-single: T1 < T2 < T1",)
    assert verify({"checker": "list-append", "certificate": claim}, recorded).true


def changes():
    def steps(claim):
        return claim["anomalies"][0]["steps"]

    def other_anomaly(claim):
        claim["anomalies"][0]["anomaly"] = "G0"

    def other_model(claim):
        claim["consistency"] = "read-committed"

    def no_model(claim):
        claim["consistency"] = "perfect"

    def other_transaction(claim):
        steps(claim)[0]["id"] = 4

    def no_transaction(claim):
        steps(claim)[0]["id"] = 99

    def true_is_no_id(claim):
        steps(claim)[0]["id"] = True

    def a_step_less(claim):
        steps(claim).pop()

    def a_step_twice(claim):
        steps(claim).append(steps(claim)[0])

    def other_edge(claim):
        steps(claim)[0]["edge"] = "rw"

    def an_edge_of_time(claim):
        steps(claim)[1]["edge"] = "realtime"

    def an_edge_of_no_kind(claim):
        steps(claim)[0]["edge"] = "because"

    def other_place(claim):
        steps(claim)[1]["before"]["place"] = 0

    def no_place(claim):
        steps(claim)[1]["before"]["place"] = 7

    def other_direction(claim):
        for step in steps(claim):
            step["before"], step["after"] = step["after"], step["before"]

    def other_workload(claim):
        claim["workload"] = "rw-register"

    def nothing(claim):
        claim["anomalies"] = []

    def other_kind(claim):
        claim["kind"] = "window"

    def unknown_kind(claim):
        claim["kind"] = "promise"

    return [each for name, each in sorted(locals().items()) if name != "steps"]


@pytest.mark.parametrize("change", changes(), ids=lambda change: change.__name__)
def test_a_tampered_one(skewed, change):
    recorded, claim = skewed
    claim = copy.deepcopy(claim)
    change(claim)
    with pytest.raises(Refused):
        verify(claim, recorded)


def test_what_an_unknown_transaction_read_proves_nothing(tmp_path):

    txns = [
        t(1, a("x", 1), call=0, back=10),
        t(2, r("x", []), a("y", 1), call=20, outcome=Outcome.INFO),
        t(3, r("y", [1]), r("x", [1]), call=20, back=30),
    ]
    claim = {
        "kind": "transactions",
        "workload": "list-append",
        "consistency": "strict-serializable",
        "infer": [],
        "anomalies": [
            {
                "anomaly": "G-single-realtime",
                "steps": [
                    {"id": 1, "edge": "realtime"},
                    {"id": 2, "edge": "rw", "before": {"id": 2, "place": 0}, "after": {"id": 1, "place": 0}},
                ],
            }
        ],
    }
    with pytest.raises(Refused, match="what a transaction of unknown outcome read is not known"):
        verify(claim, recorded(tmp_path, txns))


@settings(suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10**6))
def test_no_cycle_can_be_made_up_in_a_serial_history(tmp_path_factory, seed):
    """Whatever is claimed of transactions that took effect one after the other, it is refused."""

    draws, state, txns = random.Random(seed), {"x": [], "y": []}, []
    for id in range(4):
        micro = []
        for _ in range(2):
            key = draws.choice("xy")
            if draws.random() < 0.5:
                state[key] = [*state[key], id * 10 + len(micro)]
                micro.append(a(key, state[key][-1]))
            else:
                micro.append(r(key, list(state[key])))
        txns.append(t(id, *micro, call=10 * id - draws.randint(0, 9), back=10 * id + draws.randint(0, 9)))
    steps = [
        {
            "id": id,
            "edge": draws.choice(("ww", "wr", "rw", "process", "realtime")),
            "before": {"id": id, "place": draws.randint(0, 1)},
            "after": {"id": after, "place": draws.randint(0, 1)},
        }
        for id, after in _around(draws)
    ]
    base = "G-single" if [each["edge"] for each in steps].count("rw") == 1 else "G2-item"
    for suffix in ("", "-process", "-realtime"):
        for name in (base, "G0", "G1c", "G-nonadjacent"):
            claim = {
                "kind": "transactions",
                "workload": "list-append",
                "consistency": "strict-serializable",
                "infer": [],
                "anomalies": [{"anomaly": name + suffix, "steps": steps}],
            }
            with pytest.raises(Refused):
                verify(claim, recorded(tmp_path_factory.mktemp("h"), txns))


def _around(draws):
    ids = draws.sample(range(4), draws.randint(2, 4))
    return list(zip(ids, (*ids[1:], ids[0]), strict=True))
