"""The planted bugs as data: whole, distinct, and kept out of the store."""

import ast
from collections import Counter
from pathlib import Path

import pytest
from msgspec.structs import replace

from harness import plugins, schema
from harness.campaign.aims import planted
from harness.campaign.draw import scenario
from nodes.planted import BUGS, Bug
from nodes.planted.bug import LOST_NAME
from nodes.planted.catalogue import _FILES
from nodes.planted.variant import changed

STORE = Path(__file__).parents[2] / "nodes" / "reference"

every_bug = pytest.mark.parametrize("bug", BUGS.values(), ids=lambda bug: bug.name)


def test_no_two_bugs_have_the_same_name() -> None:
    assert len(BUGS) == sum(len(file.BUGS) for file in _FILES)
    assert list(BUGS) == [bug.name for bug in BUGS.values()]


def test_every_way_to_lose_acknowledged_writes_has_at_least_two() -> None:
    ways = Counter(bug.way for bug in BUGS.values())
    assert set(ways) == set(range(1, 11))
    assert min(ways.values()) >= 2
    assert len(BUGS) >= 40


@every_bug
def test_a_bug_tells_what_the_store_does_wrong(bug: Bug) -> None:
    assert bug.name == bug.name.lower() and " " not in bug.name
    assert bug.summary.endswith(".") and "\n" not in bug.summary
    assert bug.edits


@every_bug
def test_every_edit_fits_the_store_and_leaves_it_sound_python(bug: Bug) -> None:
    modules = {edit.module: (STORE / edit.module).read_text() for edit in bug.edits}
    for edit in bug.edits:
        modules[edit.module] = changed(modules[edit.module], edit)
    for module, text in modules.items():
        assert text != (STORE / module).read_text()
        ast.parse(text, module)


@every_bug
def test_a_bug_needs_faults_that_there_are(bug: Bug) -> None:
    assert set(bug.needs) <= set(plugins.installed("acked.faults"))
    assert bug.real is True or bug.real in (*bug.needs, "crash-point", LOST_NAME)


@every_bug
def test_what_is_drawn_for_a_bug_is_a_scenario_that_anybody_may_run(bug: Bug, tmp_path: Path) -> None:
    for seed in range(8):
        file = tmp_path / f"{seed}.yaml"
        file.write_text(schema.dump(scenario(seed, replace(planted(bug), machines="local"))))
        assert schema.load(file).nodes >= 2


@pytest.mark.parametrize("module", sorted(STORE.glob("*.py")), ids=lambda path: path.name)
def test_the_store_knows_nothing_of_planted_bugs(module: Path) -> None:
    text = module.read_text()
    assert "planted" not in text.lower()
    assert not [name for name in BUGS if name in text]
