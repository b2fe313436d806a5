"""Real runs of a self-test: what they are made of, and what is kept of them."""

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.campaign import plan, stage
from harness.campaign.draw import Aim
from harness.campaign.one import Try
from harness.campaign.stage import Real
from harness.scenario import Scenario
from harness.verdict import Verdict
from nodes.planted import BUGS

FAKE_CELL = Path(__file__).parents[1] / "fake_cell.py"


@pytest.fixture
def real(tmp_path: Path) -> Real:
    return Real("local", tmp_path / "kept")


def drawn(real: Real, aim: Aim, seeds: int) -> list[Scenario]:
    search = real.search(aim, first=1, limit=None)
    return [wanted.scenario for wanted in iter(search.next, None)][:seeds]


def test_real_machines_are_struck_by_the_faults_that_they_have(real: Real) -> None:
    early = Aim(faults=("power-cut", "flaky"))
    assert {step.fault for each in drawn(real, early, 20) for step in each.faults} == {"power-cut"}
    everything = drawn(real, Aim(), 80)
    assert {step.fault for each in everything for step in each.faults} == set(plan.REAL)
    assert {each.machines for each in everything} == {"local"}
    assert len(everything) == 80


def test_a_bug_waits_for_a_fault_only_where_machines_lack_it(real: Real, tmp_path: Path) -> None:
    virtual = Real("vagrant", tmp_path / "kept")
    waiting = {bug.name for bug in BUGS.values() if real.waits_for(bug)}
    assert "fsync-error-swallowed" in waiting and "ack-before-local-flush" not in waiting
    assert {name for name in waiting if virtual.waits_for(BUGS[name])} == {"segment-without-directory-fsync"}
    aim = Aim(faults=("flush-error", "clock-jump", "flaky"))
    assert {step.fault for each in drawn(virtual, aim, 40) for step in each.faults} == {
        "flush-error",
        "clock-jump",
    }


def test_what_has_a_bug_to_be_seen_is_rehearsed(real: Real) -> None:
    search = real.search(Aim(settings={"bug": "ack-before-local-flush"}), first=1, limit=None)
    wanted = search.next()
    assert wanted is not None and wanted.scenario.machines == "sim"


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
    wanted = Try(seed=7, scenario=drawn(real, Aim(), 1)[0])
    outcome = stage.attempt(wanted, keep=keep, command=command)
    assert (outcome.seed, outcome.verdict) == (7, verdict)
    assert (keep / "seed-7").is_dir() == kept
    assert (keep / "seed-7.yaml").is_file() == kept
    assert (outcome.error is not None) == (verdict is Verdict.ERROR)
