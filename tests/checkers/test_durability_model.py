"""The durability checker against a model that knows the truth, on thousands of small random runs."""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_model import STEPS, World

from checkers.evidence.case import Case
from checkers.rulings.losses import Court
from harness.contract import Mode

MODES = tuple(Mode)

steps = st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 3), st.integers(0, 15)), max_size=60)


def disagreements(world: World) -> list[str]:
    survivor = world.finish()
    run = world.script.run(survivor)
    case = Case(run)
    court = Court(case)
    found = {lost.write.value: lost.judgement for lost in court.rulings(court.lost_rows())}
    lost = {ack.entry.value: ack for ack in world.lost()}
    wrong = []
    if set(found) != set(lost):
        wrong.append(f"lost: checker {sorted(found)}, model {sorted(lost)}")
    for value in sorted(set(found) & set(lost)):
        expected = world.ruling(lost[value])
        if found[value].ruling != expected:
            wrong.append(f"{value}: checker {found[value].ruling} ({found[value].reason}), model {expected}")
    short = {write.value for write in case.ledger.writes(court.copies.short)}
    if short != {ack.entry.value for ack in world.acks if ack.short}:
        wrong.append(
            f"short: checker {sorted(short)}, model {[a.entry.value for a in world.acks if a.short]}"
        )
    if court.copies.unproved.any():
        wrong.append("unproved copies, though every node reported at the end")
    return wrong


def outcomes(world: World) -> Counter[str]:
    return Counter(world.ruling(ack) for ack in world.lost())


@settings(max_examples=300)
@given(mode=st.sampled_from(MODES), degrades=st.booleans(), steps=steps)
def test_checker_agrees_with_the_model(mode, degrades, steps):
    world = World(mode, degrades=degrades)
    for step in steps:
        world.step(*step)
    assert disagreements(world) == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("degrades", [False, True])
def test_checker_agrees_with_the_model_on_random_runs(mode, degrades):
    draw = random.Random(f"{mode}-{degrades}")
    seen: Counter[str] = Counter()
    for _ in range(250):
        world = World(mode, degrades=degrades)
        for _ in range(draw.randrange(20, 90)):
            world.step(draw.choice(STEPS), draw.randrange(4), draw.randrange(16))
        assert disagreements(world) == []
        seen += outcomes(world)
    assert seen["permitted"] >= 5
    assert seen["forbidden"] >= 5
