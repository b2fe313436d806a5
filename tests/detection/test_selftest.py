"""The harness finds planted bugs, is silent on the correct store, and would notice if it were blind."""

from collections.abc import Iterator
from statistics import median

import pytest

from harness.campaign.executors import LocalProcesses
from harness.campaign.selftest import Hunt, Hunter, Limits, SelfTest
from harness.campaign.stage import Simulated
from nodes.planted import BUGS

QUICK = (
    "ack-before-local-flush",
    "ack-before-replica-flush",
    "half-is-a-quorum",
    "degrade-silently",
    "degraded-ack-before-it-is-on-record",
    "half-of-the-members-elects",
)
"""Bugs that are found in a few seeds."""

LIMITS = Limits(time_s=600, bug_seeds=15, canary=10, silence=60)


class Nobody:
    """Watches nothing."""

    def hunting(self, name: str, seeds: int) -> None:
        pass

    def hunted(self, hunt: Hunt) -> None:
        pass


@pytest.fixture(scope="module")
def workers() -> Iterator[LocalProcesses]:
    executor = LocalProcesses(2)
    yield executor
    executor.close()


def hunted(workers: LocalProcesses, limits: Limits, *names: str, blind: tuple[str, ...] = ()) -> SelfTest:
    hunter = Hunter(workers, limits=limits, watcher=Nobody(), stage=Simulated(), blind=blind)
    return hunter.run([BUGS[name] for name in names])


def test_planted_bugs_are_found_and_shrunk_and_the_correct_store_is_not_accused(
    workers: LocalProcesses,
) -> None:
    result = hunted(workers, LIMITS, *QUICK)
    assert [hunt.name for hunt in result.bugs if hunt.seed is None] == []
    assert result.silence is not None and result.canary is not None
    assert (result.silence.accused, result.silence.errors, result.silence.seeds) == ((), (), LIMITS.silence)
    assert result.canary.seed is None
    sizes = [(hunt.faults, hunt.operations) for hunt in result.bugs]
    assert all(None not in size for size in sizes)
    assert median(faults or 0 for faults, _ in sizes) <= 3, sizes
    assert median(operations or 0 for _, operations in sizes) <= 10, sizes
    assert result.passed


def test_a_blind_checker_makes_it_fail(workers: LocalProcesses) -> None:
    limits = Limits(time_s=600, bug_seeds=4, canary=1, silence=1)
    assert hunted(workers, limits, "half-is-a-quorum").found == 1
    result = hunted(workers, limits, "half-is-a-quorum", blind=("copies", "durability"))
    assert (result.passed, result.found) == (False, 0)
