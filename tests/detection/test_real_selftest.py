"""A planted bug is found on real processes, and the store without it is not accused there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.campaign.executors import LocalProcesses
from harness.campaign.selftest import Hunt, Hunter, Limits
from harness.campaign.stage import Real
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
