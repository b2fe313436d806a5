"""A planted bug is found on real processes, and the store without it is not accused there."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from harness.campaign import stage
from harness.campaign.executors import LocalProcesses
from harness.campaign.one import Try
from harness.campaign.selftest import Hunt, Hunter, Limits
from harness.campaign.stage import Real
from harness.contract import Mode
from harness.scenario import FaultStep, Scenario
from nodes.planted import BUGS

pytestmark = [pytest.mark.cluster, pytest.mark.root]

LIMITS = Limits(time_s=600, bug_seeds=8, canary=2, silence=2)


class Nobody:
    """Watches nothing."""

    def hunting(self, name: str, seeds: int) -> None:
        pass

    def hunted(self, hunt: Hunt) -> None:
        pass


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[LocalProcesses]:
    executor = LocalProcesses(2, scratch=tmp_path)
    yield executor
    executor.close()


def test_an_early_acknowledgement_is_found_on_real_processes(workers: LocalProcesses, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    hunter = Hunter(workers, limits=LIMITS, watcher=Nobody(), stage=Real("local", kept))
    result = hunter.run([BUGS["ack-before-local-flush"], BUGS["wall-clock-lease"]])
    (hunt,) = result.bugs
    assert hunt.checker in ("copies", "durability"), hunt
    assert (kept / hunt.name / f"seed-{hunt.seed}" / "results.json").is_file()
    assert [waiting.name for waiting in result.waiting] == ["wall-clock-lease"]
    assert result.canary is not None and result.silence is not None
    assert (result.canary.seed, result.canary.errors) == (None, 0)
    assert (result.silence.accused, result.silence.errors, result.silence.seeds) == ((), (), 2)
    assert not any((kept / "store").glob("*"))


LATE_ANSWERS = Scenario(
    name="late-answers",
    mode=Mode.ASYNC,
    settings={"lease_ms": 250, "election_ms": 300, "bug": "heartbeats-keep-a-paused-primary-alive"},
    clients=5,
    rate=300.0,
    time_limit_s=4.0,
    recovery_s=10.0,
    faults=(
        FaultStep(fault="pause", target="replicas", at_s=1.0, for_s=0.2),
        FaultStep(fault="pause", target="primary", at_s=1.13, for_s=0.67, bind="late"),
        FaultStep(
            fault="partition", target="$late", at_s=1.5, for_s=1.5, options={"shape": "primary-isolated"}
        ),
    ),
)
"""Replicas answer heartbeats while the primary is paused, which is cut off before it reads the answers."""


def test_a_lease_that_counts_from_late_answers_is_found_where_three_faults_meet(tmp_path: Path) -> None:
    """Searches do not draw this in minutes: on a network without delays, it hangs on a tenth of a second."""
    for seed in range(1, 11):
        scenario = replace(LATE_ANSWERS, seed=seed)
        outcome = stage.attempt(Try(seed=seed, scenario=scenario), keep=tmp_path / "kept")
        if outcome.violations:
            break
    assert "durability" in dict(outcome.violations), outcome
