"""Copies at the acknowledgement: for each rule one run that keeps it and one that does not."""

import pytest
from recorded_runs import Script, told

from checkers.copies import STORIES, CopiesAtAck
from harness.contract import Mode
from harness.events import Degraded, Medium, Started
from harness.verdict import Verdict

LATER = 900
"""When the nodes of these runs report something else, so that nothing of theirs is missing."""


def check(script, **fields):
    return CopiesAtAck().check(script.run(**fields))


def later_reports(script, *nodes, at=LATER):
    for node in nodes or ("n1", "n2", "n3"):
        script.stored(node, (1, 50), at=at)


def test_async_needs_the_primarys_disk():
    script = Script(Mode.ASYNC)
    script.bootstrap()
    script.write(1, at=100, entry=(1, 1), on=("n1",))
    assert check(script).verdict is Verdict.HOLDS


def test_acknowledged_before_its_own_flush():
    script = Script(Mode.ASYNC)
    script.bootstrap()
    script.write(1, at=100, entry=(1, 1), on=(), memory=("n1",))
    script.stored("n1", (1, 1), at=105)
    result = check(script)
    assert result.verdict is Verdict.VIOLATED
    assert result.figures == {"judged": 1, "short": 1, "unproved": 0}
    assert "n1 had it (disk), 0.004 s after the answer" in told(result)


def test_the_copy_of_another_node_does_not_replace_the_primarys():
    script = Script(Mode.ASYNC)
    script.bootstrap()
    script.write(1, at=100, entry=(1, 1), on=("n2",))
    later_reports(script)
    assert check(script).verdict is Verdict.VIOLATED


@pytest.mark.parametrize(
    ("mode", "enough", "too_few"),
    [
        (Mode.SEMI_SYNC, ("n1", "n3"), ("n1",)),
        (Mode.QUORUM, ("n1", "n2"), ("n1",)),
        (Mode.SYNC, ("n1", "n2", "n3"), ("n1", "n2")),
        (Mode.HYBRID, ("n1", "n2"), ("n1", "n3")),
    ],
)
def test_each_mode_asks_for_its_own_copies(mode, enough, too_few):
    for nodes, verdict in ((enough, Verdict.HOLDS), (too_few, Verdict.VIOLATED)):
        script = Script(mode)
        script.bootstrap()
        script.write(1, at=100, entry=(1, 1), on=nodes)
        later_reports(script)
        assert check(script).verdict is verdict, nodes


def test_memory_counts_only_where_the_contract_says_so():
    for mode, verdict in ((Mode.SEMI_SYNC_MEMORY, Verdict.HOLDS), (Mode.SEMI_SYNC, Verdict.VIOLATED)):
        script = Script(mode)
        script.bootstrap()
        script.write(1, at=100, entry=(1, 1), on=("n1",), memory=("n2",))
        later_reports(script)
        assert check(script).verdict is verdict


def test_the_primarys_memory_is_never_enough():
    script = Script(Mode.SEMI_SYNC_MEMORY)
    script.bootstrap()
    script.write(1, at=100, entry=(1, 1), on=("n2",), memory=("n1",))
    later_reports(script)
    assert check(script).verdict is Verdict.VIOLATED


def test_two_replicas_may_be_asked_for():
    for nodes, verdict in ((("n1", "n2", "n3"), Verdict.HOLDS), (("n1", "n2"), Verdict.VIOLATED)):
        script = Script(Mode.SEMI_SYNC, k=2)
        script.bootstrap()
        script.write(1, at=100, entry=(1, 1), on=nodes)
        later_reports(script)
        assert check(script).verdict is verdict


@pytest.mark.parametrize(
    "mode,medium", [(Mode.SEMI_SYNC, Medium.DISK), (Mode.SEMI_SYNC_MEMORY, Medium.MEMORY)]
)
def test_a_report_at_the_very_return_is_in_time(mode, medium):
    for at, verdict in ((101, Verdict.HOLDS), (101.001, Verdict.VIOLATED)):
        script = Script(mode)
        script.bootstrap()
        script.write(1, at=100, entry=(1, 1), on=("n1",))
        script.stored("n2", (1, 1), at=at, medium=medium)
        later_reports(script)
        assert check(script).verdict is verdict


def test_clocks_may_differ_by_the_tolerance():
    script = Script(Mode.SEMI_SYNC)
    script.bootstrap()
    script.write(1, at=100, entry=(1, 1), on=("n1",))
    script.stored("n2", (1, 1), at=104)
    later_reports(script)
    assert CopiesAtAck().check(script.run()).verdict is Verdict.VIOLATED
    assert CopiesAtAck(tolerance_s=0.002).check(script.run()).verdict is Verdict.VIOLATED
    assert CopiesAtAck(tolerance_s=0.003).check(script.run()).verdict is Verdict.HOLDS


def test_reports_of_ranges_cover_each_entry_in_them():
    script = Script(Mode.QUORUM)
    script.bootstrap()
    script.stored("n1", (1, 1), last=10, at=90)
    script.stored("n3", (1, 4), last=8, at=90)
    for offset in range(1, 11):
        script.append(offset, at=100 + offset, entry=(1, offset))
    later_reports(script)
    result = check(script)
    assert result.figures["short"] == 5
    assert "offset 3 of epoch 1" in told(result)
    assert "offset 5 of epoch 1" not in told(result)


def test_a_copy_of_the_same_offset_in_another_epoch_is_none():
    script = Script(Mode.SEMI_SYNC)
    script.bootstrap()
    script.write(1, at=100, entry=(1, 1), on=("n1",))
    script.stored("n2", (2, 1), at=100)
    later_reports(script)
    assert check(script).verdict is Verdict.VIOLATED


def test_a_copy_that_a_fault_destroyed_before_the_answer_had_been_made():
    script = Script(Mode.SEMI_SYNC)
    script.bootstrap()
    script.stored("n1", (1, 1), at=100)
    script.stored("n2", (1, 1), at=100)
    script.episode("disk-loss", "n2", at=110, until=400)
    script.append(1, at=99, returned=200, entry=(1, 1))
    assert check(script).verdict is Verdict.HOLDS


# What can't be told


def test_a_node_that_reports_nothing_more_may_have_had_it():
    script = Script(Mode.SEMI_SYNC)
    script.bootstrap()
    script.write(1, at=100, entry=(1, 1), on=("n1",))
    later_reports(script, "n1", "n2")
    result = check(script)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.figures["unproved"] == 1
    assert "the reports of n3 may be incomplete around then" in told(result)


def test_any_later_report_shows_that_it_had_not():
    script = Script(Mode.SEMI_SYNC)
    script.bootstrap()
    script.write(1, at=100, entry=(1, 1), on=("n1",))
    later_reports(script, "n1", "n2", "n3")
    assert check(script).verdict is Verdict.VIOLATED


def test_a_restart_breaks_the_chain_of_reports():
    script = Script(Mode.SEMI_SYNC)
    script.bootstrap()
    script.write(1, at=100, entry=(1, 1), on=("n1",))
    script.events.append(
        Started(node="n3", at_ns=300_000_000, identity="x", log_epoch=1, log_offset=1, applied=0)
    )
    later_reports(script)
    assert check(script).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("fault", ["kill", "pause", "power-cut", "disk-loss"])
def test_a_node_that_was_down_all_the_while_made_no_copy(fault):
    for at, verdict in ((50, Verdict.VIOLATED), (100.5, Verdict.INCONCLUSIVE)):
        script = Script(Mode.SEMI_SYNC)
        script.bootstrap()
        script.episode(fault, "n3", at=at, until=500)
        script.write(1, at=100, entry=(1, 1), on=("n1",))
        script.events.append(
            Started(node="n3", at_ns=600_000_000, identity="x", log_epoch=1, log_offset=1, applied=0)
        )
        later_reports(script)
        assert check(script).verdict is verdict, at


def test_enough_known_copies_need_no_others():
    script = Script(Mode.SEMI_SYNC)
    script.bootstrap()
    script.write(1, at=100, entry=(1, 1), on=("n1", "n2"))
    assert check(script).verdict is Verdict.HOLDS


def test_one_unknown_node_does_not_excuse_two_missing_ones():
    script = Script(Mode.SYNC)
    script.bootstrap()
    script.write(1, at=100, entry=(1, 1), on=("n1",))
    later_reports(script, "n1", "n2")
    assert check(script).verdict is Verdict.VIOLATED


def test_an_acknowledgement_that_names_no_entry_proves_nothing():
    script = Script(Mode.ASYNC)
    script.bootstrap()
    script.write(1, at=100, entry=(1, 1))
    script.append(2, at=110)
    result = check(script)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.figures["judged"] == 1
    assert "without the log entry that carries it" in told(result)


def test_without_an_acknowledged_write_there_is_nothing_to_judge():
    assert check(Script(Mode.ASYNC)).verdict is Verdict.INCONCLUSIVE


def test_systems_without_reports_are_not_judged():
    script = Script(Mode.QUORUM, reports=False)
    script.append(1, at=100)
    result = check(script)
    assert result.verdict is Verdict.HOLDS
    assert "not judged" in result.summary


def test_the_primary_is_the_one_that_answered_or_else_its_epochs():
    for by, verdict in (("n2", Verdict.HOLDS), ("n1", Verdict.VIOLATED), (None, Verdict.VIOLATED)):
        script = Script(Mode.ASYNC)
        script.bootstrap("n1")
        script.write(1, at=100, entry=(1, 1), on=("n2",), by=by)
        later_reports(script)
        assert check(script).verdict is verdict, by


# Degraded acknowledgements


def degraded(script, node, in_sync, *, at, epoch=1):
    script.events.append(Degraded(node=node, at_ns=round(at * 1e6), epoch=epoch, in_sync=in_sync))


def test_a_degraded_acknowledgement_promises_the_primarys_disk():
    for on, verdict in ((("n1",), Verdict.HOLDS), (("n2",), Verdict.VIOLATED)):
        script = Script(Mode.SEMI_SYNC, degrades=True)
        script.bootstrap()
        degraded(script, "n1", ("n1",), at=50)
        script.write(1, at=100, entry=(1, 1), on=on, degraded=True)
        later_reports(script)
        assert check(script).verdict is verdict


def test_it_promises_the_nodes_that_are_still_in_sync():
    for on, verdict in ((("n1", "n2"), Verdict.HOLDS), (("n1", "n3"), Verdict.VIOLATED)):
        script = Script(Mode.SYNC, degrades=True)
        script.bootstrap()
        degraded(script, "n1", ("n1", "n2"), at=50)
        script.write(1, at=100, entry=(1, 1), on=on, degraded=True)
        later_reports(script)
        assert check(script).verdict is verdict


def test_a_state_that_changed_meanwhile_is_good_enough_before_and_after():
    for on in (("n1", "n2"), ("n1", "n3")):
        script = Script(Mode.SYNC, degrades=True)
        script.bootstrap()
        degraded(script, "n1", ("n1", "n2"), at=50)
        degraded(script, "n1", ("n1", "n3"), at=100.7)
        script.write(1, at=100, entry=(1, 1), on=on, degraded=True)
        later_reports(script)
        assert check(script).verdict is Verdict.HOLDS


def test_what_was_in_sync_in_an_older_epoch_does_not_count():
    script = Script(Mode.SYNC, degrades=True)
    script.bootstrap()
    degraded(script, "n1", ("n1", "n2"), at=50)
    script.elected("n1", 2, at=60)
    degraded(script, "n1", ("n1",), at=70, epoch=2)
    script.write(1, at=100, entry=(2, 1), on=("n1",), degraded=True)
    later_reports(script)
    assert check(script).verdict is Verdict.HOLDS


def test_silent_degrading_is_a_violation():
    script = Script(Mode.SEMI_SYNC, degrades=True)
    script.bootstrap()
    degraded(script, "n1", ("n1",), at=50)
    script.write(1, at=100, entry=(1, 1), on=("n1",), degraded=False)
    later_reports(script)
    assert check(script).verdict is Verdict.VIOLATED


def test_a_mark_excuses_nothing_where_degrading_is_not_allowed():
    script = Script(Mode.SEMI_SYNC, degrades=False)
    script.bootstrap()
    script.write(1, at=100, entry=(1, 1), on=("n1",), degraded=True)
    later_reports(script)
    assert check(script).verdict is Verdict.VIOLATED


def test_memory_counts_for_nodes_in_sync_where_it_counts_at_all():
    for mode, verdict in ((Mode.SEMI_SYNC_MEMORY, Verdict.HOLDS), (Mode.SEMI_SYNC, Verdict.VIOLATED)):
        script = Script(mode, degrades=True, k=2)
        script.bootstrap()
        degraded(script, "n1", ("n1", "n2"), at=50)
        script.write(1, at=100, entry=(1, 1), on=("n1",), memory=("n2",), degraded=True)
        later_reports(script)
        assert check(script).verdict is verdict


def test_many_are_told_as_ranges():
    script = Script(Mode.SEMI_SYNC)
    script.bootstrap()
    for offset in [*range(1, 40), *range(50, 60)]:
        script.write(offset, at=100 + offset, entry=(1, offset), on=("n1",))
    later_reports(script)
    result = check(script)
    assert len(result.findings) == STORIES + 1
    assert result.findings[-1].title == "39 more: acknowledged with too few copies"
    assert result.findings[-1].lines == ("offsets of epoch 1: 11-39, 50-59",)
