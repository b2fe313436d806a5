import numpy as np
import pytest
from recorded_runs import Script, ms

from checkers.evidence.reports import NEVER, Reports
from harness.events import Degraded, Medium, Started


def reports(script):
    return Reports(script.run().events)


def first(script, offsets, **fields):
    found = reports(script).first_stored("n1", Medium.DISK, 1, np.array(offsets), **fields)
    return [None if at_ns == NEVER else at_ns / 1e6 for at_ns in found.tolist()]


def test_the_first_report_of_each_offset_counts():
    script = Script()
    script.stored("n1", (1, 1), last=3, at=10)
    script.stored("n1", (1, 3), last=5, at=20)
    script.stored("n1", (1, 1), last=9, at=30)
    script.stored("n2", (1, 8), at=5)
    script.stored("n1", (2, 8), at=5)
    script.stored("n1", (1, 8), at=5, medium=Medium.MEMORY)
    assert first(script, [1, 2, 3, 4, 5, 8, 10]) == [10, 10, 10, 20, 20, 30, None]


def test_only_reports_between_two_positions_count():
    script = Script()
    for at in (10, 20, 30):
        script.stored("n1", (1, 1), at=at)
    assert first(script, [1], after=0) == [20]
    assert first(script, [1], after=1) == [30]
    assert first(script, [1], after=1, until=1) == [None]


def test_offsets_may_be_far_apart():
    script = Script()
    script.stored("n1", (1, 1), last=10**15, at=10)
    assert first(script, [5, 10**12, 10**16]) == [10, 10, None]


@pytest.mark.parametrize(("time", "position"), [(5, -1), (10, 0), (15, 0), (20, 2), (25, 2)])
def test_the_position_of_a_time(time, position):
    script = Script()
    for at in (10, 20, 20):
        script.stored("n1", (1, 1), at=at)
    assert reports(script).position(ms(time)) == position


def test_reports_are_complete_up_to_the_last_one_of_a_process():
    script = Script()
    script.stored("n1", (1, 1), at=10)
    script.events.append(Started(node="n1", at_ns=ms(20), identity="x", log_epoch=1, log_offset=1, applied=0))
    script.stored("n1", (1, 2), at=30)
    times = np.array([ms(time) for time in (5, 10, 15, 20, 25, 30, 35)])
    silent = reports(script).silent_since("n1", times).tolist()
    assert silent == [False, True, True, False, False, True, True]
    assert reports(script).silent_since("n9", times).all()


def test_the_states_of_a_degraded_primary():
    script = Script()
    for at, epoch, in_sync in ((10, 1, ("a",)), (20, 1, ("b",)), (30, 1, ("c",)), (15, 2, ("d",))):
        script.events.append(Degraded(node="n1", at_ns=ms(at), epoch=epoch, in_sync=in_sync))
    index = reports(script)

    def states(from_ms, until_ms, epoch=1, node="n1"):
        return index.degraded_states(node, epoch, from_ns=ms(from_ms), until_ns=ms(until_ms))

    assert states(5, 9) == ()
    assert states(5, 12) == (("a",),)
    assert states(12, 12) == (("a",),)
    assert states(12, 30) == (("a",), ("b",), ("c",))
    assert states(20, 20, epoch=2) == (("d",),)
    assert states(20, 20, node="n2") == ()
    assert states(20, 20, node=None) == ()
    assert not index.degraded_by(ms(9))
    assert index.degraded_by(ms(10))


def test_an_entry_that_is_not_wholly_named_was_not_stored():
    script = Script()
    script.stored("n1", (1, 1), last=3, at=10)
    found = reports(script)
    assert found.when_stored("n1", Medium.DISK, 1, 3) == ms(10)
    assert found.when_stored("n1", Medium.DISK, 1, None) is None
    assert found.when_stored("n1", Medium.DISK, None, 3) is None
