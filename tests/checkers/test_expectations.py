import pytest
from recorded_runs import NODES, Script, told

from checkers import expectations
from checkers.durability import Durability
from checkers.phantom import PhantomReads
from harness.contract import Mode
from harness.events import Applied, Cause, Medium, Started, Waiting
from harness.operation import Outcome
from harness.system import SettingError
from harness.verdict import Verdict

HOLDS, VIOLATED, INCONCLUSIVE = Verdict.HOLDS, Verdict.VIOLATED, Verdict.INCONCLUSIVE


def check(script, expect, survivor="n1", **fields):
    run = script.run(survivor, **fields)
    return expectations.check(expect, run, [Durability().check(run), PhantomReads().check(run)])


def quiet(**settings):
    script = Script(Mode.ASYNC, **settings)
    script.bootstrap()
    script.write(0, at=100, entry=(1, 1), on=NODES)
    script.final("n1", {"list-0": [0]})
    return script


def lossy(lost=(2,), kept=(1,)):
    """A run in which n2 takes over from n1 at 500 ms and lacks the offsets `lost`."""
    script = Script(Mode.ASYNC)
    script.bootstrap()
    for offset in (*kept, *lost):
        script.write(offset, at=100 + offset, entry=(1, offset), on=NODES if offset in kept else ("n1",))
    script.episode("kill", "n1", at=400, until=900)
    script.elected("n2", 2, at=500, log=(1, max(kept, default=0)) if kept else (0, 0), heard=("n2", "n3"))
    script.final("n2", {"list-0": list(kept)})
    return script


# Names and values


@pytest.mark.parametrize(
    ("expect", "field", "allowed"),
    [
        ({"los": "none"}, "los", "loss"),
        ({"loss": "some"}, "loss", "shown"),
        ({"loss": None}, "loss", "none"),
        ({"suffix": "none"}, "suffix", "shown"),
        ({"failover": True}, "failover", "none"),
        ({"recovered": "maybe"}, "recovered", "yes"),
        ({"blocked": 3}, "blocked", None),
        ({"blocked": ""}, "blocked", None),
        ({"flowing": {"while": "cut"}}, "flowing.while", "during"),
        ({"flowing": {"after_s": 1}}, "flowing", None),
        ({"flowing": {"during": "cut", "after_s": -1}}, "flowing.after_s", None),
        ({"latency": "slow"}, "latency", None),
        ({"latency": {"during": "slow"}}, "latency", None),
        ({"latency": {"during": "slow", "ratio_at_least": 2, "ratio_at_most": 3}}, "latency", None),
        ({"latency": {"during": "slow", "ratio": 2}}, "latency.ratio", "ratio_at_least"),
        ({"latency": {"during": "slow", "ratio_at_most": "much"}}, "latency.ratio_at_most", None),
        ({"latency": {"ratio_at_least": 2, "ratio_at_most": 3}}, "latency", None),
    ],
)
def test_wrong_names_and_values_are_refused(expect, field, allowed):
    with pytest.raises(SettingError) as caught:
        expectations.validate(expect)
    assert caught.value.field == field
    assert allowed is None or allowed in caught.value.allowed


def test_right_ones_are_accepted():
    expectations.validate(
        {
            "loss": "any",
            "suffix": "shown",
            "degraded": "none",
            "blocked": "cut",
            "flowing": {"during": "cut", "after_s": 1},
            "refused": "shown",
            "failover": "none",
            "truncated": "shown",
            "unapplied": "shown",
            "unflushed": "shown",
            "phantoms": "none",
            "latency": {"during": "slow", "ratio_at_least": 2.5},
            "fenced": "shown",
            "recovered": True,
        }
    )


def test_each_expectation_is_told_and_the_gravest_verdict_stands():
    result = check(lossy(), {"loss": "none", "suffix": "shown", "truncated": "shown"}, "n2")
    assert [finding.verdict for finding in result.findings] == [VIOLATED, HOLDS, INCONCLUSIVE]
    assert result.verdict is VIOLATED
    assert result.summary == "1 of 3 expectations met"


def test_nothing_expected_is_met():
    assert check(quiet(), {}).verdict is HOLDS


# Losses


@pytest.mark.parametrize(
    ("word", "with_loss", "without"),
    [("shown", HOLDS, INCONCLUSIVE), ("none", VIOLATED, HOLDS), ("any", HOLDS, HOLDS)],
)
def test_loss(word, with_loss, without):
    assert check(lossy(), {"loss": word}, "n2").verdict is with_loss
    assert check(quiet(), {"loss": word}).verdict is without


def test_a_forbidden_loss_is_not_the_one_to_show():
    script = quiet()
    script.write(1, at=110, entry=(1, 2), on=NODES)
    assert check(script, {"loss": "shown"}).verdict is INCONCLUSIVE


def test_an_unexpected_loss_is_told_as_a_story():
    assert "acknowledged by n1" not in told(check(lossy(), {"loss": "any"}, "n2"))
    assert "acknowledged by n1 as offset 2 of epoch 1" in told(check(lossy(), {"loss": "none"}, "n2"))


def test_without_the_durability_checker_nothing_is_known_of_losses():
    for word in ("shown", "none", "any"):
        assert expectations.check({"loss": word}, quiet().run(), []).verdict is INCONCLUSIVE
    assert expectations.check({"phantoms": "none"}, quiet().run(), []).verdict is INCONCLUSIVE


@pytest.mark.parametrize(
    ("lost", "kept", "verdict"),
    [
        ((3, 4), (1, 2), HOLDS),
        ((2,), (1, 3), VIOLATED),
        ((1, 2), (), INCONCLUSIVE),
        ((), (1, 2), INCONCLUSIVE),
    ],
)
def test_suffix(lost, kept, verdict):
    assert check(lossy(lost, kept), {"suffix": "shown"}, "n2").verdict is verdict


def test_degraded():
    for mark, shown, none in ((True, HOLDS, VIOLATED), (False, INCONCLUSIVE, HOLDS)):
        script = quiet(degrades=True)
        script.write(1, at=110, entry=(1, 2), degraded=mark)
        assert check(script, {"degraded": "shown"}).verdict is shown
        assert check(script, {"degraded": "none"}).verdict is none


def test_phantoms():
    for read, shown, none in (([0, 1], HOLDS, VIOLATED), ([0], INCONCLUSIVE, HOLDS)):
        script = quiet()
        script.op("append", "list-0", 1, at=110, outcome=Outcome.INFO)
        script.op("get", "list-0", at=120, value=read)
        assert check(script, {"phantoms": "shown"}).verdict is shown
        assert check(script, {"phantoms": "none"}).verdict is none


# What clients got during a fault


def windowed(calls, **episode):
    """Appends called at these moments; those with a second number return then, the others never."""
    script = Script(Mode.ASYNC)
    script.bootstrap()
    script.episode("partition", "n1", **{"at": 1000, "until": 3000, **episode})
    for value, (called, returned) in enumerate(calls):
        if returned is None:
            script.op("append", "list-0", value, at=called, outcome=Outcome.INFO)
        else:
            script.append(value, at=called, returned=returned)
    return script


@pytest.mark.parametrize(
    ("calls", "blocked", "flowing"),
    [
        ([(500, 600), (2000, 2100)], VIOLATED, HOLDS),
        ([(500, 600), (2000, None)], HOLDS, VIOLATED),
        ([(500, 600)], INCONCLUSIVE, INCONCLUSIVE),
        ([(900, 1100), (2000, None)], HOLDS, VIOLATED),
        ([(1100, 1200), (2000, None)], HOLDS, VIOLATED),
        ([(2900, 3100), (2000, None)], HOLDS, VIOLATED),
        ([(3100, 3200), (2000, None)], HOLDS, VIOLATED),
    ],
)
def test_blocked_and_flowing(calls, blocked, flowing):
    assert check(windowed(calls), {"blocked": "partition"}).verdict is blocked
    assert check(windowed(calls), {"flowing": "partition"}).verdict is flowing


def test_they_may_count_from_later_on():
    calls = [(1500, 1600), (2500, None)]
    assert check(windowed(calls), {"blocked": "partition"}).verdict is VIOLATED
    assert check(windowed(calls), {"blocked": {"during": "partition", "after_s": 1}}).verdict is HOLDS
    assert check(windowed(calls), {"flowing": {"during": "partition", "after_s": 1}}).verdict is VIOLATED
    assert check(windowed(calls), {"flowing": {"during": "partition", "after_s": 9}}).verdict is INCONCLUSIVE


def test_an_episode_is_found_by_its_name_or_its_fault():
    script = windowed([(2000, 2100)])
    named = script.episodes[0]
    script.episodes = [
        type(named)(**{**{f: getattr(named, f) for f in named.__struct_fields__}, "name": "cut"})
    ]
    for name, verdict in (("cut", HOLDS), ("partition", HOLDS), ("kill", INCONCLUSIVE)):
        assert check(script, {"flowing": name}).verdict is verdict


def test_a_fault_that_lasts_to_the_end_acts_until_the_clients_stop():
    script = windowed([(9000, 9100), (9900, 10_100)], until=None)
    assert check(script, {"flowing": "partition"}).verdict is HOLDS


def test_reads_are_no_writes():
    script = windowed([(2000, None)])
    script.op("get", "list-0", at=2000, value=[])
    assert check(script, {"blocked": "partition"}).verdict is HOLDS


def slowed(before_ms, during_ms, count=10):
    calls = [(10 * index, 10 * index + before_ms) for index in range(count)]
    return windowed(calls + [(1100 + 10 * index, 1100 + 10 * index + during_ms) for index in range(count)])


def test_latency():
    slow = slowed(2, 8)
    for bound, verdict in (
        ({"ratio_at_least": 3}, HOLDS),
        ({"ratio_at_least": 5}, INCONCLUSIVE),
        ({"ratio_at_most": 5}, HOLDS),
        ({"ratio_at_most": 3}, VIOLATED),
    ):
        result = check(slow, {"latency": {"during": "partition", **bound}})
        assert result.verdict is verdict, bound
        assert result.figures["latency_ratio"] == pytest.approx(4)
    slow.episode("kill", "n2", at=5000, until=6000)
    slow.append(99, at=4000, returned=4900)
    assert check(slow, {"latency": {"during": "partition", "ratio_at_most": 5}}).figures[
        "latency_before_s"
    ] == pytest.approx(0.002)
    few = slowed(2, 8, count=3)
    assert check(few, {"latency": {"during": "partition", "ratio_at_most": 9}}).verdict is INCONCLUSIVE
    assert check(slow, {"latency": {"during": "kill", "ratio_at_most": 9}}).verdict is INCONCLUSIVE


# What the nodes reported


def test_refused():
    for at, verdict in ((450, HOLDS), (950, INCONCLUSIVE)):
        script = quiet()
        script.episode("kill", "n1", at=400, until=900)
        script.events.append(Waiting(node="n2", at_ns=at * 1_000_000, epoch=2, reason="needs a majority"))
        result = check(script, {"refused": "shown"})
        assert result.verdict is verdict
        assert (verdict is HOLDS) == ("n2 did not become primary: needs a majority" in told(result))


def test_failover():
    same = quiet()
    same.elected("n1", 2, at=500, log=(1, 1), heard=NODES)
    for script, shown, none in (
        (lossy(), HOLDS, VIOLATED),
        (same, INCONCLUSIVE, HOLDS),
        (quiet(), INCONCLUSIVE, HOLDS),
    ):
        survivor = "n2" if script.episodes else "n1"
        assert check(script, {"failover": "shown"}, survivor).verdict is shown
        assert check(script, {"failover": "none"}, survivor).verdict is none


def test_failover_without_reports_shows_in_who_acknowledges():
    for by, verdict in (("n2", HOLDS), ("n1", INCONCLUSIVE)):
        script = Script(Mode.ASYNC, reports=False)
        script.append(0, at=100, by="n1")
        script.op("get", "list-0", at=150, value=[0], node="n3")
        script.append(1, at=200, by=by)
        script.final("n1", {"list-0": [0, 1]})
        assert check(script, {"failover": "shown"}).verdict is verdict


def test_truncated():
    script = lossy()
    assert check(script, {"truncated": "shown"}, "n2").verdict is INCONCLUSIVE
    script.truncated("n1", 1, 2, 2, at=950)
    assert check(script, {"truncated": "shown"}, "n2").verdict is HOLDS


def applied(script, node, offset, *, at):
    script.events.append(Applied(node=node, at_ns=round(at * 1e6), offset=offset))


def test_unapplied():
    for offset, verdict in ((1, HOLDS), (2, INCONCLUSIVE)):
        script = quiet()
        script.stored("n3", (1, 2), at=110)
        applied(script, "n3", offset, at=120)
        applied(script, "n1", 0, at=120)
        script.episode("kill", "n3", at=200, until=300)
        applied(script, "n3", 2, at=350)
        assert check(script, {"unapplied": "shown"}).verdict is verdict


def test_nothing_is_known_of_what_was_applied_where_nobody_reports_it():
    script = quiet()
    script.stored("n3", (1, 2), at=110)
    script.episode("kill", "n3", at=200, until=300)
    said = check(script, {"unapplied": "shown"})
    assert said.verdict is INCONCLUSIVE
    assert any("no node reported what it had applied" in str(finding) for finding in said.findings)


def test_a_restart_is_a_new_beginning():
    script = quiet()
    applied(script, "n3", 1, at=105)
    script.stored("n3", (1, 9), at=110)
    restart = Started(node="n3", at_ns=150_000_000, identity="x", log_epoch=1, log_offset=3, applied=3)
    script.events.append(restart)
    script.episode("kill", "n3", at=200, until=300)
    assert check(script, {"unapplied": "shown"}).verdict is INCONCLUSIVE


def test_a_cut_log_is_shorter():
    for last, verdict in ((2, INCONCLUSIVE), (3, HOLDS)):
        script = quiet()
        script.stored("n3", (1, 9), at=110)
        script.truncated("n3", 1, last + 1, 9, at=120)
        applied(script, "n3", 2, at=130)
        script.episode("kill", "n3", at=200, until=300)
        assert check(script, {"unapplied": "shown"}).verdict is verdict


def test_unflushed():
    for fault, flushed, verdict in (
        ("power-cut", False, HOLDS),
        ("power-cut", True, INCONCLUSIVE),
        ("kill", False, INCONCLUSIVE),
    ):
        script = quiet()
        script.stored("n2", (1, 2), at=110, medium=Medium.MEMORY)
        if flushed:
            script.stored("n2", (1, 2), at=120)
        script.episode(fault, "n2", at=200, until=300)
        assert check(script, {"unflushed": "shown"}).verdict is verdict


def test_a_cut_log_has_nothing_left_to_flush():
    for last, verdict in ((1, INCONCLUSIVE), (2, HOLDS)):
        script = quiet()
        script.stored("n2", (1, 5), at=110)
        script.truncated("n2", 1, 2, 5, at=120)
        script.stored("n2", (2, 1), last=last, at=130, medium=Medium.MEMORY)
        script.episode("power-cut", "n2", at=200, until=300)
        assert check(script, {"unflushed": "shown"}).verdict is verdict


def test_recovered():
    for recovered, yes, no in ((True, HOLDS, VIOLATED), (False, VIOLATED, HOLDS)):
        assert check(quiet(), {"recovered": "yes"}, recovered=recovered).verdict is yes
        assert check(quiet(), {"recovered": True}, recovered=recovered).verdict is yes
        assert check(quiet(), {"recovered": "no"}, recovered=recovered).verdict is no
        assert check(quiet(), {"recovered": False}, recovered=recovered).verdict is no


def test_whether_it_recovers_is_unknown_when_that_was_not_tried_to_its_end():
    for expected in ("yes", "no"):
        result = check(quiet(), {"recovered": expected}, recovered=None)
        assert result.verdict is INCONCLUSIVE
        assert "before it was known" in result.findings[0].title


def test_a_fault_that_was_never_healed_may_be_why_the_system_does_not_recover():
    script = quiet()
    script.episode("kill", "n1", at=200)
    for expected in ("yes", "no"):
        result = check(script, {"recovered": expected}, recovered=False)
        assert result.verdict is INCONCLUSIVE
        assert "kill was never healed" in result.findings[0].title


# Fencing


def paused(mode=Mode.SYNC, *, called=450, present=True, until=900, fault="pause", target="n1"):
    """A run whose first primary is paused at 400 ms, replaced at 500, and acknowledges once more at 910."""
    script = Script(mode)
    script.bootstrap()
    script.write(0, at=100, entry=(1, 1), on=NODES)
    script.episode(fault, target, at=400, until=until)
    script.elected("n2", 2, at=500, log=(1, 2 if present else 1), heard=("n2", "n3"), cause=Cause.ELECTION)
    for node in NODES:
        script.stored(node, (1, 2), at=440)
    script.append(1, at=called, returned=910, entry=(1, 2), by="n1")
    script.final("n2", {"list-0": [0, 1] if present else [0]})
    return script


@pytest.mark.parametrize("mode", [Mode.SYNC, Mode.ASYNC])
def test_a_former_primary_may_acknowledge_what_its_successor_has(mode):
    result = check(paused(mode), {"fenced": "shown"}, "n2")
    assert result.verdict is HOLDS
    assert "n1 came back and acknowledged nothing that the surviving history lacks" in told(result)


def test_but_nothing_else():
    result = check(paused(present=False), {"fenced": "shown"}, "n2")
    assert result.verdict is VIOLATED
    assert result.figures["residual_s"] == pytest.approx(0.41)


def test_a_lease_leaves_a_window_for_what_was_called_before():
    for called, verdict in ((450, HOLDS), (501, VIOLATED)):
        result = check(paused(Mode.ASYNC, called=called, present=False), {"fenced": "shown"}, "n2")
        assert result.verdict is verdict
        assert result.figures["residual_s"] == pytest.approx(0.41)


def test_what_the_error_of_the_clocks_does_not_allow_is_not_concluded():
    """It was acknowledged 410 ms after the election, called 1 ms after it; by a clock that may be so wrong."""
    stale, expected = paused(Mode.ASYNC, called=501, present=False), {"fenced": "shown"}
    assert check(stale, expected, "n2", clock_error_ns=2_000_000).verdict is HOLDS
    assert check(paused(present=False), expected, "n2", clock_error_ns=450_000_000).verdict is INCONCLUSIVE


@pytest.mark.parametrize(
    "run",
    [
        {"until": 490},
        {"until": None},
        {"fault": "kill"},
        {"target": "n3"},
    ],
)
def test_a_former_primary_that_did_not_come_back_shows_nothing(run):
    assert check(paused(**run), {"fenced": "shown"}, "n2").verdict is INCONCLUSIVE
    assert check(quiet(), {"fenced": "shown"}).verdict is INCONCLUSIVE
