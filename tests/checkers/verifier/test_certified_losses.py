"""Certificates of lost writes."""

import copy

import pytest
from history_files import history, op
from recorded_runs import Script

from checkers.durability import Durability
from checkers.verifier import Refused, read_history, verify
from harness.contract import Mode

RUN = (
    op(0, "append", "l", 1, at=0, until=10, node="n1"),
    op(1, "append", "l", 2, at=0, until=10, node="n1"),
    op(2, "append", "l", 3, at=0, node="n1"),
    op(3, "txn", [["append", "l", 4], ["get", "l", None]], at=0, until=10, value=[["append", "l", 4]]),
    op(4, "cas", "c", None, 5, at=0, until=10, value=False),
    op(5, "peek", ["l", "c"], at=5, until=9, value=[[], None], node="n2"),
    op(6, "peek", ["l", "c"], at=20, until=30, value=[[2], None], node="n2"),
    op(7, "peek", ["l", "c"], at=20, until=30, value=[[1, 2, 4], None], node="n3"),
    op(8, "cas", "c", None, 6, at=0, until=10, value=True),
    op(9, "append", "l", 9, at=0, until=10, outcome="fail"),
)


def loss(id=0, value=1, key="l", read=6, survivor="n2"):
    return {
        "kind": "lost-writes",
        "survivor": survivor,
        "writes": [{"id": id, "key": key, "value": value, "read": read}],
    }


@pytest.mark.parametrize("claim", [loss(), loss(3, 4), loss(8, 6, key="c")])
def test_a_right_one(tmp_path, claim):
    assert len(verify(claim, history(tmp_path / "h", *RUN)).true) == 1


@pytest.mark.parametrize(
    "claim,why",
    [
        (loss(1, 2), "shows 2 in l"),
        (loss(2, 3), "was not acknowledged"),
        (loss(9, 9), "was not acknowledged"),
        (loss(4, 5, key="c"), "did not write 5 to c"),
        (loss(0, 2), "did not write 2 to l"),
        (loss(0, 1, key="k"), "did not write 1 to k"),
        (loss(read=5), "was called before"),
        (loss(read=7), "is no answered read of l on n2"),
        (loss(read=0), "is no answered read of l on n2"),
        (loss(read=99), "no operation 99"),
        (loss(survivor="n3", read=7), "shows 1 in l"),
        ({"kind": "lost-writes", "survivor": "n2", "writes": []}, "claims nothing"),
        ({"kind": "lost-writes", "writes": [{}]}, "survivor is a text"),
    ],
)
def test_a_wrong_one(tmp_path, claim, why):
    with pytest.raises(Refused, match=why):
        verify(copy.deepcopy(claim), history(tmp_path / "h", *RUN))


def test_a_later_read_may_show_it_after_all(tmp_path):
    late = op(10, "peek", ["l"], at=40, until=50, value=[[1, 2]], node="n2")
    with pytest.raises(Refused, match="operation 10 on n2 shows 1 in l"):
        verify(loss(), history(tmp_path / "h", *RUN, late))


@pytest.mark.parametrize(
    "line,why",
    [
        ('{"id": 0, "process": 0, "f": "append", "args": ["l", 1], "call": 5}', "a second call"),
        ('{"id": 77, "return": 5, "outcome": "ok"}', "damaged line"),
        ('{"id": 0, "return": 5, "outcome": "ok"}', "a second return"),
        ("nonsense", "damaged line"),
        ("[]", "damaged line"),
    ],
)
def test_a_damaged_history_names_file_and_line(tmp_path, line, why):
    history(tmp_path / "h", *RUN)
    with (tmp_path / "h").open("a") as file:
        file.write(line + "\n")
    count = len((tmp_path / "h").read_text().splitlines())
    with pytest.raises(Refused, match=why) as caught:
        read_history(tmp_path / "h")
    assert f"h:{count}:" in str(caught.value)


def test_a_last_line_that_was_cut_off_is_passed_over(tmp_path):
    history(tmp_path / "h", *RUN)
    with (tmp_path / "h").open("a") as file:
        file.write('{"id": 50, "proc')
    assert len(list(read_history(tmp_path / "h"))) == len(RUN)


def test_no_file(tmp_path):
    with pytest.raises(Refused, match="No such file"):
        read_history(tmp_path / "none")


def test_what_the_durability_checker_says_is_lost_can_be_checked(tmp_path):
    script = Script(Mode.ASYNC)
    script.bootstrap()
    for value in range(5):
        script.write(value, at=10 * value, entry=(1, value + 1))
    script.elected("n2", 2, at=100, log=(1, 2), heard=("n2", "n3"))
    script.final("n2", {"list-0": [0, 1]})
    claim = Durability().check(script.run("n2")).certificate
    told = verify(claim, as_recorded(tmp_path / "h", script.operations))
    assert [line.split(" ")[0] for line in told.true] == ["list-0=2", "list-0=3", "list-0=4"]
    claim["writes"][0]["value"] = 1
    with pytest.raises(Refused):
        verify(claim, as_recorded(tmp_path / "h", script.operations))


def test_where_nothing_is_lost_there_is_nothing_to_certify():
    script = Script(Mode.ASYNC)
    script.bootstrap()
    script.write(1, at=1, entry=(1, 1))
    script.final("n1", {"list-0": [1]})
    assert Durability().check(script.run("n1")).certificate is None


def as_recorded(path, operations):
    """Return operations as they are read back by who reads nothing but the file."""
    return history(
        path,
        *(
            op(
                each.id,
                each.f,
                *each.args,
                at=each.call_ns,
                until=each.return_ns,
                value=each.value,
                node=each.node,
            )
            for each in operations
        ),
    )
