"""Certificates of registers that are read and written together."""

import copy
import json
import random

import pytest
from history_files import history, op, write

from checkers.verifier import Refused, read_history, verify
from harness import cli


def pairs(told):
    return [list(each) for each in told.items()]


MIXED = (
    op(0, "write", {"x": 1, "y": 1}, at=0, until=10),
    op(1, "txn", [["write", "x", 2], ["r", "y", None]], at=20, until=30, value=[["write", "x", 2], ["r", "y", 1]]),
    op(2, "write", pairs({"y": 3}), at=35),
    op(3, "read", ["x", "y"], at=40, until=50, value={"x": 2, "y": 1}),
    op(4, "read", ["x", "y"], at=60, until=70, value=pairs({"x": 2, "y": 3})),
    op(5, "txn", [["r", "z", None]], at=60, until=70, value=[["r", "z", None]]),
)  # fmt: skip
TORN = op(6, "read", ["x", "y"], at=80, until=90, value={"x": 1, "y": 3})


def order(*ids):
    return {
        "kind": "linearization",
        "objects": [{"key": None, "model": "multi-register", "order": list(ids)}],
    }


def window(*ids, **more):
    operations = [{"id": id, "role": "required"} for id in ids]
    claim = {"key": None, "model": "multi-register", "from_ns": None, "any_state": False, **more}
    return {"kind": "window", "windows": [{**claim, "operations": operations}]}


def test_an_order_and_a_window(tmp_path):
    assert verify(order(0, 1, 3, 2, 4, 5), history(tmp_path / "h", *MIXED)).true
    assert verify(window(1, 6), history(tmp_path / "g", *MIXED, TORN)).true


@pytest.mark.parametrize(
    "claim,why",
    [
        (order(0, 1, 2, 3, 4, 5), "operation 3 can't have answered"),
        (order(0, 1, 3, 4, 5), "operation 4 can't have answered"),
        (order(5, 0, 1, 3, 2, 4), "operation 0 had returned before operation 5"),
        (order(0, 1, 3, 2, 4), "lacks operation 5"),
        (window(0, 1, 3, 4), "can be ordered"),
        (window(2, 3), "need not have happened"),
        (window(0, 1, 3, 9), "none of this object"),
    ],
)
def test_a_wrong_claim(tmp_path, claim, why):
    with pytest.raises(Refused, match=why):
        verify(claim, history(tmp_path / "h", *MIXED))


@pytest.mark.parametrize(
    "strange",
    [
        op(7, "write", 3, at=0),
        op(7, "write", [["x"]], at=0),
        op(7, "txn", [["append", "x", 1]], at=0),
        op(7, "txn", [["r", "x", None]], at=0, until=5, value=[["r", "y", None]]),
        op(7, "cas", 1, 2, at=0),
    ],
)
def test_what_is_done_to_no_registers(tmp_path, strange):
    with pytest.raises(Refused):
        verify(window(1, 6), history(tmp_path / "h", *MIXED, TORN, strange))


def test_any_state_is_looked_up(tmp_path):
    recorded = history(tmp_path / "h", *MIXED, TORN)
    with pytest.raises(Refused, match="can be ordered"):
        verify(window(6, from_ns=75, any_state=True), recorded)  # y was written beside an x of 1
    never = op(7, "read", ["x"], at=95, until=99, value={"x": 3})
    assert verify(window(7, from_ns=92, any_state=True), history(tmp_path / "g", *MIXED, never)).true
    many = [op(id, "write", {f"r{id % 20}": id}, at=100, until=101) for id in range(10, 100)]
    told = verify(window(7, from_ns=92, any_state=True), history(tmp_path / "f", *MIXED, never, *many))
    assert len(told.unchecked) == 1


def drawn(seed):
    """A history of two registers, as something like a store makes them: now and then a read is stale."""
    draws, held, before, operations = random.Random(seed), {}, {}, []
    for id in range(8):
        at = 20 * id + draws.randint(0, 5)
        until = None if draws.random() < 0.1 else at + draws.randint(10, 40)
        names = draws.choice((["x"], ["y"], ["x", "y"]))
        match draws.choice(("read", "write", "txn")):
            case "read":
                seen = before if draws.random() < 0.2 else held
                answer = {name: seen.get(name) for name in names}
                operations.append(op(id, "read", names, at=at, until=until, value=answer))
            case "write":
                before, held = held, {**held, **{name: draws.randint(0, 2) for name in names}}
                told = {name: held[name] for name in names}
                operations.append(op(id, "write", told, at=at, until=until))
            case "txn":
                value = draws.randint(0, 2)
                asked = [["read", "x", None], ["write", "y", value]]
                answer = [["read", "x", held.get("x")], ["write", "y", value]]
                before, held = held, {**held, "y": value}
                operations.append(op(id, "txn", asked, at=at, until=until, value=answer))
    return operations


def test_what_the_checker_certifies_is_confirmed_and_nothing_else(tmp_path, capsys):
    verdicts = []
    for seed in range(40):
        path = write(tmp_path / "h.jsonl", *drawn(seed))
        kept = tmp_path / str(seed)
        options = ["--model", "multi-register", "--set", "linearizable.orders=true", "--out", str(kept)]
        verdicts.append(cli.main(["check", str(path), *options]))
        assert verdicts[-1] in (0, 1)
        claim = json.loads((kept / "certificate-linearizable.json").read_text())
        recorded = read_history(path)
        assert verify(claim, recorded).true, seed
        for forged in forgeries(claim["certificate"], random.Random(seed)):
            with pytest.raises(Refused):
                verify(forged, recorded)
    assert {0, 1} == set(verdicts)
    capsys.readouterr()


def forgeries(claim, draws):
    """Claims that are wrong: an order without an operation that happened, a window with one less."""
    if claim["kind"] == "linearization":
        lacking = copy.deepcopy(claim)
        del lacking["objects"][0]["order"][0]
        lacking["objects"][0]["order"].append(99)
        yield lacking
    else:
        less = copy.deepcopy(claim)
        (told,) = less["windows"]
        required = [each for each in told["operations"] if each["role"] == "required"]
        told["operations"].remove(draws.choice(required))
        yield less
