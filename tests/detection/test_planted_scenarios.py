"""The scenarios by which `make vm` finds planted bugs find them in simulation too, and accuse no correct store."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from harness import schema
from harness.running import perform
from harness.scenario import Scenario
from harness.verdict import Verdict

FILES = sorted((Path(__file__).parents[2] / "vagrant" / "planted").glob("*.yaml"))


def scenario_of(file: Path, seed: int) -> Scenario:
    return replace(schema.load(file), machines="sim", seed=seed)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_each_finds_its_bug(tmp_path: Path, file: Path, seed: int) -> None:
    scenario = scenario_of(file, seed)
    assert scenario.settings["bug"] == scenario.name == file.stem
    assert perform(scenario, tmp_path).verdict is Verdict.VIOLATED


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_store_without_it_is_not_accused(tmp_path: Path, file: Path) -> None:
    scenario = scenario_of(file, 1)
    settings = {name: value for name, value in scenario.settings.items() if name != "bug"}
    result = perform(replace(scenario, settings=settings), tmp_path)
    assert result.verdict is Verdict.HOLDS, [check for check in result.checks if check.findings]


def test_there_is_one_for_each_way_an_acknowledgement_goes_wrong() -> None:
    assert {file.stem for file in FILES} == {
        "ack-before-local-flush",
        "ack-before-replica-flush",
        "lose-last-group-commit-batch",
        "old-primary-not-fenced",
    }
