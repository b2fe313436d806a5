"""What a search tries next: the same for the same seed, and always a scenario that can be run."""

from dataclasses import fields
from itertools import pairwise

import pytest
from msgspec.structs import replace

from harness import schema
from harness.campaign import draw, plan
from harness.contract import Mode
from harness.scenario import FaultStep
from nodes.reference.settings import MS, Settings

SEEDS = range(300)


def test_the_same_seed_gives_the_same_scenario():
    for seed in (0, 7, 12345):
        assert draw.scenario(seed, draw.Aim()) == draw.scenario(seed, draw.Aim())
    assert draw.scenario(1, draw.Aim()) != draw.scenario(2, draw.Aim())


def test_every_scenario_is_one_that_a_file_can_hold():
    for seed in SEEDS:
        scenario = draw.scenario(seed, draw.Aim())
        assert schema.parse(schema.dump(scenario), f"seed {seed}") == scenario


def test_there_are_enough_nodes_for_the_confirmations_that_are_wanted():
    aim = draw.Aim(modes=(Mode.SEMI_SYNC,), settings={"k": 2})
    assert {draw.scenario(seed, aim).nodes for seed in SEEDS} == {3, 4, 5}


def test_mutations_are_scenarios_too_and_differ_in_their_faults():
    changed = 0
    for seed in SEEDS:
        parent = draw.scenario(seed, draw.Aim())
        child = draw.mutated(parent, seed + 1000, draw.Aim())
        assert schema.parse(schema.dump(child), f"seed {seed}") == child
        assert (child.mode, child.settings, child.nodes) == (parent.mode, parent.settings, parent.nodes)
        changed += child.faults != parent.faults
    assert changed > 0.9 * len(SEEDS)


def test_seeds_differ_in_mode_and_in_the_kinds_of_faults():
    scenarios = [draw.scenario(seed, draw.Aim()) for seed in SEEDS]
    assert {scenario.mode for scenario in scenarios} == set(Mode)
    kinds = {step.fault for scenario in scenarios for step in scenario.faults}
    assert kinds == set(plan.WITHIN), "each kind comes up, and none that contracts do not speak of"
    without_kills = [s for s in scenarios if "kill" not in {step.fault for step in s.faults}]
    assert len(without_kills) > 0.3 * len(SEEDS), "each seed leaves some kinds out"


def test_some_crashes_are_aimed_at_steps_of_an_acknowledgement():
    points = {
        step.options["at"]
        for seed in SEEDS
        for step in draw.scenario(seed, draw.Aim()).faults
        if "at" in step.options
    }
    assert points == {"write", "flush", "flushed", "send", "reply", "any"}


def steps():
    return [step for seed in SEEDS for step in draw.scenario(seed, draw.Aim()).faults]


def test_some_faults_follow_a_timer_of_the_store_and_some_last_as_long_as_one():
    aim = draw.Aim(settings={"lease_ms": 1000, "election_ms": 1100})
    plans = [draw.scenario(seed, aim).faults for seed in SEEDS]
    close = [abs(1.05 - (b.at_s - a.at_s)) < 0.12 for faults in plans for a, b in pairwise(faults)]
    assert 0.1 < sum(close) / len(close) < 0.4
    lasting = [abs(1.05 - step.for_s) < 0.12 for faults in plans for step in faults]
    assert 0.1 < sum(lasting) / len(lasting) < 0.4
    degrading = plan.timers_s({"lease_ms": 100, "election_ms": 200, "degrade_after_ms": 300})
    assert degrading == pytest.approx((0.1, 0.2, 0.3, 0.3))


def test_some_faults_begin_while_the_one_before_lasts():
    plans = [draw.scenario(seed, draw.Aim()).faults for seed in SEEDS]
    within = [b.at_s < a.at_s + a.for_s for faults in plans for a, b in pairwise(faults)]
    assert 0.3 < sum(within) / len(within) < 0.7


def test_some_plans_end_with_a_crash_of_what_was_struck_before():
    aim = draw.Aim(faults=("partition", "kill"))
    plans = [draw.scenario(seed, aim).faults for seed in SEEDS]
    late = [faults[-1] for faults in plans if faults[-1].at_s > draw.SPAN_S - draw.LAST_S - 0.3]
    crashes = [step for step in late if step.fault == "kill"]
    assert 0.2 < len(crashes) / len(SEEDS) < 0.5
    assert {"all", "primary"} < {step.target for step in crashes}
    assert any(step.target.startswith("$") for step in crashes)
    without = draw.Aim(faults=("partition",))
    assert all(step.fault == "partition" for seed in SEEDS for step in draw.scenario(seed, without).faults)


def test_some_scenarios_have_entries_that_are_longer_than_a_sector():
    options = [draw.scenario(seed, draw.Aim()).workload_options for seed in SEEDS]
    long = [each["key_bytes"] for each in options if "key_bytes" in each]
    assert 0.2 < len(long) / len(SEEDS) < 0.5
    assert max(long) > 512


def test_the_timers_are_those_of_the_store():
    timers = {field.name: field.default for field in fields(Settings)}
    assert timers["lease_ns"] == plan.LEASE_MS * MS
    assert timers["election_ns"] == plan.ELECTION_MS * MS


def test_some_clogs_are_swizzled():
    clogs = [step for step in steps() if step.fault == "clog"]
    swizzled = [step for step in clogs if "swizzle_ms" in step.options]
    assert 0.2 < len(swizzled) / len(clogs) < 0.8


def test_some_faults_strike_whom_an_earlier_one_struck():
    again = 0
    for seed in SEEDS:
        known = set()
        for step in draw.scenario(seed, draw.Aim()).faults:
            if step.target and step.target.startswith("$"):
                again += 1
                assert step.target[1:] in known
            known.add(step.bind)
    assert again > 0.05 * len(steps())


def test_who_aims_at_a_fault_that_is_gone_aims_at_the_primary():
    first = FaultStep(fault="kill", target="replica", at_s=1, bind="f0")
    again = FaultStep(fault="pause", target="$f0", at_s=2)
    assert plan.ordered([again, first]) == (first, again)
    assert plan.ordered([first]) == (replace(first, bind=None),)
    assert plan.ordered([again]) == (replace(again, target="primary"),)
    late = replace(first, at_s=3)
    assert plan.ordered([late, again]) == (replace(again, target="primary"), replace(late, bind=None))


@pytest.mark.parametrize("seed", range(20))
def test_an_aim_is_kept(seed):
    aim = draw.Aim(
        modes=(Mode.SYNC,),
        faults=("kill", "bit-rot"),
        nodes=4,
        settings={"degrade_after_ms": 300},
        workload="mixed",
    )
    scenario = draw.scenario(seed, aim)
    assert (scenario.mode, scenario.nodes, scenario.workload) == (Mode.SYNC, 4, "mixed")
    assert scenario.settings["degrade_after_ms"] == 300
    assert {step.fault for step in scenario.faults} <= {"kill", "bit-rot"}
