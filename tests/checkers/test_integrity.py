"""What no contract permits: for each kind a run that has it, and its innocent neighbour."""

from recorded_runs import NODES, STOPPED, Script, mixed_script, told

from checkers.durability import Durability
from checkers.integrity import STORIES
from harness.contract import Mode, Visibility
from harness.events import Cause
from harness.operation import Outcome
from harness.verdict import Verdict


def check(script, survivor="n1"):
    return Durability().check(script.run(survivor))


def quiet(mode=Mode.QUORUM, **settings):
    script = Script(mode, **settings)
    script.bootstrap()
    script.write(0, at=100, entry=(1, 1), on=NODES)
    return script


# Refused, and there


def test_a_refused_write_must_not_be_there_in_the_end():
    script = quiet()
    script.op("append", "list-0", 1, at=200, outcome=Outcome.FAIL)
    script.final("n1", {"list-0": [0, 1]})
    result = check(script)
    assert result.verdict is Verdict.VIOLATED
    assert "list-0=1 was refused, and is there in the end" in told(result)


def test_a_refused_write_must_not_be_read():
    script = quiet()
    script.op("append", "list-0", 1, at=200, outcome=Outcome.FAIL)
    script.op("get", "list-0", at=300, value=[0, 1], node="n2")
    script.final("n1", {"list-0": [0]})
    result = check(script)
    assert result.verdict is Verdict.VIOLATED
    assert "list-0=1 was refused, and was read" in told(result)
    assert "0.301 s: read on n2 by process 0 (operation 2)" in told(result)


def test_a_refused_write_that_never_shows_is_as_it_should_be():
    script = quiet()
    script.op("append", "list-0", 1, at=200, outcome=Outcome.FAIL)
    script.op("get", "list-0", at=300, value=[0])
    script.final("n1", {"list-0": [0]})
    assert check(script).verdict is Verdict.HOLDS


def test_reads_count_even_if_the_final_state_is_not_known():
    script = quiet()
    script.op("append", "list-0", 1, at=200, outcome=Outcome.FAIL)
    script.op("get", "list-0", at=300, value=[0, 1])
    assert check(script, None).verdict is Verdict.VIOLATED


def test_a_cas_that_did_not_apply_writes_nothing():
    for value, verdict in ((False, Verdict.VIOLATED), (True, Verdict.HOLDS)):
        script = mixed_script(Mode.ASYNC)
        script.bootstrap()
        script.write(0, at=100, entry=(1, 1))
        script.op("cas", "cas-1", None, 1, at=200, value=value, epoch=1, offset=2, node="n1")
        script.final("n1", {"list-0": [0], "cas-1": 1})
        assert check(script).verdict is verdict


# Nobody wrote it


def test_what_nobody_wrote_must_not_be_there():
    script = quiet()
    script.final("n1", {"list-0": [0, 77]})
    result = check(script)
    assert result.verdict is Verdict.VIOLATED
    assert "list-0=77 is there in the end, and nobody wrote it" in told(result)


def test_what_nobody_wrote_must_not_be_read():
    script = quiet()
    script.op("get", "list-0", at=300, value=[0, 77])
    script.final("n1", {"list-0": [0]})
    result = check(script)
    assert result.verdict is Verdict.VIOLATED
    assert "list-0=77 was read, and nobody wrote it" in told(result)


# Twice


def test_an_element_must_not_be_in_a_list_twice():
    script = quiet()
    script.write(1, at=110, entry=(1, 2), on=NODES)
    script.final("n1", {"list-0": [0, 1, 0]})
    result = check(script)
    assert result.verdict is Verdict.VIOLATED
    (finding,) = result.findings
    assert finding.title == "list-0=0 was written once, and is in its list more than once"


def test_nor_may_a_read_show_it_twice():
    script = quiet()
    script.op("get", "list-0", at=300, value=[0, 0])
    script.final("n1", {"list-0": [0]})
    assert check(script).verdict is Verdict.VIOLATED


# Half a transaction


def torn_run(outcome, shown, at=200):
    script = mixed_script(Mode.ASYNC)
    script.bootstrap()
    script.write(0, at=100, entry=(1, 1))
    script.op("txn", (("append", "a", 1), ("put", "b", 2)), at=at, outcome=outcome, returned=at + 1)
    script.final("n1", {"list-0": [0], **shown})
    return check(script)


def test_a_transaction_is_there_as_a_whole_or_not_at_all():
    for outcome in (Outcome.OK, Outcome.INFO):
        for at in (50, 200):
            assert torn_run(outcome, {"a": [1], "b": None}, at).verdict is Verdict.VIOLATED
            assert "only a part of it is there" in told(torn_run(outcome, {"a": [1], "b": None}, at))
        result = torn_run(outcome, {"a": [1], "b": None})
        assert "only a part of it is there" in told(result)
        assert "not there: b=2" in told(result)
    assert torn_run(Outcome.INFO, {"a": [1], "b": 2}).verdict is Verdict.HOLDS
    assert torn_run(Outcome.INFO, {"a": [], "b": None}).verdict is Verdict.HOLDS


def in_two_reads(outcome, first, second):
    """A transaction of `a` and `b`, which are read one after the other in the end."""
    script = mixed_script(Mode.ASYNC)
    script.bootstrap()
    script.write(0, at=100, entry=(1, 1))
    script.op("txn", (("append", "a", 1), ("put", "b", 2)), at=200, outcome=outcome)
    script.final("n1", {"list-0": [0], **first})
    script.final("n1", second, at=STOPPED + 101)
    return told(check(script))


def test_what_may_have_happened_between_two_reads_is_no_half():
    for first, second in (({"a": []}, {"b": 2}), ({"b": None}, {"a": [1]})):
        assert "only a part" not in in_two_reads(Outcome.INFO, first, second)
        assert "only a part" in in_two_reads(Outcome.OK, first, second)


def test_what_was_there_and_is_missing_in_a_later_read_is():
    for first, second in (({"a": [1]}, {"b": None}), ({"b": 2}, {"a": None})):
        for outcome in (Outcome.INFO, Outcome.OK):
            assert "only a part" in in_two_reads(outcome, first, second)


def test_of_two_answers_of_the_survivor_the_later_one_counts():
    assert "only a part" not in in_two_reads(Outcome.INFO, {"a": [], "b": None}, {"b": 2})
    assert "only a part" in in_two_reads(Outcome.INFO, {"a": [], "b": None}, {"a": [1], "b": None})


def test_a_part_that_was_not_read_is_not_missing():
    result = torn_run(Outcome.INFO, {"a": [1]})
    assert "only a part" not in told(result)


# Order within a list


def ordered_run(read, *, final=(1, 2, 3), at=400, mode=Mode.QUORUM, elected=None, **settings):
    script = Script(mode, **settings)
    script.bootstrap()
    for offset in (1, 2, 3):
        script.write(offset, at=100 * offset - 50, entry=(1, offset), on=NODES)
    script.op("get", "list-0", at=at, value=list(read))
    if elected:
        script.elected("n2", 2, at=450, log=(1, 3), heard=NODES, cause=elected)
    script.final("n1", {"list-0": list(final)})
    return check(script, "n1")


def test_a_read_shows_a_prefix_of_the_final_list():
    for read in ([], [1], [1, 2], [1, 2, 3]):
        assert ordered_run(read).verdict is Verdict.HOLDS


def test_a_read_must_not_leave_one_out():
    result = ordered_run([1, 3])
    assert result.verdict is Verdict.VIOLATED
    assert "a read of list-0 showed 3 without 2" in told(result)


def test_a_read_must_not_turn_them_round():
    result = ordered_run([1, 3, 2])
    assert result.verdict is Verdict.VIOLATED
    assert "a read of list-0 showed 3 before 2" in told(result)


def test_only_what_was_acknowledged_before_the_read_has_its_place():
    assert ordered_run([1, 3], at=150.5).verdict is Verdict.HOLDS


def test_a_new_primary_leaves_the_order_open_where_one_copy_is_enough():
    assert ordered_run([1, 3], elected=Cause.ELECTION).verdict is Verdict.VIOLATED
    open_order = ordered_run([1, 3], mode=Mode.ASYNC, elected=Cause.ELECTION)
    assert "showed" not in told(open_order)
    open_order = ordered_run([1, 3], elected=Cause.ELECTION, visibility=Visibility.ON_APPLY)
    assert "showed" not in told(open_order)
    open_order = ordered_run([1, 3], elected=Cause.OPERATOR)
    assert "showed" not in told(open_order)


def test_sets_have_no_order():
    script = mixed_script(Mode.QUORUM)
    script.bootstrap()
    for offset in (1, 2, 3):
        for node in NODES:
            script.stored(node, (1, offset), at=100 * offset)
        script.op("add", "set-0", offset, at=100 * offset, epoch=1, offset=offset, node="n1")
    script.op("get", "set-0", at=400, value=[3, 1])
    script.final("n1", {"set-0": [2, 3, 1]})
    assert check(script).verdict is Verdict.HOLDS


def test_many_of_a_kind_are_counted():
    script = quiet()
    for value in range(1, STORIES + 6):
        script.op("append", "list-0", value, at=200, outcome=Outcome.FAIL)
    script.final("n1", {"list-0": list(range(STORIES + 6))})
    result = check(script)
    assert len(result.findings) == STORIES + 1
    assert result.findings[-1].title == "and 5 more of the same kind"
