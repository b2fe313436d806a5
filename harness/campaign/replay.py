"""A scenario done again: exactly, in simulation; as far as real machines can, in namespaces."""

from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from harness import analysis, schema
from harness.campaign.one import Outcome, Try, attempt
from harness.scenario import Scenario


class Replay(Struct, frozen=True, kw_only=True):
    """What came of doing it again: the first outcome, and how many of `times` were violated.

    `same` tells whether a second run in simulation gave the same bytes; None where time is not virtual.
    """

    outcome: Outcome
    times: int
    violated: int
    same: bool | None


def scenario_of(path: Path) -> Scenario:
    """Return the scenario in a file, or of a run's folder; raises UsageError."""
    return analysis.read_scenario(path) if path.is_dir() else schema.load(path)


def simulate(scenario: Scenario, *, keep: Path | None = None) -> Replay:
    """Do a scenario twice in simulation."""
    scenario = replace(scenario, machines="sim")
    first = attempt(Try(seed=scenario.seed, scenario=scenario), keep=keep)
    second = attempt(Try(seed=scenario.seed, scenario=scenario))
    return Replay(
        outcome=first,
        times=2,
        violated=sum(bool(outcome.violations) for outcome in (first, second)),
        same=first.digest == second.digest,
    )
