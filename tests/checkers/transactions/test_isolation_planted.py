"""Anomalies planted in long histories are found, and nothing else is."""

import numpy as np
import pytest
from msgspec.structs import replace
from transaction_columns import made

from checkers.transactions import READ, WRITE, check
from harness.history import FAIL, INFO
from harness.verdict import Verdict

COUNT = 20_000


@pytest.fixture(scope="module")
def serial():
    return made(COUNT, skews=False)


def read_of(txns, least):
    """Return a read in the middle that shows at least so many elements."""
    reads = np.flatnonzero((txns.f == READ) & (txns.size >= least))
    return int(reads[len(reads) // 2])


def test_a_serial_history_has_nothing(serial):
    result = check(serial)
    assert (result.verdict, result.anomalies) == (Verdict.HOLDS, ())
    assert result.may_hold == ("strict-serializable",)


def test_write_skews_are_all_that_snapshot_isolation_shows():
    txns = made(COUNT, skews=True)
    result = check(txns, consistency="strong-snapshot-isolation")
    assert result.verdict is Verdict.HOLDS
    assert result.anomalies[0] == "G2-item"
    assert result.found[0].count > COUNT / 200
    assert check(txns, consistency="serializable").verdict is Verdict.VIOLATED


def test_a_stale_read(serial):
    """One that shows two elements less than it should was overtaken by whoever appended them."""
    micro = read_of(serial, 20)
    size = serial.size.copy()
    size[micro] -= 12
    result = check(replace(serial, size=size), consistency="strong-snapshot-isolation")
    assert result.verdict is Verdict.VIOLATED
    owner = int(serial.owner[micro])
    stories = [story for each in result.found for story in each.stories if story.is_cycle]
    assert any(owner in [step.id for step in story.steps] for story in stories)


def test_an_aborted_read(serial):
    micro = read_of(serial, 5)
    value, key = int(serial.elements[serial.start[micro] + 2]), int(serial.key[micro])
    write = np.flatnonzero((serial.f == WRITE) & (serial.key == key) & (serial.value == value))[0]
    outcome = serial.outcome.copy()
    outcome[serial.owner[write]] = FAIL
    result = check(replace(serial, outcome=outcome))
    assert {"G1a", "dirty-update"} <= set(result.anomalies)
    assert result.violated == ("read-committed",)


def test_two_elements_the_wrong_way_round(serial):
    micro = read_of(serial, 8)
    elements = serial.elements.copy()
    start = int(serial.start[micro])
    elements[[start + 1, start + 2]] = elements[[start + 2, start + 1]]
    result = check(replace(serial, elements=elements))
    assert "incompatible-order" in result.anomalies


def test_unknown_outcomes_change_nothing(serial):
    random = np.random.default_rng(3)
    unknown = random.random(COUNT) < 0.05
    outcome = np.where(unknown, INFO, serial.outcome).astype(np.uint8)
    back = np.where(unknown, np.iinfo(np.int64).max, serial.return_ns)
    result = check(replace(serial, outcome=outcome, return_ns=back))
    assert (result.verdict, result.anomalies) == (Verdict.HOLDS, ())


def test_a_history_that_is_one_knot_is_judged_within_its_effort(serial):
    """Reads of a third of the history show too little, so that nearly all of it is one component."""
    random = np.random.default_rng(5)
    stale = (serial.f == READ) & (random.random(len(serial.f)) < 0.3)
    size = np.where(stale, np.maximum(0, serial.size - 15), serial.size)
    result = check(replace(serial, size=size), effort=100_000)
    assert result.verdict is Verdict.VIOLATED
