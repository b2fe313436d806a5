"""Real runs of a self-test: what they can be made of, that they are rehearsed, and what is kept of them."""

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from harness.campaign import draw, one, stage
from harness.campaign.draw import Aim
from harness.campaign.one import Try
from harness.campaign.stage import Real
from harness.contract import Mode
from harness.scenario import Scenario
from harness.verdict import Verdict

FAKE_CELL = Path(__file__).parents[1] / "fake_cell.py"
EARLY = Aim(
    modes=(Mode.SEMI_SYNC,), faults=("power-cut", "flaky"), settings={"bug": "ack-before-local-flush"}
)


@pytest.fixture
def real(tmp_path: Path) -> Real:
    return Real("local", tmp_path / "kept")


def drawn(real: Real, aim: Aim, seeds: int) -> list[Scenario]:
    return [draw.scenario(seed, real.aimed(aim)) for seed in range(seeds)]


def test_real_machines_are_struck_by_the_faults_that_they_have(real: Real) -> None:
    assert {step.fault for each in drawn(real, EARLY, 20) for step in each.faults} == {"power-cut"}
    everything = drawn(real, Aim(), 200)
    assert {step.fault for each in everything for step in each.faults} == set(draw.REAL)
    assert {each.machines for each in everything} == {"local"}


def test_what_is_tried_for_real_has_been_violated_in_simulation(real: Real) -> None:
    aim = real.aimed(EARLY)
    found = stage.rehearsed(Try(seed=3, scenario=draw.scenario(3, aim)), aim)
    assert found.machines == "local"
    assert one.attempt(Try(seed=found.seed, scenario=replace(found, machines="sim"))).violations


def test_where_no_rehearsal_is_violated_the_run_is_made_as_drawn(
    real: Real, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "REHEARSALS", 2)
    aim = real.aimed(replace(EARLY, settings={}))
    scenario = draw.scenario(3, aim)
    assert stage.rehearsed(Try(seed=3, scenario=scenario), aim) == scenario


@pytest.mark.parametrize(
    "behaviour,verdict,kept",
    [
        ("holds", Verdict.HOLDS, False),
        ("skipped", Verdict.INCONCLUSIVE, False),
        ("violated", Verdict.VIOLATED, True),
        ("crash", Verdict.ERROR, True),
    ],
)
def test_only_a_run_that_is_violated_or_failed_is_kept(
    real: Real, tmp_path: Path, behaviour: str, verdict: Verdict, kept: bool
) -> None:
    def command(scenario: Path, folder: Path) -> Sequence[str]:
        return (sys.executable, str(FAKE_CELL), behaviour, str(folder))

    keep = tmp_path / "kept"
    wanted = Try(seed=7, scenario=draw.scenario(7, real.aimed(Aim())))
    outcome = stage.attempt(wanted, keep=keep, command=command)
    assert (outcome.seed, outcome.verdict) == (7, verdict)
    assert (keep / "seed-7").is_dir() == kept
    assert (keep / "seed-7.yaml").is_file() == kept
    assert (outcome.error is not None) == (verdict is Verdict.ERROR)
