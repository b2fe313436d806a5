"""What clients may expect to see from one read to the next."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded_runs import Script, told

from checkers.sessions.checker import STORIES, Sessions
from harness.contract import Failover, Mode, Visibility
from harness.events import Cause
from harness.operation import Operation, Outcome
from harness.verdict import Verdict


class Clients(Script):
    """A script in which operations are of several clients."""

    def client(self, process, f, *args, at, **fields):
        operation = self.op(f, *args, at=at, **fields)
        self.operations[-1] = Operation(
            **{name: getattr(operation, name) for name in operation.__struct_fields__ if name != "process"},
            process=process,
        )

    def wrote(self, process, value, *, at, key="list-0", **fields):
        self.client(process, "append", key, value, at=at, node="n1", **fields)

    def got(self, process, *shown, at, key="list-0", node="n1"):
        self.client(process, "get", key, at=at, value=list(shown), node=node)

    def peeked(self, process, node, shown, *, at):
        self.client(process, "peek", tuple(shown), at=at, value=list(shown.values()), node=node)


def clients(mode=Mode.QUORUM, **settings):
    return Clients(mode, **settings)


def judged(script, survivor="n1", **fields):
    return Sessions().check(script.run(survivor, **fields))


def figure(script, name):
    return judged(script).figures.get(name, 0)


def test_a_client_finds_its_own_write_on_the_primary():
    script = clients()
    script.wrote(1, 1, at=1)
    script.got(1, 1, at=3)
    script.got(2, at=1.5)
    script.final("n1", {"list-0": [1]})
    assert judged(script).verdict is Verdict.HOLDS


def test_a_client_that_misses_its_own_write_on_the_primary():
    script = clients()
    script.wrote(1, 1, at=1)
    script.got(1, at=3)
    script.final("n1", {"list-0": [1]})
    result = judged(script)
    assert result.verdict is Verdict.VIOLATED
    assert result.figures["primary_read_your_writes"] == 1
    assert "a read of the primary missed its own write: list-0=1" in told(result)


def test_of_one_guarantee_a_few_breaches_are_told():
    script = clients()
    script.wrote(1, 1, at=1)
    for at in range(3, 10):
        script.got(1, at=at)
    script.final("n1", {"list-0": [1]})
    result = judged(script)
    assert result.figures["primary_read_your_writes"] == 7
    assert len(result.findings) == STORIES == 5


def test_the_story_of_a_breach_says_who_knew_of_what():
    script = clients()
    script.wrote(1, 1, at=1)
    script.got(2, 1, at=3)  # operation 1
    script.got(2, at=5)
    script.got(1, at=7)
    script.final("n1", {"list-0": [1]})
    again, own = judged(script).findings
    assert "missed what it had read before: list-0=1" in again.title
    assert "operation 1 had shown it" in again.lines
    assert "missed its own write: list-0=1" in own.title
    assert not any("had shown it" in line for line in own.lines)
    assert any("list-0=1 was acknowledged to process 1" in line for line in own.lines)


def test_one_on_a_replica_is_counted_and_no_violation():
    script = clients()
    script.wrote(1, 1, at=1)
    script.peeked(1, "n2", {"list-0": []}, at=3)
    script.final("n1", {"list-0": [1]})
    result = judged(script)
    assert result.verdict is Verdict.HOLDS
    assert result.figures["replica_read_your_writes"] == 1


@pytest.mark.parametrize("again,verdict", [((1,), Verdict.HOLDS), ((), Verdict.VIOLATED)])
def test_what_a_client_saw_on_the_primary_stays(again, verdict):
    script = clients()
    script.wrote(1, 1, at=1, outcome=Outcome.INFO)
    script.got(2, 1, at=3)
    script.got(2, *again, at=5)
    script.final("n1", {"list-0": [1]})
    assert judged(script).verdict is verdict
    assert figure(script, "primary_monotonic_reads") == (verdict is Verdict.VIOLATED)


def test_reads_that_overlap_have_no_order():
    script = clients()
    script.wrote(1, 1, at=1, outcome=Outcome.INFO)
    script.got(2, 1, at=3)
    script.got(2, at=3.5)
    script.final("n1", {"list-0": [1]})
    assert judged(script).verdict is Verdict.HOLDS


def test_monotonic_reads_on_replicas_are_counted():
    script = clients()
    script.wrote(1, 1, at=1)
    script.peeked(2, "n2", {"list-0": [1]}, at=3)
    script.peeked(2, "n3", {"list-0": []}, at=5)
    script.final("n1", {"list-0": [1]})
    assert figure(script, "replica_monotonic_reads") == 1


def prefix(shown, second="list-1", by=2):
    """One client writes to list-0, then one to another list; a replica shows the second write."""
    script = clients()
    script.wrote(1, 1, at=1)
    script.wrote(by, 2, at=3, key=second)
    script.peeked(3, "n2", {"list-0": shown, second: [2]}, at=5)
    script.final("n1", {"list-0": [1], second: [2]})
    return script


def test_no_node_shows_a_write_without_those_before_it():
    assert judged(prefix([1])).verdict is Verdict.HOLDS
    result = judged(prefix([]))
    assert result.verdict is Verdict.VIOLATED
    assert result.figures["replica_prefix"] == 1
    assert "replica_monotonic_writes" not in result.figures
    assert "list-1=2 was called by process 2" in told(result)


def test_nor_a_client_s_second_write_without_its_first():
    assert figure(prefix([], by=1), "replica_monotonic_writes") == 1


def test_writes_that_overlap_have_no_order():
    script = clients()
    script.wrote(1, 1, at=1, returned=4)
    script.wrote(2, 2, at=3, key="list-1")
    script.peeked(3, "n2", {"list-0": [], "list-1": [2]}, at=5)
    script.final("n1", {"list-0": [1], "list-1": [2]})
    assert judged(script).verdict is Verdict.HOLDS


def test_what_a_writer_had_seen_comes_before_what_it_wrote():
    script = clients()
    script.wrote(1, 1, at=1, outcome=Outcome.INFO)
    script.got(2, 1, at=3)
    script.wrote(2, 2, at=5, key="list-1")
    script.peeked(3, "n2", {"list-0": [], "list-1": [2]}, at=7)
    script.final("n1", {"list-0": [1], "list-1": [2]})
    assert figure(script, "replica_writes_follow_reads") == 1
    assert judged(script).verdict is Verdict.VIOLATED


def test_what_is_lost_in_the_end_is_missed_by_nobody():
    script = clients()
    script.wrote(1, 1, at=1)
    script.got(1, at=3)
    script.final("n1", {"list-0": []})
    assert judged(script).verdict is Verdict.HOLDS


def broken(mode=Mode.QUORUM, **settings):
    script = clients(mode, **settings)
    script.wrote(1, 1, at=1)
    script.got(1, at=3)
    script.final("n1", {"list-0": [1]})
    return script


@pytest.mark.parametrize("mode", [mode for mode in Mode if mode is not Mode.ASYNC])
def test_it_is_promised_in_all_modes_but_async(mode):
    assert judged(broken(mode)).verdict is Verdict.VIOLATED


@pytest.mark.parametrize(
    "settings", [{"mode": Mode.ASYNC}, {"visibility": Visibility.ON_APPLY}, {"failover": Failover.MANUAL}]
)
def test_where_it_is_not_promised_it_is_measured(settings):
    result = judged(broken(**settings))
    assert result.verdict is Verdict.HOLDS
    assert "not judged" in result.summary
    assert result.figures["primary_read_your_writes"] == 1


@pytest.mark.parametrize("fault", ["disk-loss", "bit-rot", "lost-write", "promote"])
def test_what_excuses_losses_excuses_this(fault):
    script = broken()
    script.episode(fault, "n2", at=0.5, until=2)
    assert judged(script).verdict is Verdict.HOLDS


def test_a_power_cut_destroys_copies_only_in_memory():
    for mode, verdict in ((Mode.SEMI_SYNC, Verdict.VIOLATED), (Mode.SEMI_SYNC_MEMORY, Verdict.HOLDS)):
        script = broken(mode)
        script.episode("power-cut", "n2", at=0.5, until=2)
        assert judged(script).verdict is verdict


def test_degraded_acknowledgements_excuse_it():
    script = broken(degrades=True)
    script.wrote(1, 2, at=5, key="list-1", degraded=True)
    assert judged(script).verdict is Verdict.HOLDS


def test_an_operator_excuses_it():
    script = broken()
    script.elected("n2", 2, at=2, cause=Cause.OPERATOR)
    assert judged(script).verdict is Verdict.HOLDS


def test_how_far_replicas_are_behind():
    script = clients()
    for value in range(4):
        script.wrote(1, value, at=10 * value, returned=10 * value + 1)
    script.peeked(2, "n2", {"list-0": [0, 1]}, at=51)
    script.peeked(2, "n2", {"list-0": [0, 1, 2, 3]}, at=60)
    script.peeked(2, "n3", {"list-0": [0, 1, 2, 3]}, at=60)
    script.final("n1", {"list-0": [0, 1, 2, 3]})
    figures = judged(script).figures
    assert (figures["n2_reads"], figures["n2_stale"]) == (2, 1)
    assert figures["n2_lag_max_s"] == pytest.approx(0.03)
    assert figures["n2_lag_p50_s"] == pytest.approx(0.015)
    assert (figures["n3_reads"], figures["n3_stale"], figures["n3_lag_max_s"]) == (1, 0, 0)
    assert "replicas up to 0.030 s behind" in judged(script).summary


def epochs(*, called, answered=None, final=(2,), **fields):
    """A write of epoch 1, and one of epoch 2 that is acknowledged at 11 ms."""
    script = clients()
    script.wrote(2, 2, at=10, epoch=2, offset=5)
    script.wrote(1, 1, at=called, returned=answered, epoch=1, offset=5, **fields)
    script.final("n2", {"list-0": list(final)})
    return judged(script, "n2")


def test_an_old_epoch_falls_silent_once_a_newer_one_has_acknowledged():
    result = epochs(called=12)
    assert result.verdict is Verdict.VIOLATED
    assert result.figures["late_acknowledgements"] == 1
    assert "epoch 1 acknowledged list-0=1 after epoch 2 had begun to" in told(result)


def test_what_the_newer_epoch_holds_it_may_acknowledge():
    assert epochs(called=12, final=(1, 2)).verdict is Verdict.HOLDS


def test_an_answer_may_have_been_long_on_its_way():
    result = epochs(called=10.5, answered=30)
    assert result.verdict is Verdict.HOLDS
    assert result.figures["epoch_window_s"] == pytest.approx(0.019)


def test_a_degraded_acknowledgement_promises_less():
    assert epochs(called=12, degraded=True).verdict is Verdict.HOLDS


def test_without_a_survivor_nobody_knows():
    assert judged(broken(), survivor=None).verdict is Verdict.INCONCLUSIVE


def test_a_system_that_is_not_to_recover_is_not_judged():
    result = judged(broken(), recovered=False, recovery_expected=False)
    assert result.verdict is Verdict.HOLDS


@given(st.data())
def test_clients_of_one_log_that_all_nodes_apply_in_order_are_satisfied(data):
    """Whatever clients do: reads of the primary show the log, those of replicas any former state."""
    script, log, lists = clients(), [], {}
    applied = {"n2": 0, "n3": 0}
    for step in range(data.draw(st.integers(1, 25))):
        at, process = 10 * step, data.draw(st.integers(1, 3))
        match data.draw(st.sampled_from(("write", "get", "peek"))):
            case "write":
                key = f"list-{data.draw(st.integers(0, 1))}"
                outcome = data.draw(st.sampled_from((Outcome.OK, Outcome.OK, Outcome.INFO)))
                script.wrote(process, step, at=at, key=key, outcome=outcome)
                log.append((key, step))
                lists.setdefault(key, []).append(step)
            case "get":
                script.got(process, *lists.get("list-0", ()), at=at)
            case _:
                node = data.draw(st.sampled_from(("n2", "n3")))
                applied[node] = data.draw(st.integers(applied[node], len(log)))
                state = {
                    key: [v for k, v in log[: applied[node]] if k == key] for key in ("list-0", "list-1")
                }
                script.peeked(process, node, state, at=at)
    script.final("n1", {key: lists.get(key, []) for key in ("list-0", "list-1")})
    result = judged(script)
    assert result.verdict is Verdict.HOLDS, told(result)
    assert not {name for name in result.figures if name.startswith("primary_") and name != "primary_reads"}
    assert not result.figures.get("replica_prefix")
