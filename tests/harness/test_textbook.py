"""With the real plug-ins: every cell of every plan is a scenario that its system, faults and workload take."""

from pathlib import Path

import pytest

from harness import assembly, matrix, plugins, schema
from harness.contract import Mode
from harness.matrix import Plan
from harness.scenario import Scenario

TEXTS = dict(matrix.textbook_texts())


@pytest.mark.parametrize("name", TEXTS)
def test_a_textbook_case_is_right(name: str) -> None:
    scenario = schema.parse(TEXTS[name], name)
    assert scenario.name == Path(name).stem
    assert scenario.description
    assert scenario.expect, "a textbook case is there to show something"
    assert schema.parse(schema.dump(scenario), name) == scenario


def test_there_is_a_textbook_case_of_every_mode() -> None:
    modes = {schema.parse(text, name).mode for name, text in TEXTS.items()}
    assert modes >= set(Mode) - {Mode.QUORUM}


@pytest.mark.parametrize("nodes", [3, 5])
def test_every_cell_of_the_matrix_is_right(nodes: int) -> None:
    cells = matrix.cells(Plan(full=True, nodes=nodes), [])
    assert len(cells) > 100
    for cell in cells:
        assert schema.parse(schema.dump(cell.scenario), cell.name) == cell.scenario
        assembly.system(cell.scenario)


@pytest.mark.parametrize("fault", ["partition", "kill", "pause", "power-cut", "disk-loss"])
def test_a_column_of_the_matrix_is_a_fault_that_is_installed(fault: str) -> None:
    assert fault in plugins.installed("acked.faults")
    assert fault in matrix.VARIANTS


def test_the_default_scenario_needs_nothing_but_a_name_and_a_mode() -> None:
    for mode in Mode:
        assert schema.parse(f"name: x\nmode: {mode}\n", "s.yaml") == Scenario(name="x", mode=mode)
