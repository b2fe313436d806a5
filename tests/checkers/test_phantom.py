from recorded_runs import NODES, Script, told

from checkers.phantom import PhantomReads
from checkers.rulings.story import STORIES
from harness.contract import Failover, Mode, Visibility
from harness.events import Cause
from harness.operation import Outcome
from harness.verdict import Verdict


def check(script, survivor="n2"):
    return PhantomReads().check(script.run(survivor))


def phantom_run(mode=Mode.QUORUM, *, outcome=Outcome.INFO, on=("n1",), cause=Cause.ELECTION, **settings):
    """Write 1 is read at 250 ms, and lost as n2 takes over at 500 ms."""
    script = Script(mode, **settings)
    script.bootstrap()
    script.write(0, at=100, entry=(1, 1), on=NODES)
    if outcome is Outcome.OK:
        script.write(1, at=200, entry=(1, 2), on=on)
    else:
        script.op("append", "list-0", 1, at=200, outcome=outcome)
    script.op("get", "list-0", at=250, value=[0, 1], node="n1")
    if cause:
        script.elected("n2", 2, at=500, log=(1, 1), heard=("n2", "n3"), cause=cause)
    script.final("n2" if cause else "n1", {"list-0": [0]})
    return script


def test_what_was_read_and_stayed_is_no_phantom():
    script = Script()
    script.bootstrap()
    script.write(0, at=100, entry=(1, 1))
    script.op("append", "list-0", 1, at=200, outcome=Outcome.INFO)
    script.op("get", "list-0", at=150, value=[0])
    script.op("get", "list-0", at=250, value=[0, 1])
    script.final("n1", {"list-0": [0, 1]})
    result = check(script, "n1")
    assert result.verdict is Verdict.HOLDS
    assert result.figures["phantoms"] == 0
    assert result.summary == "everything that reads showed was there in the end"


def test_a_write_of_unknown_outcome_that_shows_late_is_no_phantom():
    script = Script()
    script.bootstrap()
    script.write(0, at=100, entry=(1, 1))
    script.op("append", "list-0", 1, at=200, outcome=Outcome.INFO)
    script.op("get", "list-0", at=250, value=[0])
    script.final("n1", {"list-0": [0, 1]})
    assert check(script, "n1").verdict is Verdict.HOLDS


def test_what_is_readable_may_not_vanish_where_its_loss_is_not_permitted():
    for outcome in (Outcome.OK, Outcome.INFO):
        result = check(phantom_run(outcome=outcome, on=NODES))
        assert result.verdict is Verdict.VIOLATED
        assert result.summary == "reads showed 1 element that did not last: 1 forbidden"
        assert result.figures["phantoms"] == result.figures["forbidden"] == 1
        assert "list-0=1 was read, and is not there in the end: forbidden" in told(result)
        assert "0.251 s: read on n1 by process 0" in told(result)


def test_what_is_readable_may_vanish_where_its_loss_is_permitted():
    for outcome in (Outcome.OK, Outcome.INFO):
        result = check(phantom_run(Mode.ASYNC, outcome=outcome))
        assert result.verdict is Verdict.HOLDS
        assert result.figures["phantoms"] == result.figures["permitted"] == 1


def test_async_may_not_take_back_what_it_showed_without_a_failover():
    assert check(phantom_run(Mode.ASYNC, cause=None), "n1").verdict is Verdict.VIOLATED


def test_after_a_promotion_it_is_not_known_who_had_an_unacknowledged_write():
    assert check(phantom_run(cause=Cause.OPERATOR)).verdict is Verdict.INCONCLUSIVE


def after_promotion(mode, *, shown_by, failover=Failover.MANUAL, survivor="n2", promotion="n2"):
    """Write 1 is called and read at 400 ms, after the operator promoted a node at 300 ms, and is lost."""
    script = Script(mode, failover=failover)
    script.bootstrap()
    script.write(0, at=100, entry=(1, 1), on=NODES)
    script.elected(promotion, 2, at=300, log=(1, 1), cause=Cause.OPERATOR)
    script.op("append", "list-0", 1, at=400, outcome=Outcome.INFO)
    script.op("get", "list-0", at=420, value=[0, 1], node=shown_by)
    script.final(survivor, {"list-0": [0]})
    return check(script, survivor)


def test_a_primary_that_did_not_hear_of_its_successor_may_show_what_is_lost():
    for shown_by in ("n1", "n3", None):
        assert after_promotion(Mode.ASYNC, shown_by=shown_by).figures["permitted"] == 1
        assert after_promotion(Mode.SEMI_SYNC, shown_by=shown_by).figures["unproved"] == 1
        assert after_promotion(Mode.SYNC, shown_by=shown_by).figures["forbidden"] == 1


def test_not_so_where_a_lease_ends_its_office():
    for mode in (Mode.ASYNC, Mode.SEMI_SYNC):
        result = after_promotion(mode, shown_by="n1", failover=Failover.AUTOMATIC)
        assert result.figures["forbidden"] == 1


def test_who_was_promoted_before_may_not_take_back_what_it_showed():
    for mode in (Mode.ASYNC, Mode.SEMI_SYNC):
        assert after_promotion(mode, shown_by="n2").figures["forbidden"] == 1


def test_nor_may_who_survived_without_a_new_office():
    for mode in (Mode.ASYNC, Mode.SEMI_SYNC):
        assert after_promotion(mode, shown_by="n1", survivor="n1").figures["forbidden"] == 1


def test_a_promotion_of_the_only_primary_there_was_excuses_nothing_later():
    for shown_by in ("n3", None):
        result = after_promotion(Mode.ASYNC, shown_by=shown_by, promotion="n1", survivor="n1")
        assert result.figures["forbidden"] == 1


def test_on_apply_promises_nothing_of_the_kind():
    result = check(phantom_run(visibility=Visibility.ON_APPLY))
    assert result.verdict is Verdict.HOLDS
    assert result.figures["phantoms"] == 1


def test_a_degraded_write_of_unknown_outcome_may_vanish_with_one_disk():
    for marked, verdict in ((True, Verdict.INCONCLUSIVE), (False, Verdict.VIOLATED)):
        script = phantom_run(degrades=True)
        if marked:
            from harness.events import Degraded

            script.events.append(Degraded(node="n1", at_ns=150_000_000, epoch=1, in_sync=("n1",)))
        script.episode("disk-loss", "n1", at=300, until=400)
        assert check(script).verdict is verdict


def test_reads_of_other_nodes_after_the_end_show_no_phantoms():
    script = Script(Mode.QUORUM)
    script.bootstrap()
    script.write(0, at=100, entry=(1, 1), on=NODES)
    script.op("append", "list-0", 1, at=200, outcome=Outcome.INFO)
    script.final("n3", {"list-0": [0, 1]})
    script.final("n1", {"list-0": [0]})
    assert check(script, "n1").figures["phantoms"] == 0


def test_refused_writes_are_another_checkers_business():
    assert check(phantom_run(outcome=Outcome.FAIL)).figures["phantoms"] == 0


def test_without_a_final_state_nothing_can_be_told():
    script = phantom_run()
    assert PhantomReads().check(script.run(None)).verdict is Verdict.INCONCLUSIVE
    left_down = script.run(None, recovered=False, recovery_expected=False)
    assert PhantomReads().check(left_down).verdict is Verdict.HOLDS


def test_many_phantoms_are_counted():
    script = Script(Mode.ASYNC)
    script.bootstrap()
    script.write(0, at=100, entry=(1, 1), on=NODES)
    for offset in range(2, 20):
        script.write(offset, at=200, entry=(1, offset))
    script.op("get", "list-0", at=250, value=[0, *range(2, 20)], node="n1")
    script.elected("n2", 2, at=500, log=(1, 1), heard=("n2", "n3"))
    script.final("n2", {"list-0": [0]})
    result = check(script)
    assert len(result.findings) == STORIES + 1
    assert result.findings[-1].title == "8 more: read and not there in the end, permitted"
