import numpy as np
import pytest
from recorded_runs import STOPPED, Script, mixed_script

from checkers.evidence.case import Case
from checkers.evidence.ledger import read_ledger
from harness.operation import Outcome


def test_rows_carry_what_is_known_of_a_write():
    script = Script()
    script.append(7, at=5, entry=(3, 9), by="n2", degraded=True)
    script.op("append", "list-1", 8, at=6, outcome=Outcome.INFO)
    ledger = read_ledger(script.run())
    first, second = ledger.writes(np.ones(2, np.bool_))
    assert (first.key, first.value, first.epoch, first.offset, first.node) == ("list-0", 7, 3, 9, "n2")
    assert (first.call_ns, first.return_ns, first.degraded) == (5_000_000, 6_000_000, True)
    assert (second.key, second.value, second.epoch, second.return_ns, second.node) == (
        "list-1",
        8,
        None,
        None,
        None,
    )
    assert ledger.acknowledged().tolist() == [True, False]
    assert first.size_bytes == len("list-0") + 8


def test_elements_are_present_if_the_survivor_shows_them_in_the_end():
    script = Script()
    for value in (1, 2, 3):
        script.append(value, at=value, key=f"list-{value % 2}")
    script.op("get", "list-1", at=5, value=[1, 3])
    script.final("n2", {"list-0": [2]})
    script.final("n1", {"list-1": [3], "list-7": []})
    ledger = read_ledger(script.run("n1"))
    assert dict(zip(ledger.value.tolist(), ledger.present.tolist(), strict=True)) == {
        1: False,
        2: False,
        3: True,
    }
    assert dict(zip(ledger.value.tolist(), ledger.covered.tolist(), strict=True)) == {
        1: True,
        2: False,
        3: True,
    }


def test_the_same_value_under_another_key_is_another_element():
    script = Script()
    script.append(1, at=1, key="a")
    script.append(1, at=2, key="b")
    script.final("n1", {"a": [], "b": [1]})
    assert read_ledger(script.run()).present.tolist() == [False, True]


def test_reads_before_the_end_are_no_final_reads():
    script = Script()
    script.append(1, at=1)
    script.final("n1", {"list-0": [1]}, at=STOPPED - 1)
    assert read_ledger(script.run()).covered.tolist() == [False]


def test_what_nobody_wrote_is_told():
    script = Script()
    script.append(1, at=1)
    script.final("n1", {"list-0": [1, 5], "other": [6]})
    assert read_ledger(script.run()).unwritten == (("list-0", 5), ("other", 6))


@pytest.mark.parametrize("value", [-(2**62), 2**62, 0])
def test_values_may_be_anything_that_fits_64_bits(value):
    script = Script()
    script.append(value, at=1)
    script.append(17, at=2)
    script.final("n1", {"list-0": [value]})
    assert read_ledger(script.run()).present.tolist() == [True, False]


def test_a_transaction_is_one_operation_of_several_rows():
    script = mixed_script()
    script.op("txn", (("append", "a", 1), ("put", "b", 2)), at=1)
    script.op("append", "a", 3, at=2)
    ledger = read_ledger(script.run())
    assert len(ledger.id) == 3
    assert ledger.operations(ledger.acknowledged()) == 2
    assert ledger.lists == {"a"}


def test_an_empty_history_has_an_empty_ledger():
    ledger = read_ledger(Script().run())
    assert len(ledger.id) == 0
    assert ledger.operations(ledger.acknowledged()) == 0


def test_a_retry_answered_by_the_next_primary_belongs_to_the_epoch_that_appended_it():
    script = Script()
    script.bootstrap("n1")
    script.elected("n2", 2, at=50, log=(1, 4))
    script.elected("n3", 3, at=70, log=(2, 6))
    for value, entry in enumerate([(2, 4), (2, 5), (3, 3), (3, 6), (3, 7)]):
        script.append(value, at=80 + value, entry=entry, by="n3")
    assert Case(script.run()).ledger.epoch.tolist() == [1, 2, 1, 2, 3]
