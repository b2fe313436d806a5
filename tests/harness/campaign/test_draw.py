"""What a search tries next: the same for the same seed, and always a scenario that can be run."""

import pytest

from harness import schema
from harness.campaign import draw
from harness.contract import Mode

SEEDS = range(300)


def test_the_same_seed_gives_the_same_scenario():
    for seed in (0, 7, 12345):
        assert draw.scenario(seed, draw.Aim()) == draw.scenario(seed, draw.Aim())
    assert draw.scenario(1, draw.Aim()) != draw.scenario(2, draw.Aim())


def test_every_scenario_is_one_that_a_file_can_hold():
    for seed in SEEDS:
        scenario = draw.scenario(seed, draw.Aim())
        assert schema.parse(schema.dump(scenario), f"seed {seed}") == scenario


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
    assert kinds == set(draw.WITHIN), "each kind comes up, and none that contracts do not speak of"
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
